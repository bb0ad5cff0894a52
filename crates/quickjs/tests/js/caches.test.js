// CacheStorage, Cache and StorageManager (service worker specification, sections 5.4 and 5.5).

const base = "https://js.test/app/";
let drawn = 0;
const fresh = () => caches.open(`cache ${(drawn += 1)}`);
const urls = (list) => list.map(({ url }) => url.slice(base.length));
const text = async (response) => (response === undefined ? undefined : response.text());

test("the interfaces have the shape of the specification", () => {
  assertEquals(Object.prototype.toString.call(caches), "[object CacheStorage]");
  assertEquals(caches, self.caches);
  assertThrows(TypeError, () => new Cache());
  assertThrows(TypeError, () => new CacheStorage());
  assertThrows(TypeError, () => new StorageManager());
  assertDeepEquals(Object.keys(Cache.prototype), ["match", "matchAll", "add", "addAll", "put", "delete", "keys"]);
  assertDeepEquals(Object.keys(CacheStorage.prototype), ["match", "has", "open", "delete", "keys"]);
  assertEquals(Cache.prototype.put.length, 2);
  assertEquals(navigator.storage, navigator.storage);
  assert("caches" in self);
});

test("caches are opened, listed in the order of creation, found and deleted", async () => {
  for (const name of await caches.keys()) await caches.delete(name);
  const names = ["b", "a", "", "\ud800"];
  for (const name of names) assert((await caches.open(name)) instanceof Cache);
  assert((await caches.open("b")) !== (await caches.open("b")), "each open gives an object of its own");
  assertDeepEquals(await caches.keys(), names);
  assertEquals(await caches.has("\ud800"), true);
  assertEquals(await caches.has("\udfff"), false);
  assertEquals(await caches.delete("a"), true);
  assertEquals(await caches.delete("a"), false);
  assertDeepEquals(await caches.keys(), ["b", "", "\ud800"]);
  await assertRejects(TypeError, () => caches.open());
  await assertRejects(TypeError, () => caches.has());
  await assertRejects(TypeError, () => caches.delete());
  await assertRejects(TypeError, () => CacheStorage.prototype.keys.call({}));
});

test("what was put is found with its head and body, again and again", async () => {
  const cache = await fresh();
  const response = new Response("héllo", { status: 203, statusText: "fine", headers: { "x-a": "1", "content-type": "text/plain" } });
  assertEquals(await cache.put("page?x#fragment", response), undefined);
  assertEquals(response.bodyUsed, true);
  for (let i = 0; i < 2; i += 1) {
    const found = await cache.match("page?x#other");
    assert(found instanceof Response);
    assertEquals(found.status, 203);
    assertEquals(found.statusText, "fine");
    assertEquals(found.headers.get("x-a"), "1");
    assertEquals(found.type, "default");
    assertThrows(TypeError, () => found.headers.set("x-a", "2"), "changing a cached response's headers");
    assertEquals(await found.text(), "héllo");
    assertEquals(found.bodyUsed, true);
  }
  const [request] = await cache.keys();
  assert(request instanceof Request);
  assertEquals(request.url, `${base}page?x#fragment`);
  assertThrows(TypeError, () => request.headers.set("a", "b"));
  assertEquals(await cache.match("page"), undefined);
  assertEquals(await cache.match("https://other.test/app/page?x"), undefined);
});

test("bodies of every kind are kept byte for byte", async () => {
  const cache = await fresh();
  const big = new Uint8Array(700_001).map((_, i) => i * 7);
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(new Uint8Array([1, 2]));
      controller.enqueue(new Uint8Array(0));
      controller.enqueue(new Uint8Array([3, 4, 5, 6]).subarray(1, 3));
      controller.close();
    },
  });
  await cache.put("big", new Response(big));
  await cache.put("stream", new Response(stream));
  await cache.put("null", new Response(null));
  await cache.put("empty", new Response(""));
  const same = new Uint8Array(await (await cache.match("big")).arrayBuffer());
  assertEquals(same.length, big.length);
  assert(same.every((byte, i) => byte === big[i]), "each byte is the same");
  assertDeepEquals([...new Uint8Array(await (await cache.match("stream")).arrayBuffer())], [1, 2, 4, 5]);
  assertEquals((await cache.match("null")).body, null);
  assertEquals((await cache.match("empty")).body instanceof ReadableStream, true);
  assertEquals(await text(await cache.match("empty")), "");
  const clone = await cache.match("big");
  const [one, two] = await Promise.all([clone.clone().arrayBuffer(), clone.arrayBuffer()]);
  assertEquals(one.byteLength + two.byteLength, 2 * big.length);
});

