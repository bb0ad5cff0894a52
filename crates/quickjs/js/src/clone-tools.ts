// What the Rust side's walk over values (src/script/clone) asks of the engine's classes. Everything is taken from the
// classes before a script can change them, and none of it runs a script, except where the standard has a getter run.

import { apply, host } from "./boundary.ts";
import { blobFromRecord, type BlobRecord } from "./blob.ts";
import { cloneError, fromPlatformData, toPlatformData } from "./clonable.ts";
import { tracksLength } from "./tracking.ts";

type Method = (this: unknown, ...args: never[]) => unknown;

/** A method as a function of its receiver. */
function unbound<R>(method: unknown): (receiver: unknown, ...args: unknown[]) => R {
  return (receiver, ...args) => apply(method as Method, receiver, args as never[]) as R;
}

/** A getter as a function of its receiver. */
function getter<R>(prototype: object, key: PropertyKey): (receiver: unknown) => R {
  return unbound<R>(Object.getOwnPropertyDescriptor(prototype, key)?.get);
}

const scope = globalThis as unknown as Record<string, new (...args: unknown[]) => object>;
/** As scripts know them; ours have methods of their own. */
const { Map: PlainMap, Set: PlainSet } = scope as Record<"Map" | "Set", new () => object>;
const VIEWS = [
  "DataView", "Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array", "Float16Array", "Float32Array",
  "Float64Array", "BigInt64Array", "BigUint64Array",
];
const ERRORS = ["Error", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError"];
const constructors = Object.create(null) as typeof scope;
for (const name of [...VIEWS, ...ERRORS]) constructors[name] = scope[name] as (typeof scope)[string];

const typedArrayPrototype = Object.getPrototypeOf(Uint8Array.prototype) as object;
/** The name of a typed array's constructor, whatever its prototype claims. */
export const viewName = getter<string>(typedArrayPrototype, Symbol.toStringTag);
const bufferOfTypedArray = getter<ArrayBuffer>(typedArrayPrototype, "buffer");
const offsetOfTypedArray = getter<number>(typedArrayPrototype, "byteOffset");
const lengthOfTypedArray = getter<number>(typedArrayPrototype, "length");
const keysOfTypedArray = unbound<object>((typedArrayPrototype as Uint8Array).keys);
const bufferOfDataView = getter<ArrayBuffer>(DataView.prototype, "buffer");
const offsetOfDataView = getter<number>(DataView.prototype, "byteOffset");
const lengthOfDataView = getter<number>(DataView.prototype, "byteLength");
const isResizable = getter<boolean>(ArrayBuffer.prototype, "resizable");
const maxByteLengthOf = getter<number>(ArrayBuffer.prototype, "maxByteLength");
const byteLengthOf = getter<number>(ArrayBuffer.prototype, "byteLength");
const copyInto = unbound<void>((typedArrayPrototype as Uint8Array).set);
const mapForEach = unbound<void>(Map.prototype.forEach);
const setForEach = unbound<void>(Set.prototype.forEach);
const getTime = unbound<number>(Date.prototype.getTime);
const sourceOf = getter<string>(RegExp.prototype, "source");
const FLAGS = [
  ["d", "hasIndices"], ["g", "global"], ["i", "ignoreCase"], ["m", "multiline"], ["s", "dotAll"], ["u", "unicode"], ["v", "unicodeSets"], ["y", "sticky"],
] as const;
const flags = FLAGS.map(([flag, key]) => ({ flag, isSet: getter<boolean>(RegExp.prototype, key) }));
const unboxers = [String, Number, Boolean, BigInt].map((box) => unbound<unknown>(box.prototype.valueOf));
const toHex = unbound<string>(BigInt.prototype.toString);
const { defineProperty, getOwnPropertyDescriptor } = Object;

/** Where a view is in its buffer; throws for one that is detached or no longer lies in it. */
function viewFacts(view: ArrayBufferView): [ArrayBuffer, number, number] {
  try {
    const isDataView = viewName(view) === undefined;
    if (!isDataView) keysOfTypedArray(view);
    const buffer = isDataView ? bufferOfDataView(view) : bufferOfTypedArray(view);
    const offset = isDataView ? offsetOfDataView(view) : offsetOfTypedArray(view);
    const length = isDataView ? lengthOfDataView(view) : lengthOfTypedArray(view);
    return [buffer, offset, isResizable(buffer) && tracksLength(view) ? -1 : length];
  } catch {
    throw cloneError(view);
  }
}

/** `[name, message, stack, whether there is a cause, cause]`, as "StructuredSerializeInternal" reads an error. */
function errorParts(error: Error): [string, string | undefined, string | undefined, boolean, unknown] {
  const name = String(error.name);
  const cause = getOwnPropertyDescriptor(error, "cause");
  return [name, ownText(error, "message"), ownText(error, "stack"), cause !== undefined, cause === undefined ? undefined : error.cause];
}

/** An own data property's value, as text; undefined if there is none. */
function ownText(error: Error, key: string): string | undefined {
  const descriptor = getOwnPropertyDescriptor(error, key);
  return descriptor === undefined || !("value" in descriptor) ? undefined : String(descriptor.value);
}

function hidden(object: object, key: string, value: unknown): void {
  defineProperty(object, key, { value, writable: true, enumerable: false, configurable: true });
}

/** One object of each class that the walk tells apart, in its order. */
function samples(): unknown[] {
  const strict = (function () {
    "use strict";
    return arguments;
  })();
  // A function of sloppy code, whose `arguments` are another class.
  const sloppy = (0, eval)("(function (a) { return arguments; })(1)") as unknown;
  const buffer = new ArrayBuffer(8);
  const plain = [{}, strict, sloppy, [], new Error(), new DOMException(), Object(""), Object(0), Object(true), Object(0n), new Date(0), /x/, buffer, new Map(), new Set()];
  return [...plain, ...VIEWS.map((name) => new (constructors[name] as (typeof scope)[string])(buffer))];
}

host.connectClone({
  samples,
  objectPrototype: Object.prototype,
  cloneError,
  failure: (name: string, message: string) => new DOMException(message, name),

  mapItems(map: unknown): unknown[] {
    const items: unknown[] = [];
    mapForEach(map, (value: unknown, key: unknown) => {
      defineProperty(items, items.length, { value: key });
      defineProperty(items, items.length, { value });
    });
    return items;
  },
  setItems(set: unknown): unknown[] {
    const items: unknown[] = [];
    setForEach(set, (value: unknown) => defineProperty(items, items.length, { value }));
    return items;
  },
  dateTime: getTime,
  regExpParts(pattern: unknown): [string, string] {
    let all = "";
    for (let i = 0; i < flags.length; i += 1) {
      const { flag, isSet } = flags[i] as (typeof flags)[number];
      if (isSet(pattern)) all += flag;
    }
    return [sourceOf(pattern), all];
  },
  bufferLimit: (buffer: unknown): number => (isResizable(buffer) ? maxByteLengthOf(buffer) : -1),
  viewFacts,
  errorParts,
  unbox(object: unknown): unknown {
    for (let i = 0; i < unboxers.length; i += 1) {
      try {
        return (unboxers[i] as (typeof unboxers)[number])(object);
      } catch {
        // It is a box of another type.
      }
    }
    throw cloneError(object);
  },
  bigIntHex: (value: bigint): string => toHex(value, 16),
  platform: toPlatformData,

  makeBigInt: (negative: boolean, hex: string): bigint => (negative ? -BigInt(hex) : BigInt(hex)),
  makeDate: (time: number) => new Date(time),
  makeRegExp: (source: string, all: string) => new RegExp(source, all),
  makeMap: () => new PlainMap(),
  mapSet: unbound<void>(Map.prototype.set),
  makeSet: () => new PlainSet(),
  setAdd: unbound<void>(Set.prototype.add),
  makeResizable(from: ArrayBuffer, maxByteLength: number): ArrayBuffer {
    const buffer = new ArrayBuffer(byteLengthOf(from), { maxByteLength });
    copyInto(new Uint8Array(buffer), new Uint8Array(from));
    return buffer;
  },
  makeView: (name: string, buffer: ArrayBuffer, offset: number, length: number): object =>
    new (constructors[name] as (typeof scope)[string])(buffer, offset, length < 0 ? undefined : length),
  makeError(name: string, message: string | undefined, stack: string | undefined): object {
    const error = new (constructors[name] as (typeof scope)[string])();
    if (message !== undefined) hidden(error, "message", message);
    if (stack !== undefined) hidden(error, "stack", stack);
    else Reflect.deleteProperty(error, "stack");
    return error;
  },
  setCause: (error: object, cause: unknown) => hidden(error, "cause", cause),
  box: (value: unknown): object => Object(value) as object,
  makePlatform: fromPlatformData,
  makeBlob: (record: BlobRecord): object => blobFromRecord(record),
});

