// navigator.permissions (R134-R137; Permissions specification).

// CR: test-periodic-background-sync-permission
test("both sync permissions can be queried", async () => {
  // R134, R135, R136
  for (const name of ["background-sync", "periodic-background-sync"]) {
    const status = await navigator.permissions.query({ name });
    assert(status instanceof PermissionStatus && status instanceof EventTarget);
    assertDeepEquals([status.name, status.state, status.onchange], [name, "granted", null]);
  }
  // The evaluation grants the first two and nothing else.
  assertEquals((await navigator.permissions.query({ name: "notifications" })).state, "denied");
});

test("every query gives a new object", async () => {
  const query = () => navigator.permissions.query({ name: "background-sync" });
  assert((await query()) !== (await query()));
});

test("names, descriptors and receivers are checked as Web IDL says", async () => {
  const { permissions } = navigator;
  await assertRejects(TypeError, () => permissions.query());
  await assertRejects(TypeError, () => permissions.query({}));
  await assertRejects(TypeError, () => permissions.query("background-sync"));
  await assertRejects(TypeError, () => permissions.query({ name: "no-such-permission" }));
  await assertRejects(TypeError, () => permissions.query({ name: Symbol() }));
  await assertRejects(TypeError, () => Permissions.prototype.query.call({}, { name: "background-sync" }));
  assertEquals((await permissions.query({ name: { toString: () => "background-sync" } })).name, "background-sync");
  const state = Object.getOwnPropertyDescriptor(PermissionStatus.prototype, "state");
  assertThrows(TypeError, () => state.get.call(new EventTarget()));
});
