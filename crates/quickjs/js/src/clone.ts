// Structured clone as versioned JSON text, for messages and stored values. This file is also bundled for pages, so it
// imports nothing; what only the worker or only the page knows is passed in as hooks.
//
// Format, version 1: [1, node]. A string, a finite number other than -0, true, false and null stand for themselves;
// every other node is an array that starts with its kind (see `encode`). Objects are numbered in the order in which
// they are first met, and ["r", n] refers back to one.

/** The content of a Blob or File. */
export interface BlobContent {
  type: string;
  bytes: Uint8Array;
  /** Only for a File. */
  name?: string;
  lastModified?: number;
}

/** What the environment knows and this file does not. */
export interface CloneHooks {
  /** The content of a blob whose bytes are at hand; null for other objects. */
  readBlob(value: object): BlobContent | null;
  makeBlob(content: BlobContent): object;
  /** True for objects of web interfaces, which cannot be cloned. */
  isPlatformObject(value: object): boolean;
}

/** The version that `serialize` writes. */
export const VERSION = 1;

type Node = string | number | boolean | null | Node[];

const { parse, stringify } = JSON;
const getTime = Date.prototype.getTime;
const regExpSource = Object.getOwnPropertyDescriptor(RegExp.prototype, "source")?.get as () => string;
const regExpFlags = Object.getOwnPropertyDescriptor(RegExp.prototype, "flags")?.get as () => string;
const mapEntries = Map.prototype.entries;
const setValues = Set.prototype.values;
const ERROR_NAMES = ["Error", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError"];
const BOXES = [String, Number, Boolean, BigInt] as const;

/** Serialises a value; DataCloneError if it, or something in it, cannot be cloned. */
export function serialize(value: unknown, hooks: CloneHooks): string {
  return stringify([VERSION, encode(value, hooks, new Map())]);
}

/** The reverse of `serialize`. TypeError for text that `serialize` did not write. */
export function deserialize(text: string, hooks: CloneHooks): unknown {
  const outer = parse(text) as unknown;
  if (!Array.isArray(outer) || outer.length !== 2) throw new TypeError("the cloned value is malformed");
  if (outer[0] !== VERSION) throw new TypeError(`the cloned value has format version ${String(outer[0])}; this program knows version ${VERSION}`);
  return decode(outer[1] as Node, hooks, []);
}

/** What kind of clonable object a value is. */
export type Kind = "domexception" | "array" | "date" | "regexp" | "map" | "set" | "buffer" | "view" | "error" | "boxed" | "object";

/** Classifies an object; DataCloneError for one that cannot be cloned. */
export function classify(value: object, hooks: CloneHooks): Kind {
  const proto = Object.getPrototypeOf(value) as object | null;
  if (proto === Object.prototype || proto === null) return "object";
  if (Array.isArray(value)) return "array";
  if (value instanceof Date) return "date";
  if (value instanceof Map) return "map";
  if (value instanceof Set) return "set";
  if (value instanceof RegExp) return "regexp";
  if (value instanceof ArrayBuffer) return "buffer";
  if (ArrayBuffer.isView(value)) return "view";
  if (value instanceof DOMException) return "domexception";
  if (hooks.isPlatformObject(value)) throw cloneError(value);
  if (value instanceof Error) return "error";
  if (BOXES.some((box) => value instanceof box)) return "boxed";
  if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef || (typeof Symbol === "function" && value instanceof Symbol)) {
    throw cloneError(value);
  }
  return "object";
}

/** The exception for a value that cannot be cloned. */
export function cloneError(value: unknown): DOMException {
  let what: string;
  try {
    what = typeof value === "object" && value !== null ? Object.prototype.toString.call(value) : typeof value === "function" ? `the function ${value.name || "(anonymous)"}` : String(value);
  } catch {
    what = "the value";
  }
  return new DOMException(`${what} could not be cloned`, "DataCloneError");
}

/** The standard name of a cloned error's constructor. */
export function errorName(error: Error): string {
  const name = String(error.name);
  return ERROR_NAMES.includes(name) ? name : "Error";
}

/** An own data property's value, as text; undefined if there is none. */
export function ownText(error: Error, key: string): string | undefined {
  const descriptor = Object.getOwnPropertyDescriptor(error, key);
  return descriptor === undefined || !("value" in descriptor) ? undefined : String(descriptor.value);
}