test("a later put for the same request takes the place of the earlier one", async () => {
  const cache = await fresh();
  await cache.put("a", new Response("1"));
  await cache.put("b", new Response("2"));
  const held = await cache.match("a");
  await Promise.all([cache.put("a", new Response("3")), cache.put("a", new Response("4"))]);
  assertEquals(await text(await cache.match("a")), "4");
  assertDeepEquals(urls(await cache.keys()), ["b", "a"]);
  assertEquals(await text(held), "1", "a response that was found before keeps its body");
});

test("search, method and Vary count unless the options say otherwise", async () => {
  const cache = await fresh();
  await cache.put("q?a", new Response("a"));
  await cache.put("q?b", new Response("b"));
  await cache.put("q", new Response("none"));
  assertEquals(await text(await cache.match("q?c")), undefined);
  assertEquals(await text(await cache.match("q?c", { ignoreSearch: true })), "a");
  assertEquals((await cache.matchAll("q", { ignoreSearch: true })).length, 3);
  assertEquals(await text(await cache.match(new Request("q", { method: "HEAD" }))), undefined);
  assertEquals(await text(await cache.match(new Request("q", { method: "POST", body: "x" }), { ignoreMethod: true })), "none");
  assertEquals(await cache.delete(new Request("q", { method: "POST" })), false);

  const varying = (language, body) => cache.put(new Request("v", { headers: { "accept-language": language } }), new Response(body, { headers: { vary: "Accept-Language , X-None" } }));
  await varying("de", "ja");
  await varying("en", "yes");
  await varying("de", "doch");
  const ask = (headers, options) => cache.match(new Request("v", { headers }), options).then(text);
  assertEquals(await ask({ "Accept-Language": "de" }), "doch");
  assertEquals(await ask({ "accept-language": "en" }), "yes");
  assertEquals(await ask({ "accept-language": "en", "x-none": "1" }), undefined);
  assertEquals(await ask({}), undefined);
  assertEquals(await ask({}, { ignoreVary: true }), "yes");
  assertEquals((await cache.matchAll("v", { ignoreVary: true })).length, 2);
  assertEquals((await cache.keys("v")).length, 0);
  assertEquals(await cache.delete("v", { ignoreVary: true }), true);
  assertEquals((await cache.keys()).length, 3);
  assertEquals(await cache.delete("q", { ignoreSearch: true }), true);
  assertDeepEquals(await cache.keys(), []);
});

test("without a request everything is meant, in insertion order", async () => {
  const cache = await fresh();
  for (const name of ["c", "a", "b"]) await cache.put(name, new Response(name));
  const all = await cache.matchAll();
  assert(Object.isFrozen(all));
  assertDeepEquals(await Promise.all(all.map(text)), ["c", "a", "b"]);
  assertDeepEquals(urls(await cache.keys(undefined, {})), ["c", "a", "b"]);
  assertDeepEquals(urls(await cache.keys("a")), ["a"]);
  await assertRejects(TypeError, () => cache.match());
  await assertRejects(TypeError, () => cache.match("a", 1));
  await assertRejects(TypeError, () => cache.match("http://[bad"));
  await assertRejects(TypeError, () => Cache.prototype.match.call({}, "a"));
});

test("what cannot be cached is refused and nothing is stored", async () => {
  const cache = await fresh();
  await assertRejects(TypeError, () => cache.put("a"));
  await assertRejects(TypeError, () => cache.put("a", "no response"));
  await assertRejects(TypeError, () => cache.put("data:text/plain,a", new Response("")));
  await assertRejects(TypeError, () => cache.put(new Request("a", { method: "POST" }), new Response("")));
  await assertRejects(TypeError, () => cache.put(new Request("a", { method: "HEAD" }), new Response("")));
  await assertRejects(TypeError, () => cache.put("a", new Response("x", { status: 206 })));
  await assertRejects(TypeError, () => cache.put("a", new Response("x", { headers: { vary: "a, *" } })));
  const used = new Response("x");
  await used.text();
  await assertRejects(TypeError, () => cache.put("a", used));
  const locked = new Response("x");
  locked.body.getReader();
  await assertRejects(TypeError, () => cache.put("a", locked));
  const failing = new Response(new ReadableStream({ pull: (controller) => controller.error(new RangeError("broken")) }));
  await assertRejects(RangeError, () => cache.put("a", failing));
  assertDeepEquals(await cache.keys(), []);
});

