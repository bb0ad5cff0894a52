// The global scope and the shape of what is on it (R3, R5, R11; Web IDL).

test("the global is a ServiceWorkerGlobalScope", () => {
  assertEquals(self, globalThis);
  assertEquals(Object.prototype.toString.call(self), "[object ServiceWorkerGlobalScope]");
  assert(self instanceof ServiceWorkerGlobalScope);
  assert(self instanceof WorkerGlobalScope);
  assert(self instanceof EventTarget);
  assertThrows(TypeError, () => new ServiceWorkerGlobalScope());
  for (const absent of ["window", "document", "close", "XMLHttpRequest", "localStorage", "__host"]) {
    assert(!(absent in self), `no ${absent}`);
  }
});

test("interface objects: writable, configurable, not enumerable, with name, length and tag", () => {
  // R5
  const names = [
    "Event", "EventTarget", "ExtendableEvent", "SyncEvent", "PeriodicSyncEvent", "FetchEvent", "InstallEvent", "ExtendableMessageEvent", "SyncManager", "PeriodicSyncManager",
    "Permissions", "PermissionStatus",
    "ServiceWorkerRegistration", "ServiceWorker", "Clients", "Client", "WindowClient", "Request", "Response", "Headers", "URL", "URLSearchParams",
    "TextEncoder", "TextDecoder", "Blob", "File", "FormData", "AbortController", "AbortSignal", "Crypto", "WorkerNavigator", "WorkerLocation",
  ];
  for (const name of names) {
    const descriptor = Object.getOwnPropertyDescriptor(self, name);
    assertDeepEquals([descriptor.writable, descriptor.enumerable, descriptor.configurable], [true, false, true], name);
    const object = descriptor.value;
    assertEquals(object.name, name);
    const prototype = Object.getOwnPropertyDescriptor(object, "prototype");
    assertDeepEquals([prototype.writable, prototype.enumerable, prototype.configurable], [false, false, false], name);
    const tag = Object.getOwnPropertyDescriptor(object.prototype, Symbol.toStringTag);
    assertDeepEquals([tag.value, tag.writable, tag.enumerable, tag.configurable], [name, false, false, true], name);
    assertEquals(object.prototype.constructor, object);
    for (const key of Object.getOwnPropertyNames(object.prototype)) {
      if (key === "constructor") continue;
      const member = Object.getOwnPropertyDescriptor(object.prototype, key);
      assert(member.enumerable, `${name}.${key} is enumerable`);
    }
  }
});

test("lazily loaded interfaces become ordinary data properties", () => {
  for (const name of ["ReadableStream", "WritableStream", "TransformStream", "CountQueuingStrategy", "IDBFactory", "IDBKeyRange", "IDBDatabase", "IDBRequest"]) {
    assert(name in self);
    assertEquals(Object.keys(self).includes(name), false);
    assertEquals(self[name].name, name);
    const descriptor = Object.getOwnPropertyDescriptor(self, name);
    assertDeepEquals([descriptor.writable, descriptor.enumerable, descriptor.configurable], [true, false, true], name);
  }
  self.WritableStreamDefaultWriter = 5;
  assertEquals(WritableStreamDefaultWriter, 5);
});

test("constructors that scripts may not call", () => {
  for (const Interface of [SyncManager, PeriodicSyncManager, Permissions, PermissionStatus, ServiceWorkerRegistration, ServiceWorker, Clients, Client, WindowClient, Crypto, WorkerNavigator, WorkerLocation]) {
    assertThrows(TypeError, () => new Interface(), Interface.name);
  }
});

test("length of operations and constructors", () => {
  assertEquals(SyncManager.prototype.register.length, 1);
  assertEquals(SyncManager.prototype.getTags.length, 0);
  assertEquals(PeriodicSyncManager.prototype.register.length, 1);
  assertEquals(PeriodicSyncManager.prototype.getTags.length, 0);
  assertEquals(PeriodicSyncManager.prototype.unregister.length, 1);
  assertEquals(ExtendableEvent.prototype.waitUntil.length, 1);
  assertEquals(EventTarget.prototype.addEventListener.length, 2);
  assertEquals(Event.length, 1);
  assertEquals(Request.length, 1);
  assertEquals(Response.length, 0);
  assertEquals(Headers.length, 0);
  assertEquals(Headers.prototype.append.length, 2);
  assertEquals(URL.length, 1);
  assertEquals(fetch.length, 1);
  assertEquals(structuredClone.length, 1);
  assertEquals(setTimeout.length, 1);
});

test("location and navigator", async () => {
  assertEquals(location.href, "https://js.test/app/sw.js");
  assertEquals(String(location), location.href);
  assertDeepEquals([location.origin, location.protocol, location.host, location.pathname, location.search], ["https://js.test", "https:", "js.test", "/app/sw.js", ""]);
  assertEquals(origin, "https://js.test");
  assertEquals(isSecureContext, true);
  assertEquals(typeof navigator.userAgent, "string");
  assert(Object.isFrozen(navigator.languages));
  assertEquals(navigator.languages[0], navigator.language);
  assertEquals(typeof navigator.onLine, "boolean");
});

