// Headers, Request, Response, fetch (Fetch standard).

test("a request has one signal, which follows that of the request it was made of", () => {
  const controller = new AbortController();
  const first = new Request("/x", { signal: controller.signal });
  const [second, third] = [new Request(first), first.clone()];
  assert(first.signal !== controller.signal && first.signal === first.signal);
  assert(second.signal !== first.signal && third.signal !== first.signal);
  const plain = new Request("/x");
  assert(plain.signal === plain.signal && !plain.signal.aborted);
  controller.abort();
  assertDeepEquals([first, second, third, plain, new Request(plain)].map((request) => request.signal.aborted), [true, true, true, false, false]);
});

test("a request made of another without init is the same request", async () => {
  const source = new Request("/x", { method: "POST", body: "text", headers: { "X-A": "1" }, cache: "reload", redirect: "manual", credentials: "omit" });
  const copy = new Request(source);
  const shown = (request) => [request.method, request.url, request.cache, request.redirect, request.credentials, request.mode, [...request.headers]];
  assertDeepEquals(shown(copy), shown(source));
  copy.headers.set("x-a", "2");
  assertEquals(source.headers.get("x-a"), "1");
  assert(source.bodyUsed);
  assertEquals(await copy.text(), "text");
  assertThrows(TypeError, () => new Request(source));
});

test("Headers: combine, sort, case, iteration while changing", () => {
  const headers = new Headers({ b: "2", A: "1" });
  headers.append("a", " 3 ");
  headers.append("Set-Cookie", "x=1");
  headers.append("set-cookie", "y=2");
  assertEquals(headers.get("A"), "1, 3");
  assertDeepEquals([...headers], [["a", "1, 3"], ["b", "2"], ["set-cookie", "x=1"], ["set-cookie", "y=2"]]);
  assertDeepEquals(headers.getSetCookie(), ["x=1", "y=2"]);
  headers.set("a", "4");
  headers.delete("B");
  assertDeepEquals([headers.get("a"), headers.has("b"), headers.get("none")], ["4", false, null]);
  assertDeepEquals([...new Headers([["x", "1"], ["x", "2"]])], [["x", "1, 2"]]);
  assertDeepEquals([...new Headers(headers).keys()], ["a", "set-cookie", "set-cookie"]);
});

test("Headers: errors", () => {
  assertThrows(TypeError, () => new Headers([["a"]]));
  assertThrows(TypeError, () => new Headers(5));
  assertThrows(TypeError, () => new Headers(null));
  assertThrows(TypeError, () => new Headers({ "a b": "1" }));
  assertThrows(TypeError, () => new Headers({ a: "x\ny" }));
  assertThrows(TypeError, () => new Headers({ a: "\u0100" }));
  assertThrows(TypeError, () => new Headers().append("a"));
  assertThrows(TypeError, () => new Headers().get(""));
  assertThrows(TypeError, () => Headers.prototype.get.call({}, "a"));
});

test("guards: forbidden request headers are ignored, response headers of errors immutable", () => {
  const request = new Request("/x", { headers: { Host: "a", Cookie: "c", "Sec-Fetch-Mode": "x", "X-Own": "1", "proxy-a": "2" } });
  assertDeepEquals([...request.headers], [["x-own", "1"]]);
  const opaque = new Request("/x", { mode: "no-cors", headers: { Accept: "a", "X-Own": "1", "Content-Type": "application/json" } });
  assertDeepEquals([...opaque.headers], [["accept", "a"]]);
  assertThrows(TypeError, () => Response.error().headers.append("a", "b"));
  assertThrows(TypeError, () => Response.redirect("/x").headers.set("a", "b"));
});

test("Request: defaults, URL, method", () => {
  const request = new Request("page?q#f");
  assertEquals(request.url, "https://js.test/app/page?q#f");
  assertDeepEquals(
    [request.method, request.mode, request.credentials, request.cache, request.redirect, request.referrer, request.integrity, request.keepalive, request.destination, request.duplex],
    ["GET", "cors", "same-origin", "default", "follow", "about:client", "", false, "", "half"],
  );
  assert(request.signal instanceof AbortSignal);
  assertEquals(new Request("/", { method: "post" }).method, "POST");
  assertEquals(new Request("/", { method: "patch" }).method, "patch");
  for (const method of ["CONNECT", "trace", "a b", ""]) assertThrows(TypeError, () => new Request("/", { method }), method);
  assertThrows(TypeError, () => new Request("https://user:pw@js.test/"));
  assertThrows(TypeError, () => new Request("http://["));
  assertThrows(TypeError, () => new Request("/", { mode: "navigate" }));
  assertThrows(TypeError, () => new Request("/", { mode: "other" }));
  assertThrows(TypeError, () => new Request("/", { cache: "only-if-cached" }));
  assertThrows(TypeError, () => new Request("/", { window: self }));
  assertThrows(TypeError, () => new Request("/", { signal: {} }));
  assertThrows(TypeError, () => new Request("/", { method: "GET", body: "x" }));
  assertThrows(TypeError, () => new Request());
});

