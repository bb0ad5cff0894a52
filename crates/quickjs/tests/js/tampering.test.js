// A script that replaces the engine's objects, as zone.js and polyfills do, hurts only itself.

const native = { Promise, then: Promise.prototype.then };

globalThis.Promise = class Zone extends Promise {};
native.Promise.prototype.then = function (...args) {
  if (this === self) throw new Error("patched");
  return Reflect.apply(native.then, this, args);
};
globalThis.Map = globalThis.Set = globalThis.WeakMap = class {
  constructor() {
    throw new Error("replaced");
  }
};
globalThis.JSON = {};
globalThis.Request = globalThis.Response = globalThis.Headers = globalThis.URL = globalThis.Event = undefined;
globalThis.Uint8Array = globalThis.ArrayBuffer = undefined;
globalThis.queueMicrotask = globalThis.setInterval = undefined;
globalThis.structuredClone = globalThis.IDBKeyRange = undefined;

const outcome = [];

addEventListener("message", (event) => {
  event.waitUntil(
    (async () => {
      const response = await fetch("/echo", { method: "POST", body: "text" });
      outcome.push(await response.text(), event.data.list.length);
      const promise = registration.sync.getTags();
      outcome.push(promise instanceof native.Promise, promise instanceof globalThis.Promise);
      await new native.Promise((resolve, reject) => {
        const request = indexedDB.open("t", 1);
        request.onupgradeneeded = () => request.result.createObjectStore("s").put([1], "k");
        request.onerror = () => reject(request.error);
        request.onsuccess = () => {
          const get = request.result.transaction("s").objectStore("s").get("k");
          get.onsuccess = () => {
            outcome.push(get.result[0]);
            resolve();
          };
        };
      });
    })().catch((error) => outcome.push(String(error), error.stack)),
  );
});

self.serviceWorker.postMessage({ list: [1, 2] });
test("events, fetch, IndexedDB and sync go on", async () => {
  for (let i = 0; i < 1000 && outcome.length < 5; i += 1) await nextTask();
  assertEquals(outcome.join(), "text,2,true,false,1");
});
