// TextEncoder and TextDecoder (Encoding standard).

const bytes = (...list) => new Uint8Array(list);

test("TextEncoder.encode", () => {
  const encoder = new TextEncoder();
  assertEquals(encoder.encoding, "utf-8");
  assertDeepEquals([...encoder.encode("a\u00e4\u20ac\u{1f600}\ud800")], [97, 195, 164, 226, 130, 172, 240, 159, 152, 128, 239, 191, 189]);
  assertEquals(encoder.encode().length, 0);
  assertEquals(encoder.encode(undefined).length, 0);
  assertEquals(new TextDecoder().decode(encoder.encode(null)), "null");
  assert(encoder.encode("x") instanceof Uint8Array);
});

test("TextEncoder.encodeInto writes whole characters only", () => {
  const encoder = new TextEncoder();
  const target = new Uint8Array(5);
  assertDeepEquals(encoder.encodeInto("a\u20ac\u{1f600}", target), { read: 2, written: 4 });
  assertDeepEquals([...target], [97, 226, 130, 172, 0]);
  assertDeepEquals(encoder.encodeInto("\u{1f600}\u00e4", new Uint8Array(6)), { read: 3, written: 6 });
  const written = new Uint8Array(6);
  encoder.encodeInto("\u{1f600}\u00e4", written);
  assertEquals(new TextDecoder().decode(written), "\u{1f600}\u00e4");
  assertThrows(TypeError, () => encoder.encodeInto("a", new ArrayBuffer(2)));
});

test("TextDecoder: labels, options", () => {
  assertEquals(new TextDecoder().encoding, "utf-8");
  assertEquals(new TextDecoder(" UTF8\n").encoding, "utf-8");
  assertEquals(new TextDecoder("latin1").encoding, "windows-1252");
  assertEquals(new TextDecoder("utf-16").encoding, "utf-16le");
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  assertDeepEquals([decoder.fatal, decoder.ignoreBOM], [true, true]);
  assertThrows(RangeError, () => new TextDecoder("no-such-encoding"));
  assertThrows(RangeError, () => new TextDecoder("replacement"));
});

test("TextDecoder: byte order mark, malformed input, fatal", () => {
  assertEquals(new TextDecoder().decode(bytes(0xef, 0xbb, 0xbf, 97)), "a");
  assertEquals(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes(0xef, 0xbb, 0xbf, 97)), "\ufeffa");
  assertEquals(new TextDecoder().decode(bytes(97, 0xff, 98)), "a\ufffdb");
  const fatal = new TextDecoder("utf-8", { fatal: true });
  assertThrows(TypeError, () => fatal.decode(bytes(97, 0xff)));
  assertEquals(fatal.decode(bytes(97)), "a", "the decoder works again after an error");
  assertEquals(new TextDecoder("windows-1252").decode(bytes(0x80, 0xe4)), "\u20ac\u00e4");
  assertEquals(new TextDecoder("utf-16le").decode(bytes(0x61, 0, 0x3d, 0xd8, 0, 0xde)), "a\u{1f600}");
  assertEquals(new TextDecoder("shift_jis").decode(bytes(0x83, 0x65)), "\u30c6");
});

test("TextDecoder: views and streaming", () => {
  const source = bytes(0, 0xe2, 0x82, 0xac, 0);
  assertEquals(new TextDecoder().decode(source.subarray(1, 4)), "\u20ac");
  assertEquals(new TextDecoder().decode(source.slice(1, 4).buffer), "\u20ac");
  assertEquals(new TextDecoder().decode(new DataView(source.buffer, 1, 3)), "\u20ac");
  const decoder = new TextDecoder();
  let text = "";
  for (const byte of source.subarray(1, 4)) text += decoder.decode(bytes(byte), { stream: true });
  text += decoder.decode();
  assertEquals(text, "\u20ac");
  assertEquals(decoder.decode(bytes(0xe2), { stream: true }), "");
  assertEquals(decoder.decode(), "\ufffd");
  assertThrows(TypeError, () => decoder.decode("text"));
});
