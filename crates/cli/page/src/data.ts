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
  makeBlob: ({ type, bytes, name, lastModified }: BlobContent) => {
    if (!(bytes instanceof Uint8Array)) throw new TypeError("the content of a blob is stored elsewhere");
    return name === undefined ? new Blob([bytes], { type }) : new File([bytes], name, { type, lastModified: lastModified ?? Date.now() });
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

/** Hooks of a value whose blobs are in a list: its clone has their places there. */
function hooksWith(blobs: Blob[]): CloneHooks {
  return {
    ...hooks,
    readBlob: (value) => (value instanceof Blob ? describe(value, { number: blobs.push(value) - 1, size: value.size }) : null),
    makeBlob: (content) => ("number" in content.bytes ? (blobs[content.bytes.number] ?? hooks.makeBlob(content)) : hooks.makeBlob(content)),
  };
}

function describe(blob: Blob, bytes: BlobContent["bytes"]): BlobContent {
  const { type } = blob;
  return blob instanceof File ? { type, bytes, name: blob.name, lastModified: blob.lastModified } : { type, bytes };
}

/** A value that is to be stored. Its blobs are beside its bytes: reading them takes time, and whoever stores cannot wait. */
export interface StoredValue {
  bytes: Uint8Array<ArrayBuffer>;
  blobs: readonly Blob[];
}

/** Serialises a value that is to be stored. */
export function serializeWithBlobs(value: unknown): StoredValue {
  const blobs: Blob[] = [];
  return { bytes: toBytes(structuredClone(value), hooksWith(blobs)), blobs };
}

/** The reverse. */
export function deserializeWithBlobs({ bytes, blobs }: StoredValue): unknown {
  return fromBytes(bytes, hooksWith([...blobs]));
}

/** The bytes of a value with the content of its blobs in them; NotReadableError if a file is gone or has changed. */
export async function withContents(value: StoredValue): Promise<Uint8Array<ArrayBuffer>> {
  const contents = new Map(await Promise.all(value.blobs.map(async (blob) => [blob, new Uint8Array(await blob.arrayBuffer())] as const)));
  return toBytes(deserializeWithBlobs(value), {
    ...hooks,
    readBlob: (blob) => (blob instanceof Blob ? describe(blob, contents.get(blob) as Uint8Array<ArrayBuffer>) : null),
  });
}

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
