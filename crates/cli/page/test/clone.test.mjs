// The page's structured clone against the committed vectors, which crates/structured-clone and the workers keep as well.
//
// `WRITE_VECTORS=1 node --test` writes the bytes of new vectors; crates/structured-clone says what they show.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { importFromPage } from "./support/page.mjs";

const path = new URL("../../../structured-clone/fixtures/vectors.json", import.meta.url);
const vectors = JSON.parse(readFileSync(path, "utf8"));

const clone = await importFromPage(`
  export { serialize } from "./clone/serialize.ts";
  export { deserialize } from "./clone/deserialize.ts";
  export { fromBase64, toBase64 } from "./clone/base64.ts";
  export { cloneError, DEPTH_MAX } from "./clone/format.ts";
`);

/** Contents of the blobs that the vectors make. */
const contents = new Map();
const hooks = {
  readBlob: (value) => {
    if (!(value instanceof Blob)) return null;
    const content = { type: value.type, bytes: contents.get(value) };
    return value instanceof File ? { ...content, name: value.name, lastModified: value.lastModified } : content;
  },
  makeBlob: ({ type, bytes, name, lastModified }) => {
    const blob = name === undefined ? new Blob([bytes], { type }) : new File([bytes], name, { type, lastModified });
    contents.set(blob, bytes);
    return blob;
  },
  readPlatform: (value) => {
    if (value instanceof DOMException) return { interface: "DOMException", data: { name: value.name, message: value.message } };
    if (value instanceof Headers) throw clone.cloneError(value);
    return null;
  },
  makePlatform: ({ interface: name, data }) => (name === "DOMException" ? new DOMException(data.message, data.name) : null),
};

async function evaluate(js) {
  const value = (0, eval)(`(${js})`);
  // Nothing but short arrays is looked into, and no getter is run.
  const blobs = [value, ...(Array.isArray(value) && value.length < 100 ? Object.values(Object.getOwnPropertyDescriptors(value)).map((own) => own.value) : [])].filter((part) => part instanceof Blob);
  for (const blob of blobs) contents.set(blob, new Uint8Array(await blob.arrayBuffer()));
  return value;
}

const hex = (bytes) => Buffer.from(bytes).toString("hex");

/** Node 20 has no Float16Array; the workers keep these vectors. */
const isKnownHere = ({ js }) => !js.includes("Float16") || "Float16Array" in globalThis;

if (process.env.WRITE_VECTORS === "1") {
  for (const vector of vectors) {
    if (isKnownHere(vector)) vector.hex = hex(clone.serialize(await evaluate(vector.js), hooks));
  }
  writeFileSync(path, `[\n${vectors.map((vector) => `  ${JSON.stringify(vector)}`).join(",\n")}\n]\n`);
}

for (const vector of vectors.filter(isKnownHere)) {
  test(`vector: ${vector.name}`, async () => {
    assert.equal(hex(clone.serialize(await evaluate(vector.js), hooks)), vector.hex);
    const value = clone.deserialize(new Uint8Array(Buffer.from(vector.hex, "hex")), hooks);
    assert.equal(hex(clone.serialize(value, hooks)), vector.hex);
    for (let length = 0; length < vector.hex.length / 2; length += 1) {
      assert.throws(() => clone.deserialize(new Uint8Array(Buffer.from(vector.hex, "hex").subarray(0, length)), hooks));
    }
  });
}

test("a blob can be left outside, and is asked for by its number", () => {
  const [text, file] = [new Blob(["a"], { type: "text/plain" }), new File(["bc"], "f", { lastModified: 9 })];
  const outside = {
    ...hooks,
    readBlob: (value) => {
      if (value === text) return { type: value.type, bytes: { number: 300, size: 1 } };
      return value === file ? { type: "", bytes: { number: 0, size: 2 }, name: "f", lastModified: 9 } : null;
    },
    makeBlob: ({ bytes, name }) => ({ bytes, name }),
  };
  const bytes = clone.serialize({ list: [text, file, text] }, outside);
  const { list } = clone.deserialize(bytes, outside);
  assert.deepEqual(list, [{ bytes: { number: 300, size: 1 }, name: undefined }, { bytes: { number: 0, size: 2 }, name: "f" }, list[0]]);
});

test("values come back as they were", () => {
  const shared = { a: [1, , "x"] };
  const value = { shared, again: shared, map: new Map([[shared, new Set([1n])]]), date: new Date(5) };
  value.self = value;
  const copy = clone.deserialize(clone.serialize(value, hooks), hooks);
  assert.deepEqual(copy, value);
  assert.equal(copy.self, copy);
  assert.equal(copy.again, copy.shared);
  assert.ok(!(1 in copy.shared.a));
  assert.equal(Object.getOwnPropertyDescriptor(clone.deserialize(clone.serialize(JSON.parse('{"__proto__":1}'), hooks), hooks), "__proto__").value, 1);
});

test("an element that a getter removes becomes a hole", () => {
  const list = [0, 1, 2, 3];
  Object.defineProperty(list, 0, { get: () => (delete list[1], delete list[3], 7), enumerable: true });
  const bytes = clone.serialize(list, hooks);
  assert.equal(hex(bytes), "5701001104040e090404091f");
  assert.deepEqual(clone.deserialize(bytes, hooks), [7, , 2, ,]);
});

test("what cannot be cloned is refused", () => {
  const detached = new ArrayBuffer(1);
  structuredClone(detached, { transfer: [detached] });
  for (const value of [() => {}, Symbol("s"), new WeakMap(), Promise.resolve(), new Headers(), detached, Object(Symbol("s"))]) {
    assert.throws(() => clone.serialize({ value }, hooks), { name: "DataCloneError" });
  }
});

test("nesting ends at the limit", () => {
  const nested = (depth) => {
    let value = 1;
    for (let i = 0; i < depth; i += 1) value = i % 2 === 0 ? [value] : { value };
    return value;
  };
  const bytes = clone.serialize(nested(clone.DEPTH_MAX), hooks);
  assert.deepEqual(clone.serialize(clone.deserialize(bytes, hooks), hooks), bytes);
  assert.throws(() => clone.serialize(nested(clone.DEPTH_MAX + 1), hooks), { name: "DataCloneError" });
});

test("transferred objects are named by their position", () => {
  const port = new EventTarget();
  const bytes = clone.serialize([port, 1], hooks, [port]);
  assert.deepEqual(clone.deserialize(bytes, hooks, [{ port: 1 }]), [{ port: 1 }, 1]);
  assert.throws(() => clone.deserialize(bytes, hooks), TypeError);
});

test("bytes cross text unchanged", () => {
  const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => i);
  assert.deepEqual(clone.fromBase64(clone.toBase64(bytes)), bytes);
});