test("add and addAll fetch; one failure stores nothing", async () => {
  const cache = await fresh();
  assertEquals(await cache.add("https://js.test/echo"), undefined);
  assertEquals((await cache.match("https://js.test/echo")).headers.get("x-method"), "GET");
  assertEquals((await cache.match("https://js.test/echo")).url, "https://js.test/echo");
  await cache.delete("https://js.test/echo");
  const many = Array.from({ length: 200 }, (_, i) => `https://js.test/echo?${i}`);
  assertEquals(await cache.addAll(many), undefined);
  assertDeepEquals((await cache.keys()).map(({ url }) => url), many);
  assertEquals(await cache.addAll([]), undefined);
  await assertRejects(TypeError, () => cache.addAll(["https://js.test/echo?new", "https://js.test/nothing"]));
  await assertRejects(TypeError, () => cache.addAll([new Request("https://js.test/echo?new"), new Request("x", { method: "POST" })]));
  await assertRejects(TypeError, () => cache.addAll(["https://js.test/echo?new", "data:,x"]));
  await assertRejects("InvalidStateError", () => cache.addAll(["https://js.test/echo?new", "https://js.test/echo?new#x"]));
  await assertRejects(TypeError, () => cache.addAll());
  await assertRejects(TypeError, () => cache.addAll("abc".length));
  assertEquals((await cache.keys()).length, 200);
});

test("caches.match looks into all caches in order, or into one", async () => {
  for (const name of await caches.keys()) await caches.delete(name);
  const first = await caches.open("first");
  const second = await caches.open("second");
  await second.put("a", new Response("second a"));
  await second.put("b", new Response("second b"));
  await first.put("a", new Response("first a"));
  assertEquals(await text(await caches.match("a")), "first a");
  assertEquals(await text(await caches.match("b")), "second b");
  assertEquals(await text(await caches.match("a", { cacheName: "second" })), "second a");
  assertEquals(await caches.match("a", { cacheName: "third" }), undefined);
  assertEquals(await caches.has("third"), false);
  assertEquals(await caches.match("c"), undefined);
  await assertRejects(TypeError, () => caches.match());
});

test("a deleted cache goes on for who holds it, and for nobody else", async () => {
  for (const name of await caches.keys()) await caches.delete(name);
  const cache = await caches.open("doomed");
  await cache.put("a", new Response("old"));
  await caches.delete("doomed");
  assertEquals(await caches.has("doomed"), false);
  assertEquals(await caches.match("a"), undefined);
  assertEquals(await text(await cache.match("a")), "old");
  await cache.put("b", new Response("more"));
  const again = await caches.open("doomed");
  assertDeepEquals(await again.keys(), []);
  assertEquals((await cache.keys()).length, 2);
});

test("the estimate follows what is stored, and nothing is evicted", async () => {
  for (const name of await caches.keys()) await caches.delete(name);
  const before = await navigator.storage.estimate();
  assertDeepEquals(Object.keys(before).sort(), ["quota", "usage"]);
  const cache = await fresh();
  await cache.put("a", new Response("x".repeat(100_000)));
  const { usage, quota } = await navigator.storage.estimate();
  assert(usage >= before.usage + 100_000 && usage < before.usage + 101_000, "the body counts");
  assertEquals(quota, before.quota);
  await cache.delete("a");
  assertEquals((await navigator.storage.estimate()).usage, before.usage);
  assertEquals(await navigator.storage.persisted(), true);
});

test("scripts that replace the engine's objects change nothing", async () => {
  const cache = await fresh();
  const { stringify } = JSON;
  const { then } = Promise.prototype;
  JSON.stringify = () => "{}";
  Promise.prototype.then = () => undefined;
  try {
    await cache.put("a", new Response("x"));
    assertEquals(await (await cache.match("a")).text(), "x");
  } finally {
    JSON.stringify = stringify;
    Promise.prototype.then = then;
  }
});
