// The extensions of the sync APIs, switched on (spec.md section 3; R224-R236, R246, R247).

const { sync, periodicSync } = registration;

test("periodicSync.register takes the explainer's dictionary and gives a registration object", async () => {
  // R224, R225
  await activated;
  const plain = await periodicSync.register({});
  assert(plain instanceof PeriodicSyncRegistration);
  assertDeepEquals([plain.tag, plain.minPeriod, plain.powerState, plain.networkState], ["", 0, "auto", "online"]);
  const given = await periodicSync.register({ tag: "t", minPeriod: 1000.9, powerState: "avoid-draining", networkState: "avoid-cellular" });
  assertDeepEquals([given.tag, given.minPeriod, given.powerState, given.networkState], ["t", 1000, "avoid-draining", "avoid-cellular"]);
  assertDeepEquals((await periodicSync.getTags()).sort(), ["", "t"]);
  assertEquals(await plain.unregister(), true);
  assertEquals(await plain.unregister(), false);
  assertEquals(await given.unregister(), true);
  assertDeepEquals(await periodicSync.getTags(), []);
  assertThrows(TypeError, () => new PeriodicSyncRegistration());
  assertThrows(TypeError, () => new SyncRegistration());
});

test("a second registration of the tag updates the options", async () => {
  // R226
  await activated;
  await periodicSync.register({ tag: "u", minPeriod: 5 });
  await periodicSync.register({ tag: "u", minPeriod: 7, networkState: "any" });
  const found = await periodicSync.getRegistration("u");
  assertDeepEquals([found.minPeriod, found.networkState, found.powerState], [7, "any", "auto"]);
  assertDeepEquals(await periodicSync.getTags(), ["u"]);
  await found.unregister();
});

test("getRegistration and getRegistrations know the entries of the final API too", async () => {
  // R232
  await activated;
  assertEquals(await periodicSync.register("final", { minInterval: 9 }), undefined);
  await periodicSync.register("with", { minInterval: 10, powerState: "avoid-draining" });
  assertEquals(await periodicSync.getRegistration("nothing"), undefined);
  assertEquals((await periodicSync.getRegistration("final")).minPeriod, 9);
  const all = await periodicSync.getRegistrations();
  assertDeepEquals(all.map((each) => [each.tag, each.minPeriod, each.powerState]).sort(), [["final", 9, "auto"], ["with", 10, "avoid-draining"]]);
  for (const each of all) await each.unregister();
  await assertRejects(TypeError, () => periodicSync.getRegistration());
});

test("unknown values and intervals out of range reject with TypeError", async () => {
  // R235
  await activated;
  for (const wrong of [{ powerState: "full" }, { networkState: "offline" }, { networkState: null }, { minPeriod: -1 }, { tag: Symbol() }]) {
    await assertRejects(TypeError, () => periodicSync.register(wrong));
  }
  await assertRejects(TypeError, () => periodicSync.register("t", { powerState: "" }));
  await assertRejects(TypeError, () => sync.register("t", { networkState: "cellular" }));
  await assertRejects(TypeError, () => sync.register("t", { minDelay: -1 }));
  await assertRejects(TypeError, () => sync.register("t", { minDelay: 5, maxDelay: 5 }));
  assertDeepEquals(await periodicSync.getTags(), []);
});

test("permissionState tells without asking", async () => {
  // R233
  assertEquals(await periodicSync.permissionState(), "granted");
  assertEquals(await sync.permissionState(), "granted");
});

test("one-off registrations take the same conditions, and give registration objects", async () => {
  // R231, R236
  await activated;
  const seen = new Promise((resolve) => {
    addEventListener("sync", function listener(event) {
      if (event.tag !== "dictionary") return;
      removeEventListener("sync", listener);
      resolve([event.registration instanceof SyncRegistration, event.registration.tag, event.registration.networkState]);
    });
  });
  const made = await sync.register({ tag: "dictionary", networkState: "any" });
  assertDeepEquals([made instanceof SyncRegistration, made.tag, made.powerState, made.networkState], [true, "dictionary", "auto", "any"]);
  assertDeepEquals(await seen, [true, "dictionary", "any"]);
  assertEquals(new SyncEvent("sync", { tag: "t" }).registration, null);
  assertEquals(new PeriodicSyncEvent("periodicsync", { tag: "t" }).registration, null);
});

test("sync.unregister cancels an entry that has not fired", async () => {
  // R246, R247
  await activated;
  let fired = false;
  addEventListener("sync", (event) => (fired ||= event.tag === "later"));
  assertEquals(await sync.register("later", { minDelay: 60_000, maxDelay: 120_000 }), undefined);
  assertDeepEquals(await sync.getTags(), ["later"]);
  assertEquals((await sync.getRegistration("later")).tag, "later");
  assertEquals(await sync.unregister("later"), true);
  assertEquals(await sync.unregister("later"), false);
  assertDeepEquals(await sync.getRegistrations(), []);
  for (let i = 0; i < 5; i += 1) await nextTask();
  assertEquals(fired, false);
});
