// Messages as text: structured clones in the format that workers use too, with what only a page knows.

import { fromBase64, toBase64 } from "./clone/base64.ts";
import { deserialize as fromBytes } from "./clone/deserialize.ts";
import { type BlobContent, cloneError, type CloneHooks, type PlatformData } from "./clone/format.ts";
import { serialize as toBytes } from "./clone/serialize.ts";

/** What JavaScript itself defines; every other object that the browser can clone is an object of a web interface. */
const LANGUAGE_PROTOTYPES: readonly unknown[] = [
  Object,
  Array,
  Boolean,
  Number,
  String,
  BigInt,
  Date,
  RegExp,
  Map,
  Set,
  ArrayBuffer,
  DataView,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
].map((constructor) => constructor.prototype);

const hooks: CloneHooks = {
  // A page cannot read a blob without waiting, and `postMessage` cannot wait.
  readBlob: () => null,
  makeBlob: (content: BlobContent) => {
    const parts = [content.bytes as Uint8Array<ArrayBuffer>];
    if (content.name === undefined) return new Blob(parts, { type: content.type });
    const lastModified = content.lastModified ?? Date.now();
    return new File(parts, content.name, { type: content.type, lastModified });
  },
  readPlatform: (value: object) => {
    if (value instanceof DOMException) return { interface: "DOMException", data: { name: value.name, message: value.message } };
    if (LANGUAGE_PROTOTYPES.includes(Object.getPrototypeOf(value))) return null;
    throw cloneError(value);
  },
  makePlatform: ({ interface: name, data }: PlatformData) => {
    if (name !== "DOMException") return null;
    const { name: errorName, message } = data as { name: unknown; message: unknown };
    return new DOMException(String(message), String(errorName));
  },
};

/**
 * Serialises a value. The browser's own structured clone goes first: it reads getters once, finds what cannot be cloned,
 * and detaches what is transferred, so that ours only sees plain values.
 */
export function serializeToBytes(value: unknown, transfer: unknown[]): Uint8Array<ArrayBuffer> {
  for (const each of transfer) {
    if (!(each instanceof ArrayBuffer)) {
      throw new DOMException("Only ArrayBuffers can be transferred to a service worker run by WakeWorker.", "DataCloneError");
    }
  }
  return toBytes(structuredClone(value, { transfer: transfer as ArrayBuffer[] }), hooks);
}

/** The reverse. */
export function deserializeFromBytes(bytes: Uint8Array<ArrayBuffer>): unknown {
  return fromBytes(bytes, hooks);
}

/** Serialises a message. */
export function serialize(value: unknown, transfer: unknown[]): string {
  return toBase64(serializeToBytes(value, transfer));
}

/** The value that a worker serialised. */
export function deserialize(text: string): unknown {
  return deserializeFromBytes(fromBase64(text));
}