/** Makes an error of a standard kind. */
export function makeError(name: string, message: string | undefined, stack: string | undefined): Error {
  const constructor = ERROR_NAMES.includes(name) ? (globalThis as unknown as Record<string, ErrorConstructor>)[name] : Error;
  const error = new (constructor as ErrorConstructor)(message);
  if (stack !== undefined) Object.defineProperty(error, "stack", { value: stack, writable: true, configurable: true });
  return error;
}

function encode(value: unknown, hooks: CloneHooks, seen: Map<object, number>): Node {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      if (Number.isFinite(value) && !Object.is(value, -0)) return value;
      return ["n", Object.is(value, -0) ? "-0" : String(value)];
    case "undefined":
      return ["u"];
    case "bigint":
      return ["i", String(value)];
    case "object":
      break;
    default:
      throw cloneError(value);
  }
  if (value === null) return null;
  const number = seen.get(value);
  if (number !== undefined) return ["r", number];
  seen.set(value, seen.size);
  return encodeObject(value, hooks, seen);
}

function encodeObject(value: object, hooks: CloneHooks, seen: Map<object, number>): Node {
  const blob = hooks.readBlob(value);
  if (blob !== null) {
    const bytes = toBase64(blob.bytes);
    return blob.name === undefined ? ["bl", blob.type, bytes] : ["f", blob.name, blob.type, blob.lastModified ?? 0, bytes];
  }
  switch (classify(value, hooks)) {
    case "array":
      return encodeArray(value as unknown[], hooks, seen);
    case "date": {
      const time = getTime.call(value as Date);
      return ["d", Number.isNaN(time) ? null : time];
    }
    case "regexp":
      return ["x", regExpSource.call(value as RegExp), regExpFlags.call(value as RegExp)];
    case "map": {
      const pairs: unknown[] = [];
      for (const [key, item] of mapEntries.call(value as Map<unknown, unknown>)) pairs.push(key, item);
      return ["m", ...pairs.map((item) => encode(item, hooks, seen))];
    }
    case "set":
      return ["s", ...[...setValues.call(value as Set<unknown>)].map((item) => encode(item, hooks, seen))];
    case "buffer":
      return encodeBuffer(value as ArrayBuffer);
    case "view": {
      const view = value as Uint8Array;
      const buffer = encode(view.buffer, hooks, seen);
      return view instanceof DataView ? ["dv", buffer, view.byteOffset, view.byteLength] : ["ta", viewName(view), buffer, view.byteOffset, view.length];
    }
    case "error": {
      const error = value as Error;
      const node: Node[] = ["e", errorName(error), ownText(error, "message") ?? null, ownText(error, "stack") ?? null];
      if (Object.hasOwn(error, "cause")) node.push(encode(error.cause, hooks, seen));
      return node;
    }
    case "domexception": {
      const { name, message } = value as DOMException;
      return ["de", name, message];
    }
    case "boxed":
      return ["b", encode((value as { valueOf(): unknown }).valueOf(), hooks, seen)];
    default: {
      const node: Node[] = ["o"];
      for (const key of Object.keys(value)) {
        // A getter may have removed a later property.
        if (Object.hasOwn(value, key)) node.push(key, encode((value as Record<string, unknown>)[key], hooks, seen));
      }
      return node;
    }
  }
}

function encodeArray(value: unknown[], hooks: CloneHooks, seen: Map<object, number>): Node {
  const keys = Object.keys(value);
  if (keys.length === value.length && keys.every((key, i) => key === String(i))) {
    return ["a", ...value.map((item) => encode(item, hooks, seen))];
  }
  const node: Node[] = ["A", value.length];
  for (const key of keys) node.push(key, encode((value as unknown as Record<string, unknown>)[key], hooks, seen));
  return node;
}

function encodeBuffer(buffer: ArrayBuffer): Node {
  if (buffer.detached) throw new DOMException("a detached ArrayBuffer could not be cloned", "DataCloneError");
  const bytes = toBase64(new Uint8Array(buffer));
  return buffer.resizable ? ["ab", bytes, buffer.maxByteLength] : ["ab", bytes];
}

/** The name of a typed array's constructor, whatever its prototype claims. */
export function viewName(view: Uint8Array): string {
  return Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype) as object, Symbol.toStringTag)?.get?.call(view) as string;
}

function malformed(): never {
  throw new TypeError("the cloned value is malformed");
}

function decode(node: Node, hooks: CloneHooks, made: object[]): unknown {
  if (!Array.isArray(node)) return node;
  const [kind, first] = node;
  switch (kind) {
    case "u":
      return undefined;
    case "n":
      return Number(first);
    case "i":
      return BigInt(first as string);
    case "r":
      return made[first as number] ?? malformed();
    case "o":
      return decodeProperties({}, node, 1, hooks, made);
    case "A": {
      const array: unknown[] = [];
      array.length = first as number;
      return decodeProperties(array, node, 2, hooks, made);
    }
    default:
      return decodeOther(kind, node, hooks, made);
  }
}

