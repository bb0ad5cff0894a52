// structuredClone, and values as messages and as stored values.

import { host } from "./boundary.ts";
import { type Blob, blobRecord, isBlob } from "./blob.ts";
import { cloneError, defineClonable } from "./clonable.ts";
import { type CryptoKey, isCryptoKey, type KeyParts, keyParts, makeCryptoKey } from "./subtle/key.ts";
import { isObject, requireArguments, toDictionary, toSequence } from "./webidl.ts";
import "./clone-tools.ts";

defineClonable<Blob>({
  interface: "Blob",
  is: isBlob,
  toData: blobRecord,
  fromData() {
    // Blobs have a form of their own in the format.
    throw new DOMException("the cloned value has a Blob in a form that does not exist", "DataCloneError");
  },
});
defineClonable<CryptoKey>({
  interface: "CryptoKey",
  is: isCryptoKey,
  toData: (key) => ({ ...keyParts(key) }),
  fromData(data) {
    if (!isKeyParts(data)) throw new DOMException("the cloned value has a CryptoKey that is malformed", "DataCloneError");
    return makeCryptoKey(data);
  },
});
defineClonable<DOMException>({
  interface: "DOMException",
  is: (value): value is DOMException => value instanceof DOMException,
  toData: ({ name, message }) => ({ name, message }),
  fromData(data) {
    const { name, message } = data as { name: unknown; message: unknown };
    return new DOMException(String(message), String(name));
  },
});

/** Clones may come from other programs, so nothing about a key is taken for granted. */
function isKeyParts(data: unknown): data is KeyParts {
  if (!isObject(data)) return false;
  const { type, extractable, algorithm, usages, material } = data as Partial<Record<keyof KeyParts, unknown>>;
  const isText = (value: unknown): value is string => typeof value === "string";
  return (
    (type === "public" || type === "private" || type === "secret") &&
    typeof extractable === "boolean" &&
    isObject(algorithm) &&
    isText((algorithm as { name?: unknown }).name) &&
    Array.isArray(usages) &&
    usages.every(isText) &&
    material instanceof ArrayBuffer
  );
}

/** The message of `postMessage` as text. What is transferred is detached here afterwards. */
export function serializeForPosting(message: unknown, options: unknown): string {
  const transfer = transferList(options, "postMessage");
  const text = host.cloneToText(message);
  detach(transfer);
  return text;
}

/** The same for somebody outside of this worker, with the host's numbers of the ports that are transferred, as JSON. */
export function serializeForElsewhere(message: unknown, options: unknown): [string, string] {
  // Without a transfer list there are no ports, and their part of the layer is not needed.
  if (options === undefined || options === null) return [serializeForPosting(message, undefined), "[]"];
  return (require("./messaging.ts") as typeof import("./messaging.ts")).serializeForElsewhere(message, options);
}

/** The value of a message that another party serialised. */
export function deserializeForWorker(text: string): unknown {
  return host.cloneFromText(text);
}

/** A value as bytes for storage. */
export function serializeForStorage(value: unknown): ArrayBuffer {
  return host.cloneToBytes(value);
}

/** The reverse of `serializeForStorage`. */
export function deserializeFromStorage(bytes: ArrayBuffer): unknown {
  return host.cloneFromBytes(bytes);
}

/** `structuredClone(value, {transfer})`. */
export function structuredClone(value: unknown, options: unknown = undefined): unknown {
  requireArguments(arguments.length, 1, "structuredClone");
  const transfer = transferList(options, "structuredClone");
  const bytes = host.cloneToBytes(value);
  // A copy that failed must leave the originals attached, so they are detached only now.
  detach(transfer);
  return host.cloneFromBytes(bytes);
}

/** The transfer list of `postMessage(message, transferOrOptions)` and `structuredClone(value, options)`. */
function transferList(options: unknown, what: string): ArrayBuffer[] {
  const given = isObject(options) && Symbol.iterator in options ? options : toDictionary(options, what).transfer;
  if (given === undefined) return [];
  const list = toSequence(given, (item) => item, `${what}: transfer`);
  for (const item of list) {
    if (!(item instanceof ArrayBuffer) || item.detached || list.indexOf(item) !== list.lastIndexOf(item)) throw cloneError(item);
  }
  return list as ArrayBuffer[];
}

function detach(buffers: readonly ArrayBuffer[]): void {
  for (const buffer of buffers) {
    if (buffer.detached) throw cloneError(buffer);
    buffer.transfer();
  }
}
