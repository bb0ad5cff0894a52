// registration.sync and the events it brings (spec.md 1.2-1.5). The evaluation has a host of its own, online, with a window.

/** Handles the sync events of one tag with `handler`; resolves with its result. */
function onTag(tag, handler) {
  return new Promise((resolve, reject) => {
    addEventListener("sync", function listener(event) {
      if (event.tag !== tag) return;
      removeEventListener("sync", listener);
      try {
        resolve(handler(event));
      } catch (error) {
        reject(error);
      }
    });
  });
}

/** Registers when the worker is active: R16 refuses before. */
async function register(tag) {
  await activated;
  return registration.sync.register(tag);
}

// CR: BackgroundSyncBrowserTest.RegisterFromServiceWorker
test("register resolves with undefined and the event comes, trusted, with its tag", async () => {
  // R21, R22, R23, R59
  const seen = onTag("plain", (event) => [event.isTrusted, event.lastChance, event instanceof SyncEvent, event.type, event.target === self]);
  assertEquals(await register("plain"), undefined);
  assertDeepEquals(await seen, [true, false, true, "sync", true]);
});

test("the promise is resolved before the event is dispatched", async () => {
  // R24, D5
  const log = [];
  const seen = onTag("order", () => log.push("event"));
  register("order").then(() => log.push("resolved"));
  await seen;
  assertDeepEquals(log, ["resolved", "event"]);
});

test("tags are any DOMString: conversion, empty, lone surrogates", async () => {
  // R12
  for (const [given, tag] of [[undefined, "undefined"], [null, "null"], [5, "5"], ["", ""], ["a\ud800\u0000b\udc00", "a\ud800\u0000b\udc00"], ["\u{1f600}", "\u{1f600}"]]) {
    const seen = onTag(tag, (event) => event.tag);
    await register(given);
    assertEquals(await seen, tag);
  }
});

// CR: GetOneShotSyncRegistrationsWithRegisteredSync, GetRegistrationsFromServiceWorker, HasTagFromServiceWorker
test("getTags lists a tag while its event runs", async () => {
  // R39
  const seen = onTag("listed", (event) => {
    const tags = registration.sync.getTags();
    event.waitUntil(tags);
    return tags;
  });
  await register("listed");
  assert((await seen).includes("listed"));
});

// CR: RegisterWithInvalidOptions
test("a tag that is too long is refused", async () => {
  // R33, D4
  await activated;
  await assertRejects("InvalidAccessError", () => register("x".repeat(10241)));
  const seen = onTag("y".repeat(10240), () => "came");
  await register("y".repeat(10240));
  assertEquals(await seen, "came");
});

test("registering again while the event runs brings another event", async () => {
  // R30, R68
  let count = 0;
  const twice = new Promise((resolve) => {
    addEventListener("sync", function listener(event) {
      if (event.tag !== "again") return;
      count += 1;
      if (count === 1) event.waitUntil(registration.sync.register("again"));
      else {
        removeEventListener("sync", listener);
        resolve();
      }
    });
  });
  await register("again");
  await twice;
  assertEquals(count, 2);
});

// Asked before the worker is active; the tests begin later.
const early = Promise.all([registration.sync.register("early").catch((error) => error.name), registration.sync.getTags()]);

test("a worker that is not active yet may list, but not register", async () => {
  // R16, R42; CR: oneshot-register-failure-worker-not-activated
  assertDeepEquals(await early, ["InvalidStateError", []]);
});
