// URL and URLSearchParams (URL standard).

test("URL parses, resolves, and shows its parts", () => {
  const url = new URL("../x/./y?q=1#f", "https://user:pw@example.org:8443/a/b/c");
  assertEquals(url.href, "https://user:pw@example.org:8443/a/x/y?q=1#f");
  assertDeepEquals(
    [url.protocol, url.username, url.password, url.host, url.hostname, url.port, url.pathname, url.search, url.hash, url.origin],
    ["https:", "user", "pw", "example.org:8443", "example.org", "8443", "/a/x/y", "?q=1", "#f", "https://example.org:8443"],
  );
  assertEquals(String(url), url.href);
  assertEquals(JSON.stringify({ url }), `{"url":"${url.href}"}`);
  assertEquals(new URL("https://EXAMPLE.org:443/%7Ea b").href, "https://example.org/%7Ea%20b");
  assertEquals(new URL("https://b\u00fccher.example/").hostname, "xn--bcher-kva.example");
});

test("invalid URLs throw TypeError; parse and canParse do not", () => {
  for (const bad of ["", "x", "https://", "https://[", "http://a:99999/"]) {
    assertThrows(TypeError, () => new URL(bad), bad);
    assertEquals(URL.parse(bad), null);
    assertEquals(URL.canParse(bad), false);
  }
  assertEquals(URL.canParse("a", "https://x.test/"), true);
  assertEquals(URL.parse("a", "https://x.test/").href, "https://x.test/a");
  assertThrows(TypeError, () => new URL("a", "b"));
  assertThrows(TypeError, () => new URL());
  assertEquals(URL.createObjectURL, undefined);
});

test("setters", () => {
  const url = new URL("http://example.org/a");
  url.protocol = "https";
  url.port = "81";
  url.pathname = "b c";
  url.search = "x=1";
  url.hash = "h";
  url.username = "u@";
  assertEquals(url.href, "https://u%40@example.org:81/b%20c?x=1#h");
  url.protocol = "mailto";
  url.port = "no";
  assertEquals(url.protocol + url.port, "https:81");
  url.href = "https://other.test/";
  assertEquals(url.host, "other.test");
  assertThrows(TypeError, () => (url.href = "nonsense"));
  assertEquals(url.href, "https://other.test/");
});

test("searchParams is bound both ways", () => {
  const url = new URL("https://a.test/?a=1&b=2");
  const params = url.searchParams;
  assertEquals(url.searchParams, params);
  params.append("c", "3 4&");
  assertEquals(url.search, "?a=1&b=2&c=3+4%26");
  params.delete("a");
  params.delete("b");
  params.delete("c");
  assertEquals(url.href, "https://a.test/");
  url.search = "?z=%C3%A4";
  assertEquals(params.get("z"), "\u00e4");
  url.href = "https://a.test/?only=1";
  assertDeepEquals([...params], [["only", "1"]]);
});

test("URLSearchParams: construction", () => {
  assertEquals(new URLSearchParams("?a=b&a=c&=d&e&&f=").toString(), "a=b&a=c&=d&e=&f=");
  assertEquals(new URLSearchParams([["a", "1"], ["b", 2]]).toString(), "a=1&b=2");
  assertEquals(new URLSearchParams({ x: "\ud800", y: null }).toString(), "x=%EF%BF%BD&y=null");
  assertEquals(new URLSearchParams(new URLSearchParams("a=1")).toString(), "a=1");
  assertEquals(new URLSearchParams(new Map([["k", "v"]])).toString(), "k=v");
  assertEquals(new URLSearchParams().toString(), "");
  assertThrows(TypeError, () => new URLSearchParams([["a"]]));
  assertThrows(TypeError, () => new URLSearchParams([[1, 2, 3]]));
});

test("URLSearchParams: operations and encoding", () => {
  const params = new URLSearchParams("a=1&b=2&a=3");
  assertEquals(params.size, 3);
  assertDeepEquals(params.getAll("a"), ["1", "3"]);
  assertEquals(params.get("none"), null);
  assertDeepEquals([params.has("a"), params.has("a", "3"), params.has("a", "9")], [true, true, false]);
  params.set("a", "x");
  assertEquals(params.toString(), "a=x&b=2");
  params.append("0", "~!'()*-._ \u20ac");
  assertEquals(params.toString(), "a=x&b=2&0=%7E%21%27%28%29*-._+%E2%82%AC");
  params.sort();
  assertDeepEquals([...params.keys()], ["0", "a", "b"]);
  assertDeepEquals([...params.values()].slice(1), ["x", "2"]);
  const seen = [];
  params.forEach((value, key, object) => seen.push(key, object === params));
  assertDeepEquals(seen, ["0", true, "a", true, "b", true]);
  params.delete("a", "nothing");
  assertEquals(params.has("a"), true);
  assertEquals(new URLSearchParams("a=%zz%41%").get("a"), "%zzA%");
  assertEquals(new URLSearchParams("a=%F0%9F%98%80+%FF").get("a"), "\u{1f600} \ufffd");
  assertEquals(Object.prototype.toString.call(params.entries()), "[object URLSearchParams Iterator]");
});