test("Request from Request takes over, and uses up the body", async () => {
  const first = new Request("/x", { method: "POST", body: "text", headers: { a: "1" }, credentials: "include", referrer: "/from" });
  assertEquals(first.referrer, "https://js.test/from");
  const copy = first.clone();
  const second = new Request(first, { headers: { b: "2" } });
  assertDeepEquals([second.method, second.credentials, second.headers.get("a"), second.headers.get("b")], ["POST", "include", null, "2"]);
  assertEquals(first.bodyUsed, true);
  assertEquals(await second.text(), "text");
  assertEquals(await copy.text(), "text");
  assertThrows(TypeError, () => new Request(first));
  assertThrows(TypeError, () => first.clone());
  const withBody = new Request(first, { body: "new", method: "PUT" });
  assertEquals(await withBody.text(), "new");
});

test("a request's signal follows the one it was given", () => {
  const controller = new AbortController();
  const request = new Request("/", { signal: controller.signal });
  const clone = request.clone();
  const copy = new Request(request);
  const free = new Request(request, { signal: null });
  controller.abort("stop");
  assertDeepEquals([request.signal.reason, clone.signal.reason, copy.signal.reason, free.signal.aborted], ["stop", "stop", "stop", false]);
});

test("bodies: types and content", async () => {
  const cases = [
    ["text", "text/plain;charset=UTF-8", "text"],
    [new URLSearchParams({ a: "1 2" }), "application/x-www-form-urlencoded;charset=UTF-8", "a=1+2"],
    [new Blob(["blob"], { type: "Text/X" }), "text/x", "blob"],
    [new Uint8Array([104, 105]), null, "hi"],
    [new Uint8Array([0, 104, 105]).subarray(1), null, "hi"],
    [new Uint8Array([104, 105]).buffer, null, "hi"],
    [5, "text/plain;charset=UTF-8", "5"],
  ];
  for (const [body, type, text] of cases) {
    const response = new Response(body);
    assertEquals(response.headers.get("content-type"), type);
    assertEquals(await response.text(), text);
    const request = new Request("/", { method: "POST", body });
    assertEquals(request.headers.get("content-type"), type);
    assertEquals(await request.text(), text);
  }
  const own = new Response("x", { headers: { "content-type": "a/b" } });
  assertEquals(own.headers.get("content-type"), "a/b");
  const changed = new Uint8Array([1]);
  const response = new Response(changed);
  changed[0] = 2;
  assertEquals((await response.bytes())[0], 1, "a body does not see later changes");
});

test("bodies are consumed once, in every format", async () => {
  const response = new Response('{"a":[1]}', { headers: { "content-type": "application/json" } });
  const copies = Array.from({ length: 4 }, () => response.clone());
  assertDeepEquals(await response.json(), { a: [1] });
  assertEquals(response.bodyUsed, true);
  await assertRejects(TypeError, () => response.text());
  assertThrows(TypeError, () => response.clone());
  assertEquals((await copies[0].arrayBuffer()).byteLength, 9);
  assertEquals((await copies[1].blob()).type, "application/json");
  assertEquals((await copies[2].bytes())[0], 123);
  assertEquals(copies[3].bodyUsed, false);
  await assertRejects(SyntaxError, () => new Response("{").json());
  assertEquals(await new Response().text(), "");
  assertEquals(new Response().body, null);
  assertEquals(await new Response("\ufeffa").text(), "a");
  await assertRejects(TypeError, () => Response.prototype.text.call({}));
});

test("body as stream", async () => {
  const response = new Response("stream");
  assert(response.body instanceof ReadableStream);
  assertEquals(response.body, response.body);
  const reader = response.body.getReader();
  assertEquals(response.bodyUsed, false);
  await assertRejects(TypeError, () => response.text());
  const { value } = await reader.read();
  assert(value instanceof Uint8Array);
  assertEquals(new TextDecoder().decode(value), "stream");
  assertEquals((await reader.read()).done, true);
  assertEquals(response.bodyUsed, true);

  const encoder = new TextEncoder();
  const source = new ReadableStream({
    start(controller) {
      controller.enqueue(encoder.encode("one "));
      controller.enqueue(encoder.encode("two"));
      controller.close();
    },
  });
  const streamed = new Response(source);
  const clone = streamed.clone();
  assertEquals(await streamed.text(), "one two");
  assertEquals(await clone.text(), "one two");
  const wrong = new Response(
    new ReadableStream({
      start(controller) {
        controller.enqueue("not bytes");
        controller.close();
      },
    }),
  );
  await assertRejects(TypeError, () => wrong.text());
  const failing = new Response(
    new ReadableStream({
      pull() {
        throw new RangeError("source");
      },
    }),
  );
  await assertRejects(RangeError, () => failing.text());
  const locked = new ReadableStream();
  locked.getReader();
  assertThrows(TypeError, () => new Response(locked));
  assertThrows(TypeError, () => new Request("/", { method: "POST", body: new ReadableStream() }), "a stream without duplex");
  for (const body of [undefined, null, "x", new ReadableStream()]) {
    assertThrows(TypeError, () => new Request("/", { method: "POST", body, duplex: "full" }), "a duplex that does not exist");
  }
});