function decodeProperties<T extends object>(object: T, node: Node[], from: number, hooks: CloneHooks, made: object[]): T {
  made.push(object);
  for (let i = from; i + 1 < node.length; i += 2) {
    const value = decode(node[i + 1] as Node, hooks, made);
    // Not an assignment: a key "__proto__" is an ordinary property here.
    Object.defineProperty(object, node[i] as string, { value, writable: true, enumerable: true, configurable: true });
  }
  return object;
}

function decodeOther(kind: Node | undefined, node: Node[], hooks: CloneHooks, made: object[]): unknown {
  const add = <T extends object>(object: T): T => {
    made.push(object);
    return object;
  };
  switch (kind) {
    case "a": {
      const array = add([] as unknown[]);
      for (let i = 1; i < node.length; i += 1) array.push(decode(node[i] as Node, hooks, made));
      return array;
    }
    case "d":
      return add(new Date(node[1] === null ? Number.NaN : (node[1] as number)));
    case "x":
      return add(new RegExp(node[1] as string, node[2] as string));
    case "m": {
      const map = add(new Map<unknown, unknown>());
      for (let i = 1; i + 1 < node.length; i += 2) {
        const key = decode(node[i] as Node, hooks, made);
        map.set(key, decode(node[i + 1] as Node, hooks, made));
      }
      return map;
    }
    case "s": {
      const set = add(new Set<unknown>());
      for (let i = 1; i < node.length; i += 1) set.add(decode(node[i] as Node, hooks, made));
      return set;
    }
    case "ab": {
      const bytes = fromBase64(node[1] as string);
      if (node.length < 3) return add(bytes.buffer);
      const buffer = new ArrayBuffer(bytes.length, { maxByteLength: node[2] as number });
      new Uint8Array(buffer).set(bytes);
      return add(buffer);
    }
    case "ta":
    case "dv":
      return decodeView(node, hooks, made);
    case "e": {
      const error = add(makeError(node[1] as string, (node[2] as string | null) ?? undefined, (node[3] as string | null) ?? undefined));
      if (node.length > 4) {
        Object.defineProperty(error, "cause", { value: decode(node[4] as Node, hooks, made), writable: true, configurable: true });
      }
      return error;
    }
    case "de":
      return add(new DOMException(node[2] as string, node[1] as string));
    case "b": {
      const at = made.length;
      made.push({});
      const boxed = Object(decode(node[1] as Node, hooks, made)) as object;
      made[at] = boxed;
      return boxed;
    }
    case "bl":
      return add(hooks.makeBlob({ type: node[1] as string, bytes: fromBase64(node[2] as string) }));
    case "f":
      return add(hooks.makeBlob({ name: node[1] as string, type: node[2] as string, lastModified: node[3] as number, bytes: fromBase64(node[4] as string) }));
    default:
      return malformed();
  }
}

function decodeView(node: Node[], hooks: CloneHooks, made: object[]): object {
  // The view was numbered before its buffer.
  const at = made.length;
  made.push({});
  const isDataView = node[0] === "dv";
  const [name, bufferNode, offset, length] = isDataView ? ["DataView", node[1], node[2], node[3]] : [node[1], node[2], node[3], node[4]];
  const buffer = decode(bufferNode as Node, hooks, made);
  const constructor = (globalThis as unknown as Record<string, unknown>)[name as string] as new (buffer: ArrayBuffer, offset: number, length: number) => object;
  if (!(buffer instanceof ArrayBuffer) || !/^(DataView|(Big)?(Ui|I)nt(8|16|32|64)(Clamped)?Array|Float(16|32|64)Array)$/.test(name as string)) malformed();
  const view = new constructor(buffer as ArrayBuffer, offset as number, length as number);
  made[at] = view;
  return view;
}

const CHUNK = 0x6000;

function toBase64(bytes: Uint8Array): string {
  const native = (bytes as unknown as { toBase64?: () => string }).toBase64;
  if (typeof native === "function") return native.call(bytes);
  let binary = "";
  for (let i = 0; i < bytes.length; i += CHUNK) binary += String.fromCharCode(...bytes.subarray(i, i + CHUNK));
  return btoa(binary);
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const native = (Uint8Array as unknown as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> }).fromBase64;
  if (typeof native === "function") return native.call(Uint8Array, text);
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
