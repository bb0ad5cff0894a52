// navigator.locks (Web Locks API).

const { locks } = navigator;

test("a lock is held until the callback's promise settles, and its value is the request's", async () => {
  const order = [];
  let release;
  const first = locks.request("a", (lock) => {
    order.push(`${lock.name} ${lock.mode}`);
    return new Promise((resolve) => (release = () => resolve("value")));
  });
  const second = locks.request("a", async () => order.push("second"));
  while (release === undefined) await nextTask();
  const { held, pending } = await locks.query();
  assertDeepEquals(held.map(({ name, mode }) => [name, mode]), [["a", "exclusive"]]);
  assertEquals(pending.length, 1);
  release();
  assertEquals(await first, "value");
  await second;
  assertDeepEquals(order, ["a exclusive", "second"]);
  assertDeepEquals(await locks.query(), { held: [], pending: [] });
});

test("shared locks are held together", async () => {
  let both = 0;
  const wait = async () => {
    both += 1;
    while (both < 2) await nextTask();
  };
  await Promise.all([locks.request("s", { mode: "shared" }, wait), locks.request("s", { mode: "shared" }, wait)]);
});

test("ifAvailable, steal and signal", async () => {
  let stolen;
  const holder = locks.request("b", () => new Promise((resolve) => (stolen = resolve)));
  while (stolen === undefined) await nextTask();
  assertEquals(await locks.request("b", { ifAvailable: true }, (lock) => lock), null);
  const controller = new AbortController();
  const waiting = locks.request("b", { signal: controller.signal }, () => fail("never granted"));
  controller.abort(new RangeError("mine"));
  await assertRejects(RangeError, () => waiting);
  const thief = locks.request("b", { steal: true }, async () => "loot");
  await assertRejects("AbortError", () => holder);
  assertEquals(await thief, "loot");
  await assertRejects("AbortError", () => locks.request("b", { signal: AbortSignal.abort() }, () => {}));
});

test("a callback that throws releases the lock; bad requests reject", async () => {
  await assertRejects(RangeError, () =>
    locks.request("c", () => {
      throw new RangeError("x");
    }),
  );
  assertEquals(await locks.request("c", () => 5), 5);
  await assertRejects("NotSupportedError", () => locks.request("-c", () => {}));
  await assertRejects("NotSupportedError", () => locks.request("c", { steal: true, ifAvailable: true }, () => {}));
  await assertRejects("NotSupportedError", () => locks.request("c", { steal: true, mode: "shared" }, () => {}));
  await assertRejects(TypeError, () => locks.request("c"));
  await assertRejects(TypeError, () => locks.request("c", {}));
  await assertRejects(TypeError, () => locks.request("c", { mode: "none" }, () => {}));
  await assertRejects(TypeError, () => locks.request("c", { signal: {} }, () => {}));
});