test("Response: status, statics", async () => {
  assertDeepEquals([new Response().status, new Response().ok, new Response().type, new Response().statusText, new Response().url], [200, true, "default", "", ""]);
  assertThrows(RangeError, () => new Response("", { status: 199 }));
  assertThrows(RangeError, () => new Response("", { status: 600 }));
  assertThrows(TypeError, () => new Response("", { statusText: "a\nb" }));
  for (const status of [204, 205, 304]) {
    assertThrows(TypeError, () => new Response("", { status }));
    assertEquals(new Response(null, { status }).status, status);
  }
  const error = Response.error();
  assertDeepEquals([error.type, error.status, error.ok], ["error", 0, false]);
  const redirect = Response.redirect("to", 301);
  assertDeepEquals([redirect.status, redirect.headers.get("location")], [301, "https://js.test/app/to"]);
  assertThrows(RangeError, () => Response.redirect("/", 200));
  assertThrows(TypeError, () => Response.redirect("http://["));
  const json = Response.json({ a: 1 }, { status: 201 });
  assertDeepEquals([json.status, json.headers.get("content-type"), await json.text()], [201, "application/json", '{"a":1}']);
  assertThrows(TypeError, () => Response.json(undefined));
});

test("FormData: operations", () => {
  const form = new FormData();
  form.append("a", 1);
  form.append("a", "2");
  form.append("f", new Blob(["x"], { type: "t/x" }));
  form.append("g", new File(["y"], "old.txt"), "new.txt");
  assertDeepEquals(form.getAll("a"), ["1", "2"]);
  assert(form.get("f") instanceof File);
  assertDeepEquals([form.get("f").name, form.get("f").type, form.get("g").name], ["blob", "t/x", "new.txt"]);
  form.set("a", "3");
  form.delete("f");
  assertDeepEquals([...form.keys()], ["a", "g"]);
  assertEquals(form.has("f"), false);
  assertThrows(TypeError, () => form.append("a", "text", "file.txt"));
  assertThrows(TypeError, () => new FormData({}));
});

test("FormData: there and back as multipart, from urlencoded", async () => {
  const form = new FormData();
  form.append('n"ame\r\n', "line 1\nline 2");
  form.append("empty", "");
  form.append("file", new File([new Uint8Array([0, 13, 10, 45, 45, 255])], 'quo"te.bin', { type: "application/x" }));
  const request = new Request("/", { method: "POST", body: form });
  assert(request.headers.get("content-type").startsWith("multipart/form-data; boundary="));
  const back = await request.formData();
  assertDeepEquals([...back.keys()], ['n"ame\r\n', "empty", "file"]);
  assertEquals(back.get('n"ame\r\n'), "line 1\r\nline 2");
  const file = back.get("file");
  assertDeepEquals([file.name, file.type, ...(await file.bytes())], ['quo"te.bin', "application/x", 0, 13, 10, 45, 45, 255]);
  const encoded = await new Response(new URLSearchParams("a=1&a=2&b=%20")).formData();
  assertDeepEquals([...encoded], [["a", "1"], ["a", "2"], ["b", " "]]);
  await assertRejects(TypeError, () => new Response("x").formData());
  const broken = new Response("--b\r\nno header", { headers: { "content-type": "multipart/form-data; boundary=b" } });
  await assertRejects(TypeError, () => broken.formData());
});

test("fetch: request and response cross the host", async () => {
  const response = await fetch("/echo", { method: "POST", body: "payload", headers: { "X-Own": "7" } });
  assertDeepEquals([response.status, response.ok, response.url, response.redirected], [200, true, "https://js.test/echo", false]);
  assertEquals(response.headers.get("x-method"), "POST");
  assertEquals(response.headers.get("x-x-own"), "7");
  assertThrows(TypeError, () => response.headers.set("a", "b"));
  const clone = response.clone();
  assertEquals(await response.text(), "payload");
  assertEquals(await clone.text(), "payload");
  const request = new Request("/echo", { method: "PUT", body: new Uint8Array(100000).fill(65) });
  const large = await fetch(request);
  assertEquals(request.bodyUsed, true);
  assertEquals((await large.arrayBuffer()).byteLength, 100000);
});

