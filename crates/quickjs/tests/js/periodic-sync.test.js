// registration.periodicSync (spec.md 2.2-2.4). The evaluation has a host of its own, with a window and the permission.

const { periodicSync } = registration;

// CR: periodic-sync-register-fails-if-worker-not-activated
test("a worker that is not active yet may unregister and list, but not register", async () => {
  // R42, R45, R94
  const seen = await early;
  assertDeepEquals(seen, ["InvalidStateError", undefined, []]);
});

// Asked before the worker is active; the tests begin later.
const early = Promise.all([
  periodicSync.register("early").catch((error) => error.name),
  periodicSync.unregister("early"),
  periodicSync.getTags(),
]);

// CR: PeriodicBackgroundSyncBrowserTest.RegisterFromServiceWorker, periodic_sync_tests
test("register resolves with undefined, and the tag is listed until it is unregistered", async () => {
  // R40, R44, R98
  await activated;
  assertEquals(await periodicSync.register("news", { minInterval: 86_400_000 }), undefined);
  assertDeepEquals(await periodicSync.getTags(), ["news"]);
  assertEquals(await periodicSync.unregister("news"), undefined);
  assertDeepEquals(await periodicSync.getTags(), []);
  // R45
  assertEquals(await periodicSync.unregister("news"), undefined);
});

// CR: RegisterNoMinInterval, RegisterFromServiceWorkerNoMinInterval
test("registering fires nothing, even without an interval", async () => {
  // R99, R100
  await activated;
  let fired = false;
  addEventListener("periodicsync", () => (fired = true));
  for (const options of [undefined, null, {}, { minInterval: undefined }, { minInterval: 0 }, { minInterval: null }]) {
    await periodicSync.register("now", options);
  }
  await periodicSync.register("now");
  for (let i = 0; i < 10; i += 1) await nextTask();
  assertEquals(fired, false);
  await periodicSync.unregister("now");
});

// CR: RegisterWithInvalidMinInterval
test("minInterval is an enforced unsigned long long", async () => {
  // R13
  await activated;
  for (const wrong of [NaN, Infinity, -Infinity, -1, 2 ** 53, 1e300, "x", {}, undefined + 1]) {
    await assertRejects(TypeError, () => periodicSync.register("t", { minInterval: wrong }), String(wrong));
  }
  await assertRejects(TypeError, () => periodicSync.register("t", { minInterval: 5n }));
  await assertRejects(TypeError, () => periodicSync.register("t", { minInterval: Symbol() }));
  assertDeepEquals(await periodicSync.getTags(), []);
  for (const right of [0, -0.5, 1.9, 2 ** 53 - 1, "60000", true, [7], { valueOf: () => 5 }]) {
    assertEquals(await periodicSync.register("t", { minInterval: right }), undefined, String(right));
  }
  await periodicSync.unregister("t");
});

test("arguments are converted in order, and every error is a rejection", async () => {
  // R11
  await activated;
  await assertRejects(TypeError, () => periodicSync.register());
  await assertRejects(TypeError, () => periodicSync.unregister());
  await assertRejects(TypeError, () => periodicSync.register(Symbol()));
  await assertRejects(TypeError, () => periodicSync.unregister(Symbol()));
  for (const wrong of [5, "x", true, Symbol()]) await assertRejects(TypeError, () => periodicSync.register("t", wrong));
  const log = [];
  const tag = { toString: () => (log.push("tag"), "t") };
  const options = { get minInterval() { log.push("minInterval"); throw new RangeError("mine"); } };
  await assertRejects(RangeError, () => periodicSync.register(tag, options));
  assertDeepEquals(log, ["tag", "minInterval"]);
  for (const name of ["register", "getTags", "unregister"]) {
    await assertRejects(TypeError, () => PeriodicSyncManager.prototype[name].call({}, "t"), name);
    await assertRejects(TypeError, () => PeriodicSyncManager.prototype[name].call(registration.sync, "t"), name);
  }
});

test("without the explainer's options a dictionary is a tag, and its conditions are ignored", async () => {
  // R223
  await activated;
  assertEquals(await periodicSync.register({ tag: "x", minPeriod: 5 }), undefined);
  assertDeepEquals(await periodicSync.getTags(), ["[object Object]"]);
  await periodicSync.unregister({});
  await periodicSync.register("t", { powerState: "nonsense", networkState: 5 });
  await periodicSync.unregister("t");
});

test("tags are any DOMString, and a namespace of their own", async () => {
  // R12, R41, R104
  await activated;
  const tags = ["", "undefined", "a\ud800\u0000b\udc00", "\u{1f600}"];
  for (const tag of tags) await periodicSync.register(tag === "undefined" ? undefined : tag);
  assertDeepEquals((await periodicSync.getTags()).sort(), [...tags].sort());
  assertDeepEquals((await registration.sync.getTags()).filter((tag) => tags.includes(tag)), []);
  for (const tag of tags) await periodicSync.unregister(tag);
});

test("calls of one registration take effect in their order", async () => {
  // R47
  await activated;
  const results = await Promise.all([
    periodicSync.register("a"), periodicSync.getTags(), periodicSync.unregister("a"), periodicSync.getTags(), periodicSync.register("a"),
    periodicSync.register("b"), periodicSync.unregister("a"), periodicSync.getTags(), periodicSync.unregister("b"),
  ]);
  assertDeepEquals([results[1], results[3], results[7]], [["a"], [], ["b"]]);
});

test("a tag that is too long is refused", async () => {
  // R33
  await activated;
  await assertRejects("InvalidAccessError", () => periodicSync.register("x".repeat(10241)));
  await periodicSync.register("x".repeat(10240));
  await periodicSync.unregister("x".repeat(10240));
});
