// structuredClone and message serialisation in the worker, over clone.ts.

import { Blob, blobBytes, blobFromBytes, File, isBlob } from "./blob.ts";
import { classify, cloneError, type CloneHooks, deserialize, errorName, makeError, ownText, serialize, viewName } from "./clone.ts";
import { isObject, isPlatformObject, requireArguments, toDictionary, toSequence } from "./webidl.ts";

export const hooks: CloneHooks = {
  readBlob(value) {
    if (!isBlob(value)) return null;
    const content = { type: value.type, bytes: blobBytes(value) };
    return value instanceof File ? { ...content, name: value.name, lastModified: value.lastModified } : content;
  },
  makeBlob({ type, bytes, name, lastModified }) {
    const blob = blobFromBytes(bytes as Uint8Array<ArrayBuffer>, type);
    return name === undefined ? blob : new File([blob], name, { type, lastModified });
  },
  isPlatformObject,
};

/** The value of a message that another party serialised. */
export function deserializeForWorker(text: string): unknown {
  return deserialize(text, hooks);
}

/** A value as text for storage. */
export function serializeForStorage(value: unknown): string {
  return serialize(value, hooks);
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

/** Serialises a message; what is transferred is detached here afterwards. */
export function serializeForPosting(message: unknown, options: unknown): string {
  const transfer = transferList(options, "postMessage");
  const text = serialize(message, hooks);
  for (const buffer of transfer) buffer.transfer();
  return text;
}

/** `structuredClone(value, {transfer})`: a direct copy, without text in between. */
export function structuredClone(value: unknown, options: unknown = undefined): unknown {
  requireArguments(arguments.length, 1, "structuredClone");
  const transfer = transferList(options, "structuredClone");
  const copies = new Map<object, object>();
  const result = copy(value, copies);
  // A copy that failed must leave the originals attached, so they are detached only now.
  for (const buffer of transfer) {
    if (buffer.detached) throw cloneError(buffer);
    buffer.transfer();
  }
  return result;
}

function copy(value: unknown, copies: Map<object, object>): unknown {
  if (typeof value !== "object" || value === null) {
    if (typeof value === "function" || typeof value === "symbol") throw cloneError(value);
    return value;
  }
  const existing = copies.get(value);
  if (existing !== undefined) return existing;
  const remember = <T extends object>(made: T): T => {
    copies.set(value, made);
    return made;
  };
  if (isBlob(value)) {
    const content = hooks.readBlob(value) as { type: string; bytes: Uint8Array };
    return remember(hooks.makeBlob(content) as Blob);
  }
  switch (classify(value, hooks)) {
    case "array": {
      const array = remember([] as unknown[]);
      array.length = (value as unknown[]).length;
      return copyProperties(value, array, copies);
    }
    case "date":
      return remember(new Date(Date.prototype.getTime.call(value)));
    case "regexp": {
      const { source, flags } = value as RegExp;
      return remember(new RegExp(source, flags));
    }
    case "map": {
      const map = remember(new Map<unknown, unknown>());
      for (const [key, item] of [...Map.prototype.entries.call(value)]) map.set(copy(key, copies), copy(item, copies));
      return map;
    }
    case "set": {
      const set = remember(new Set<unknown>());
      for (const item of [...Set.prototype.values.call(value)]) set.add(copy(item, copies));
      return set;
    }
    case "buffer": {
      const buffer = value as ArrayBuffer;
      if (buffer.detached) throw cloneError(value);
      if (!buffer.resizable) return remember(buffer.slice(0));
      const resizable = new ArrayBuffer(buffer.byteLength, { maxByteLength: buffer.maxByteLength });
      new Uint8Array(resizable).set(new Uint8Array(buffer));
      return remember(resizable);
    }
    case "view":
      return remember(copyView(value as Uint8Array, copies));
    case "error": {
      const original = value as Error;
      const error = remember(makeError(errorName(original), ownText(original, "message"), ownText(original, "stack")));
      if (Object.hasOwn(original, "cause")) {
        Object.defineProperty(error, "cause", { value: copy(original.cause, copies), writable: true, configurable: true });
      }
      return error;
    }
    case "domexception": {
      const { name, message } = value as DOMException;
      return remember(new DOMException(message, name));
    }
    case "boxed":
      return remember(Object((value as { valueOf(): unknown }).valueOf()) as object);
    default:
      return copyProperties(value, remember({}), copies);
  }
}

function copyProperties(from: object, to: object, copies: Map<object, object>): object {
  for (const key of Object.keys(from)) {
    if (!Object.hasOwn(from, key)) continue;
    const value = copy((from as Record<string, unknown>)[key], copies);
    if (key === "__proto__") Object.defineProperty(to, key, { value, writable: true, enumerable: true, configurable: true });
    else (to as Record<string, unknown>)[key] = value;
  }
  return to;
}

function copyView(view: Uint8Array, copies: Map<object, object>): object {
  const buffer = copy(view.buffer, copies) as ArrayBuffer;
  if (view instanceof DataView) return new DataView(buffer, view.byteOffset, view.byteLength);
  const constructor = (globalThis as unknown as Record<string, unknown>)[viewName(view)] as new (buffer: ArrayBuffer, offset: number, length: number) => object;
  return new constructor(buffer, view.byteOffset, view.length);
}
