// TextDecoderStream, TextEncoderStream (Encoding 7.4, 7.5), CompressionStream and DecompressionStream (Compression Streams 4, 5).

const source = (chunks) =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const joined = (chunks) => chunks.flatMap((chunk) => [...chunk]);

test("text is decoded across chunks, in every encoding", async () => {
  const euro = [new Uint8Array([0xe2, 0x82]), new Uint8Array(0), new Uint8Array([0xac, 0x21])];
  assertDeepEquals(await collect(source(euro).pipeThrough(new TextDecoderStream())), ["€!"]);
  assertDeepEquals(await collect(source([new Uint8Array([0xe2, 0x82])]).pipeThrough(new TextDecoderStream())), ["\ufffd"]);
  await assertRejects(TypeError, () => collect(source([new Uint8Array([0xff])]).pipeThrough(new TextDecoderStream("utf-8", { fatal: true }))));
  await assertRejects(TypeError, () => collect(source(["text"]).pipeThrough(new TextDecoderStream())));
  const legacy = [["shift_jis", [0x82, 0xa0], "あ"], ["windows-1252", [0x80], "€"], ["koi8-r", [0xc1], "а"], ["gb18030", [0xb0, 0xa1], "啊"], ["utf-16be", [0x20, 0xac], "€"], ["iso-8859-2", [0xb1], "ą"], ["euc-kr", [0xb0, 0xa1], "가"], ["big5", [0xa4, 0x40], "一"]];
  for (const [label, bytes, text] of legacy) {
    const stream = new TextDecoderStream(label);
    assertEquals(stream.encoding, label);
    assertEquals((await collect(source(bytes.map((byte) => new Uint8Array([byte]))).pipeThrough(stream))).join(""), text, label);
    assertEquals(new TextDecoder(label).decode(new Uint8Array(bytes)), text, label);
  }
  const stream = new TextDecoderStream("UTF8", { ignoreBOM: 1 });
  assertDeepEquals([stream.encoding, stream.fatal, stream.ignoreBOM], ["utf-8", false, true]);
  assertThrows(RangeError, () => new TextDecoderStream("nothing"));
});

test("text is encoded across chunks, surrogates included", async () => {
  const chunks = await collect(source(["a\ud83d", "\ude00", "\ud800x", "\udc00", "\ud800"]).pipeThrough(new TextEncoderStream()));
  assert(chunks.every((chunk) => chunk instanceof Uint8Array));
  assertEquals(new TextDecoder().decode(new Uint8Array(joined(chunks))), "a\u{1f600}\ufffdx\ufffd\ufffd");
  assertEquals(new TextEncoderStream().encoding, "utf-8");
});

test("what is compressed comes back, and damage is noticed", async () => {
  const data = new Uint8Array(20_000).map((_, i) => (i * i) >> 7);
  for (const format of ["gzip", "deflate", "deflate-raw"]) {
    const packed = joined(await collect(source([data.subarray(0, 5), data.subarray(5)]).pipeThrough(new CompressionStream(format))));
    assert(packed.length < data.length, format);
    const unpack = (bytes) => collect(source([new Uint8Array(bytes)]).pipeThrough(new DecompressionStream(format)));
    const back = joined(await unpack(packed));
    assertEquals(back.length, data.length, format);
    assert(back.every((byte, i) => byte === data[i]), format);
    await assertRejects(TypeError, () => unpack(packed.slice(0, -1)), `${format}, cut off`);
    await assertRejects(TypeError, () => unpack([...packed, 1]), `${format}, too long`);
    await assertRejects(TypeError, () => unpack(packed.map((byte, i) => (i === 1 ? byte ^ 0x44 : byte))), `${format}, damaged`);
    await assertRejects(TypeError, () => unpack([]), `${format}, empty`);
    assertEquals(joined(await collect(source(packed.map((byte) => new Uint8Array([byte]))).pipeThrough(new DecompressionStream(format)))).length, data.length, format);
  }
  await assertRejects(TypeError, () => collect(source(["text"]).pipeThrough(new CompressionStream("gzip"))));
  assertThrows(TypeError, () => new CompressionStream("rar"));
  assertThrows(TypeError, () => new DecompressionStream());
});

test("a few bytes that stand for many come in parts", async () => {
  const zeros = source(Array.from({ length: 16 }, () => new Uint8Array(65_536)));
  const chunks = await collect(zeros.pipeThrough(new CompressionStream("gzip")).pipeThrough(new DecompressionStream("gzip")));
  assertEquals(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0), 16 * 65_536);
  assert(chunks.length > 1);
});

test("streams that are given up are given back", async () => {
  for (let i = 0; i < 200; i += 1) {
    const stream = new CompressionStream("gzip");
    await stream.writable.abort();
  }
  const { readable, writable } = new CompressionStream("gzip");
  assert(readable instanceof ReadableStream && writable instanceof WritableStream);
});

// Encoding, 7.4: the chunk is converted to an AllowSharedBufferSource, which undefined is not.
test("TextDecoderStream: an undefined chunk is an error", async () => {
  const stream = new TextDecoderStream();
  const reading = stream.readable.getReader().read();
  await assertRejects(TypeError, () => stream.writable.getWriter().write(undefined));
  await assertRejects(TypeError, () => reading);
});

// Streams and Web IDL, 3.7.10.2: the prototype of an iterator inherits from %AsyncIteratorPrototype%.
test("iterators of streams are iterators of the language", () => {
  const iterator = new ReadableStream().values();
  const prototype = Object.getPrototypeOf(iterator);
  const language = Object.getPrototypeOf(Object.getPrototypeOf(async function* () {}.prototype));
  assert(Object.getPrototypeOf(prototype) === language);
  assertDeepEquals(Object.getOwnPropertyNames(prototype).toSorted(), ["next", "return"]);
  assert(iterator[Symbol.asyncIterator]() === iterator);
});
