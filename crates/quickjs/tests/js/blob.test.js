// Blob and File (File API).

test("Blob: parts, type, size", async () => {
  const blob = new Blob(["a", new Uint8Array([98]), new Uint8Array([99]).buffer, new Blob(["d"]), 5], { type: "Text/Plain" });
  assertDeepEquals([blob.size, blob.type, await blob.text()], [5, "text/plain", "abcd5"]);
  assertEquals(new Blob(["x"], { type: "\u00e9" }).type, "");
  assertEquals(new Blob().size, 0);
  assertThrows(TypeError, () => new Blob("text"));
  assertThrows(TypeError, () => new Blob(["a"], 5));
  assertThrows(TypeError, () => new Blob([], { endings: "other" }));
});

test("Blob.slice", async () => {
  const blob = new Blob(["0123456789"]);
  const text = (...args) => blob.slice(...args).text();
  assertDeepEquals([await text(), await text(2, 5), await text(-3), await text(-3, -1), await text(8, 2), await text(5, 100)], ["0123456789", "234", "789", "78", "", "56789"]);
  assertEquals(blob.slice(0, 1, "A/B").type, "a/b");
});

test("Blob: readers give independent copies", async () => {
  const blob = new Blob(["abc"]);
  const bytes = await blob.bytes();
  bytes[0] = 0;
  assertEquals(await blob.text(), "abc");
  assertEquals((await blob.arrayBuffer()).byteLength, 3);
  const reader = new Blob([new Uint8Array(200000)]).stream().getReader();
  let total = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) total += part.value.length;
  assertEquals(total, 200000);
});

test("File", () => {
  const file = new File(["x"], "n\u00e4me.txt", { type: "a/b", lastModified: 5 });
  assertDeepEquals([file.name, file.type, file.size, file.lastModified], ["n\u00e4me.txt", "a/b", 1, 5]);
  assert(file instanceof Blob);
  assert(Math.abs(new File([], "x").lastModified - Date.now()) < 10000);
  assertThrows(TypeError, () => new File(["x"]));
});

// Web IDL, 3.2.21 ("create a sequence from an iterable"): the method is asked for once, and no conversion closes the iterator.
test("a sequence is read as its iterator gives it", () => {
  const log = [];
  const parts = {
    get [Symbol.iterator]() {
      log.push("method");
      return () => ({
        get next() {
          log.push("next");
          let left = 2;
          return () => ({ done: left === 0, value: left-- });
        },
        return() {
          log.push("return");
          return {};
        },
      });
    },
  };
  assertEquals(new Blob(parts).size, 2);
  assertDeepEquals(log, ["method", "next"]);
  const throwing = { *[Symbol.iterator]() { yield { toString() { throw new RangeError("part"); } }; } };
  assertThrows(RangeError, () => new Blob(throwing));
  assertThrows(TypeError, () => new Blob({ [Symbol.iterator]: () => 1 }));
  assertThrows(TypeError, () => new Blob({ [Symbol.iterator]: () => ({ next: () => 1 }) }));
});
