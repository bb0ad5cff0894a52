// The lifetime of events: the ten cases of spec.md 7.2 (R148), script-made events (R149), the event classes (R7-R10).

/** Sends a message to this worker; gives the trusted event to `body` inside its handler. */
function inMessageHandler(body) {
  return new Promise((resolve, reject) => {
    addEventListener(
      "message",
      (event) => {
        try {
          resolve(body(event));
        } catch (error) {
          reject(error);
        }
      },
      { once: true },
    );
    self.serviceWorker.postMessage("go");
  });
}

/** "OK" if waitUntil accepts, else the exception's name. */
function tryWaitUntil(event) {
  try {
    event.waitUntil(Promise.resolve());
    return "OK";
  } catch (error) {
    return error.name;
  }
}

test("in the handler: accepted", async () => {
  // R148
  assertEquals(await inMessageHandler(tryWaitUntil), "OK");
});

test("microtask after the handler, no extension: accepted", async () => {
  // R148
  assertEquals(await inMessageHandler((event) => Promise.resolve().then(() => tryWaitUntil(event))), "OK");
});

test("several microtasks after the handler, no extension: accepted", async () => {
  // R148
  const result = await inMessageHandler(async (event) => {
    for (let i = 0; i < 10; i += 1) await null;
    return tryWaitUntil(event);
  });
  assertEquals(result, "OK");
});

test("later task, no extension: InvalidStateError", async () => {
  // R148
  assertEquals(await inMessageHandler((event) => nextTask().then(() => tryWaitUntil(event))), "InvalidStateError");
});

test("later task, extension pending: accepted", async () => {
  // R148
  const result = await inMessageHandler((event) => {
    let end;
    event.waitUntil(new Promise((resolve) => (end = resolve)));
    return nextTask().then(() => {
      const outcome = tryWaitUntil(event);
      end();
      return outcome;
    });
  });
  assertEquals(result, "OK");
});

test("reaction to an extension settled when given, in the handler's microtasks, and one microtask later: accepted", async () => {
  // R148
  const result = await inMessageHandler((event) => {
    const extension = Promise.resolve();
    event.waitUntil(extension);
    return extension.then(() => {
      const first = tryWaitUntil(event);
      return Promise.resolve().then(() => [first, tryWaitUntil(event)]);
    });
  });
  assertDeepEquals(result, ["OK", "OK"]);
});

test("reaction to an extension that settles in a later task: accepted", async () => {
  // R148
  const result = await inMessageHandler((event) => {
    const extension = nextTask();
    event.waitUntil(extension);
    return extension.then(() => tryWaitUntil(event));
  });
  assertEquals(result, "OK");
});

test("one microtask later than that: InvalidStateError", async () => {
  // R148
  const result = await inMessageHandler((event) => {
    const extension = nextTask();
    event.waitUntil(extension);
    return extension.then(() => Promise.resolve().then(() => tryWaitUntil(event)));
  });
  assertEquals(result, "InvalidStateError");
});

test("later task, extension already settled: InvalidStateError", async () => {
  // R148
  const result = await inMessageHandler((event) => {
    event.waitUntil(Promise.resolve());
    return nextTask().then(() => tryWaitUntil(event));
  });
  assertEquals(result, "InvalidStateError");
});

test("script-made event: InvalidStateError, in every class", () => {
  // R149
  for (const event of [new ExtendableEvent("x"), new SyncEvent("sync", { tag: "t" }), new PeriodicSyncEvent("periodicsync", { tag: "t" })]) {
    assertThrows("InvalidStateError", () => event.waitUntil(Promise.resolve()));
    let inside;
    addEventListener(event.type, (e) => (inside = tryWaitUntil(e)), { once: true });
    dispatchEvent(event);
    assertEquals(inside, "InvalidStateError");
  }
});

