// What docs/runtime.md says is not there: scripts find it absent, and feature tests tell the truth.

test("no Intl, and the locale methods of the language say something plain", () => {
  assertEquals(typeof Intl, "undefined");
  assertThrows(ReferenceError, () => Intl.DateTimeFormat());
  assertEquals((1234.5).toLocaleString(), "1234.5");
  assertEquals(typeof new Date(0).toLocaleDateString(), "string");
  assert("a".localeCompare("b") < 0 && "a".localeCompare("a") === 0);
});

test("no WebAssembly, no pixels, no nested workers, no window", () => {
  const absent = [
    "WebAssembly", "OffscreenCanvas", "ImageBitmap", "createImageBitmap", "Worker", "SharedWorker", "XMLHttpRequest", "FileReaderSync", "Temporal",
    "window", "document", "localStorage",
  ];
  for (const name of absent) {
    assertEquals(typeof self[name], "undefined", name);
    assert(!(name in self), name);
  }
  assert(!("PushSubscription" in self) && !("onpushsubscriptionchange" in self));
});

test("dynamic code is allowed, import() is not", async () => {
  assertEquals(new Function("return 1 + 1")(), 2);
  await assertRejects(TypeError, () => import("https://js.test/x.js"));
});
