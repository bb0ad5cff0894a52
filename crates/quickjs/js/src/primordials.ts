// The engine's own objects as they were before any script ran. The bundler puts these in the place of the globals of the
// same names in every module, libraries included, so that a script which replaces `Promise` or `Map` (zone.js and
// polyfills do) changes nothing for us.

const engine = globalThis as unknown as Record<string, never>;

export const {
  Array, ArrayBuffer, BigInt, Boolean, DataView, Date, DOMException, Error, FinalizationRegistry, JSON, Map, Math, Number, Object, Promise, RangeError,
  Reflect, RegExp, Set, String, Symbol, TypeError, Uint8Array, WeakMap, WeakRef, WeakSet,
} = engine;