test("microtasks of one listener run before the next listener", async () => {
  const log = [];
  const done = new Promise((resolve) => {
    const first = () => {
      log.push(1);
      Promise.resolve().then(() => log.push(2));
    };
    const second = () => {
      log.push(3);
      removeEventListener("message", first);
      removeEventListener("message", second);
      resolve();
    };
    addEventListener("message", first);
    addEventListener("message", second);
  });
  self.serviceWorker.postMessage(null);
  await done;
  assertDeepEquals(log, [1, 2, 3]);
});

test("waitUntil takes any value, needs an argument, and is branded", async () => {
  await inMessageHandler((event) => {
    event.waitUntil(5);
    event.waitUntil(undefined);
    event.waitUntil({ then: (resolve) => resolve() });
    assertThrows(TypeError, () => event.waitUntil());
    assertThrows(TypeError, () => ExtendableEvent.prototype.waitUntil.call(new Event("x"), null));
    assertEquals(event.isTrusted, true);
    assert(event instanceof ExtendableMessageEvent && event instanceof ExtendableEvent);
    assertEquals(event.data, "go");
    assert(event.source instanceof ServiceWorker);
  });
});

test("SyncEvent", () => {
  // R7, R8, R10
  assertThrows(TypeError, () => new SyncEvent());
  assertThrows(TypeError, () => new SyncEvent("sync"));
  assertThrows(TypeError, () => new SyncEvent("sync", {}));
  assertThrows(TypeError, () => new SyncEvent("sync", "x"));
  assertThrows(TypeError, () => new SyncEvent("sync", null));
  assertThrows(TypeError, () => new SyncEvent("sync", { tag: Symbol() }));
  const event = new SyncEvent("sync", { tag: undefined ?? "t" });
  assertEquals(event.tag, "t");
  assertEquals(event.lastChance, false);
  assertEquals(new SyncEvent("sync", { tag: "", lastChance: 1 }).lastChance, true);
  assertEquals(new SyncEvent("sync", { tag: "" }).tag, "");
  // R12
  assertEquals(new SyncEvent("sync", { tag: "\ud800x" }).tag, "\ud800x");
  assert(event instanceof ExtendableEvent);
  assertEquals(SyncEvent.length, 2);
  assertEquals(Object.getPrototypeOf(SyncEvent), ExtendableEvent);
  event.tag = "other";
  assertEquals(event.tag, "t");
});

test("PeriodicSyncEvent", () => {
  // R9, R10
  assertThrows(TypeError, () => new PeriodicSyncEvent("periodicsync"));
  assertThrows(TypeError, () => new PeriodicSyncEvent("periodicsync", {}));
  const event = new PeriodicSyncEvent("periodicsync", { tag: "t" });
  assertEquals(event.tag, "t");
  assert(!("lastChance" in event), "no lastChance");
  assert(!("registration" in event), "no registration");
  assert(event instanceof ExtendableEvent);
});

test("FetchEvent made by a script", async () => {
  const request = new Request("https://js.test/x");
  const event = new FetchEvent("fetch", { request, clientId: "c" });
  assertEquals(event.request, request);
  assertDeepEquals([event.clientId, event.resultingClientId], ["c", ""]);
  assertEquals(await event.preloadResponse, undefined);
  assert(event.handled instanceof Promise);
  assertThrows("InvalidStateError", () => event.respondWith(new Response()));
  assertThrows(TypeError, () => new FetchEvent("fetch", {}));
  assertThrows(TypeError, () => new FetchEvent("fetch", { request: {} }));
});

test("a message that cannot be cloned throws, and nothing arrives", () => {
  assertThrows("DataCloneError", () => self.serviceWorker.postMessage(() => {}));
  assertThrows("DataCloneError", () => self.serviceWorker.postMessage(Symbol()));
  assertThrows("DataCloneError", () => self.serviceWorker.postMessage(registration));
  assertThrows(TypeError, () => self.serviceWorker.postMessage());
});