test("fetch: failures are rejections of the right kind", async () => {
  await assertRejects(TypeError, () => fetch("https://unreachable.test/"));
  await assertRejects(TypeError, () => fetch());
  await assertRejects(TypeError, () => fetch("http://["));
  await assertRejects("AbortError", () => fetch("/echo", { signal: AbortSignal.abort() }));
  const controller = new AbortController();
  const promise = fetch("/echo", { signal: controller.signal });
  controller.abort();
  await assertRejects("AbortError", () => promise);
});

test("the type of a blob made of a body", async () => {
  const type = async (contentType) => (await new Response("x", { headers: contentType === null ? {} : { "content-type": contentType } }).blob()).type;
  assertEquals(await type("Text/HTML; Charset=UTF-8"), "text/html;Charset=UTF-8");
  assertEquals(await type("multipart/form-data; boundary=AbC"), "multipart/form-data;boundary=AbC");
  assertEquals(await type("nonsense"), "");
});

test("a response that is not read to its end can be cancelled", async () => {
  const response = await fetch("/echo", { method: "POST", body: new Uint8Array(300000) });
  const reader = response.body.getReader();
  await reader.read();
  await reader.cancel("enough");
  assertEquals((await reader.read()).done, true);
});

test("aborting while the body arrives fails the reader", async () => {
  const controller = new AbortController();
  const response = await fetch("/echo", { method: "POST", body: new Uint8Array(300000), signal: controller.signal });
  controller.abort("stopped");
  let reason;
  await response.text().catch((error) => (reason = error));
  assertEquals(reason, "stopped");
});

test("clones of a response from the network are independent", async () => {
  const body = new Uint8Array(300000).map((_, i) => i & 255);
  const response = await fetch("/echo", { method: "POST", body });
  const first = response.clone();
  const second = first.clone();
  const [a, b, c] = await Promise.all([response.bytes(), first.arrayBuffer(), second.blob()]);
  for (const bytes of [a, new Uint8Array(b), await c.bytes()]) {
    assertEquals(bytes.length, body.length);
    assert(bytes.every((byte, i) => byte === (i & 255)));
  }
  const again = await fetch("/echo", { method: "POST", body });
  const copy = again.clone();
  await again.body.cancel();
  assertEquals((await copy.bytes()).length, body.length, "cancelling one leaves the other");
  const controller = new AbortController();
  const aborted = await fetch("/echo", { method: "POST", body, signal: controller.signal });
  const clone = aborted.clone();
  controller.abort();
  await assertRejects("AbortError", () => aborted.text());
  await assertRejects("AbortError", () => clone.text());
});

// Fetch, "package data": the parser of URLs gets the bytes, a byte order mark among them.
test("formData keeps a byte order mark of an urlencoded body", async () => {
  const headers = { "Content-Type": "application/x-www-form-urlencoded" };
  for (const body of [new Request("/", { method: "POST", body: "\ufeffa=\ufeff", headers }), new Response("\ufeffa=\ufeff", { headers })]) {
    assertDeepEquals([...(await body.formData())], [["\ufeffa", "\ufeff"]]);
  }
});

// Fetch, "consume body": the stream of an aborted fetch is errored, so the promise is rejected when the method returns.
test("a body whose fetch was aborted is rejected at once", async () => {
  for (const method of ["arrayBuffer", "blob", "bytes", "formData", "json", "text"]) {
    const controller = new AbortController();
    const response = await fetch("/echo", { method: "POST", body: "x", signal: controller.signal });
    controller.abort();
    const order = [];
    const reading = response[method]().catch(({ name }) => order.push(name));
    await Promise.all([reading, Promise.resolve().then(() => order.push("next microtask"))]);
    assertDeepEquals(order, ["AbortError", "next microtask"], method);
    assert(response.bodyUsed, method);
    await assertRejects(TypeError, () => Response.prototype[method].call({}));
  }
});

// Fetch, "abort the fetch() call", step 2.
test("who writes a request's body hears at once that its fetch was aborted before it began", async () => {
  const reason = new Error("enough");
  let heard;
  const body = new ReadableStream({ cancel: (given) => (heard = given) });
  const fetching = fetch("/echo", { method: "POST", duplex: "half", body, signal: AbortSignal.abort(reason) });
  assert(heard === reason);
  assert((await fetching.catch((error) => error)) === reason);
});

test("a stream of no bytes has ended before anybody reads", async () => {
  const reader = new Response("").body.getReader();
  await reader.closed;
  assert((await reader.read()).done);
  const used = new Response("");
  await used.text();
  // Fetch, "fully read a body": the reader is never released.
  assert(used.bodyUsed && used.body.locked);
});
