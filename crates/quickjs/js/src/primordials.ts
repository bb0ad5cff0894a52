// The engine's own objects as they were before any script ran. The bundler puts these in the place of the globals of the
// same names in every module, libraries included, so that a script which replaces `Promise` or `Map` (zone.js and
// polyfills do) changes nothing for us.

const engine = globalThis as unknown as Record<string, never>;

export const {
  Array, ArrayBuffer, BigInt, Boolean, DataView, Date, DOMException, Error, FinalizationRegistry, JSON, Math, Number, Object, Promise, RangeError,
  Reflect, RegExp, String, Symbol, TypeError, Uint8Array, WeakRef,
} = engine;

type Collection = new (...args: never[]) => object;

/** A collection whose objects have the methods of this moment, whatever a script does to the prototype of the engine's. */
function hardened<T extends Collection>(base: T): T {
  const own = class extends (base as Collection) {} as unknown as T;
  const { ownKeys, getOwnPropertyDescriptor, defineProperty } = engine["Reflect"] as typeof globalThis.Reflect;
  for (const key of ownKeys(base.prototype)) {
    if (key !== "constructor") defineProperty(own.prototype, key, getOwnPropertyDescriptor(base.prototype, key) as PropertyDescriptor);
  }
  // Objects of scripts are instances of it too.
  defineProperty(own, (engine["Symbol"] as typeof globalThis.Symbol).hasInstance, { value: (object: unknown) => object instanceof base });
  return own;
}

export const Map = hardened(engine["Map"] as unknown as Collection);
export const Set = hardened(engine["Set"] as unknown as Collection);
export const WeakMap = hardened(engine["WeakMap"] as unknown as Collection);
export const WeakSet = hardened(engine["WeakSet"] as unknown as Collection);
