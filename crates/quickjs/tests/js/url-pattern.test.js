// URLPattern (URL Pattern standard, section 1).

test("patterns match, and name what they found", () => {
  const pattern = new URLPattern({ pathname: "/books/:id(\\d+)/*" });
  assertEquals(pattern.pathname, "/books/:id(\\d+)/*");
  assertEquals(pattern.hostname, "*");
  assertEquals(pattern.hasRegExpGroups, true);
  assertEquals(new URLPattern({ pathname: "/a/:b" }).hasRegExpGroups, false);
  assert(pattern.test("https://a.example/books/12/x"));
  assert(!pattern.test("https://a.example/books/x/y"));
  const result = pattern.exec("https://a.example/books/12/a/b?q");
  assertDeepEquals({ ...result.pathname.groups }, { id: "12", 0: "a/b" });
  assertEquals(result.hostname.input, "a.example");
  assertEquals(pattern.exec("https://a.example/"), null);
});

test("strings, base URLs and options", () => {
  assert(new URLPattern("/x/:y", "https://a.example").test("/x/1", "https://a.example"));
  assert(new URLPattern("https://*.example/*").test("https://b.example/c"));
  assert(new URLPattern({ pathname: "/A" }, { ignoreCase: true }).test({ pathname: "/a" }));
  assert(!new URLPattern({ pathname: "/A" }).test({ pathname: "/a" }));
  assert(new URLPattern().test("https://anything.example/"));
  assert(!new URLPattern({ pathname: "/x" }).test("no URL"));
});

test("what is no pattern is a TypeError", () => {
  assertThrows(TypeError, () => new URLPattern("/relative"));
  assertThrows(TypeError, () => new URLPattern({ pathname: "/(" }));
  assertThrows(TypeError, () => new URLPattern({ pathname: "/(?<x" }));
  assertThrows(TypeError, () => new URLPattern({ pathname: "/" }, "https://a.example"));
  assertThrows(TypeError, () => URLPattern.prototype.test.call({}, "https://a.example/"));
  assertThrows(TypeError, () => URLPattern({}));
});