test("registration", () => {
  assertEquals(registration, self.registration);
  assertEquals(registration.scope, "https://js.test/app/");
  // R3
  assert(registration.sync instanceof SyncManager);
  assertEquals(registration.sync, registration.sync);
  // R4
  assert(registration.periodicSync instanceof PeriodicSyncManager);
  assertEquals(registration.periodicSync, registration.periodicSync);
  for (const name of ["sync", "periodicSync"]) {
    const attribute = Object.getOwnPropertyDescriptor(ServiceWorkerRegistration.prototype, name);
    assertDeepEquals([attribute.set, attribute.enumerable, attribute.configurable], [undefined, true, true]);
    assertThrows(TypeError, () => attribute.get.call({}));
  }
  assert(self.serviceWorker instanceof ServiceWorker);
  assertEquals(self.serviceWorker.scriptURL, location.href);
  assertThrows(TypeError, () => Object.getOwnPropertyDescriptor(ServiceWorkerRegistration.prototype, "scope").get.call({}));
});

test("SyncManager reports argument errors as rejections", async () => {
  // R11
  const { sync } = registration;
  await assertRejects(TypeError, () => sync.register());
  await assertRejects(TypeError, () => sync.register(Symbol("s")));
  await assertRejects(RangeError, () =>
    sync.register({
      toString() {
        throw new RangeError("mine");
      },
    }),
  );
  await assertRejects(TypeError, () => SyncManager.prototype.register.call({}, "t"));
  await assertRejects(TypeError, () => SyncManager.prototype.getTags.call({}));
});

test("the event handler attributes of both APIs are null at first, and behave like listeners", () => {
  // R6
  for (const [name, Event] of [["sync", SyncEvent], ["periodicsync", PeriodicSyncEvent]]) {
    const attribute = `on${name}`;
    assertEquals(self[attribute], null);
    const seen = [];
    const listener = () => seen.push("listener");
    self[attribute] = () => seen.push("attribute");
    addEventListener(name, listener);
    dispatchEvent(new Event(name, { tag: "t" }));
    assertDeepEquals(seen, ["attribute", "listener"]);
    self[attribute] = 5;
    assertEquals(self[attribute], null);
    dispatchEvent(new Event(name, { tag: "t" }));
    assertDeepEquals(seen, ["attribute", "listener", "listener"]);
    removeEventListener(name, listener);
  }
});

// CR: interfaces
test("the sync interfaces have the members of the specifications and no others", () => {
  // R223; CR: interfaces
  const members = (Interface) => Object.getOwnPropertyNames(Interface.prototype).sort().join();
  assertEquals(members(SyncManager), "constructor,getTags,register");
  assertEquals(members(PeriodicSyncManager), "constructor,getTags,register,unregister");
  assertEquals(members(SyncEvent), "constructor,lastChance,tag");
  assertEquals(members(PeriodicSyncEvent), "constructor,tag");
  assert(!("PeriodicSyncRegistration" in self) && !("SyncRegistration" in self));
  assert(!("chrome" in self), "no chrome.webview unless the host allows it");
});

test("crypto", () => {
  const bytes = crypto.getRandomValues(new Uint8Array(64));
  assert(bytes.some((byte) => byte !== 0));
  assertThrows("TypeMismatchError", () => crypto.getRandomValues(new Float64Array(2)));
  assertThrows(TypeError, () => crypto.getRandomValues([]));
  assertThrows("QuotaExceededError", () => crypto.getRandomValues(new Uint8Array(65537)));
  assert(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()));
  assert(crypto.subtle instanceof SubtleCrypto);
});

test("DOMException and importScripts", () => {
  const error = new DOMException("m", "NotFoundError");
  assertDeepEquals([error.name, error.message, error.code], ["NotFoundError", "m", 8]);
  assert(error instanceof Error);
  assertEquals(DOMException.NOT_FOUND_ERR, 8);
  assertEquals(new DOMException().name, "Error");
  assertEquals(Object.prototype.toString.call(error), "[object DOMException]");
  assertThrows("SyntaxError", () => importScripts("https://["));
  importScripts();
});

test("unhandled rejections are announced, and a listener can claim them", async () => {
  const seen = new Promise((resolve) => {
    addEventListener(
      "unhandledrejection",
      (event) => {
        event.preventDefault();
        resolve(event);
      },
      { once: true },
    );
  });
  const promise = Promise.reject(new Error("claimed"));
  const event = await seen;
  assertEquals(event.promise, promise);
  assertEquals(event.reason.message, "claimed");
  assertEquals(event.isTrusted, true);
});

test("atob and btoa", () => {
  assertEquals(btoa("\u00ff\u0000a"), "/wBh");
  assertEquals(atob(" /w Bh\n"), "\u00ff\u0000a");
  assertThrows("InvalidCharacterError", () => btoa("\u0100"));
  assertThrows("InvalidCharacterError", () => atob("a"));
  assertThrows("InvalidCharacterError", () => atob("ab=c"));
});

test("functions of the platform print as native code", () => {
  assert(/\[native code\]/.test(Function.prototype.toString.call(fetch)));
  assert(/\[native code\]/.test(String(ExtendableEvent.prototype.waitUntil)));
  function own() {
    return 1;
  }
  assert(String(own).includes("return 1"));
});
