// Web IDL: the shape of interface objects; the conversions of arguments are in conversions.ts.

import { defineProperty, getPrototypeOf, ownKeys } from "#boundary";

export * from "./conversions.ts";

type AnyClass = abstract new (...args: never[]) => object;

/** Given as the first argument to constructors that scripts may not call. */
export const internal: unique symbol = Symbol("internal");

/** Throws what `new Client()` and its like throw. */
export function requireInternal(token: unknown): void {
  if (token !== internal) throw new TypeError("Illegal constructor");
}

/** The bytes of a BufferSource without copying, or null if `value` is none. */
export function bufferSourceBytes(value: unknown): Uint8Array | null {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return null;
}

const platformPrototypes = new WeakSet<object>();

/** True if `value` is an object of one of our interfaces, which structured clone refuses unless it knows better. */
export function isPlatformObject(value: object): boolean {
  for (let proto = getPrototypeOf(value); proto !== null; proto = getPrototypeOf(proto) as object | null) {
    if (platformPrototypes.has(proto)) return true;
  }
  return false;
}

/** Class members are not enumerable, members of interfaces are; nothing else about them changes. */
const ENUMERABLE = { enumerable: true };
/** `length`, `name` and `prototype`. */
const OWN_KEYS_OF_CLASS = 3;

/**
 * Gives a class the shape of a Web IDL interface: enumerable members, `Symbol.toStringTag`, the interface's name.
 * Constants go on the interface object and the prototype.
 */
export function defineInterface(cls: AnyClass, name: string, constants?: Record<string, number>): void {
  const prototype = cls.prototype as object;
  platformPrototypes.add(prototype);
  for (const key of ownKeys(prototype)) {
    if (typeof key === "string" && key !== "constructor") defineProperty(prototype, key, ENUMERABLE);
  }
  const statics = ownKeys(cls);
  if (statics.length > OWN_KEYS_OF_CLASS) {
    for (const key of statics) {
      if (key !== "length" && key !== "name" && key !== "prototype") defineProperty(cls, key, ENUMERABLE);
    }
  }
  for (const key in constants) {
    const descriptor = { value: constants[key], enumerable: true };
    defineProperty(cls, key, descriptor);
    defineProperty(prototype, key, descriptor);
  }
  defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
  if (cls.name !== name) defineProperty(cls, "name", { value: name, configurable: true });
}

/** Takes members of an extension that is switched off away again, so that scripts find the standard's interface. */
export function withholdMembers(cls: AnyClass, names: readonly string[]): void {
  for (const name of names) Reflect.deleteProperty(cls.prototype as object, name);
}

/** For interfaces that a library implements: the right name, and no structured clone. */
export function markPlatformInterface(cls: AnyClass, name: string): void {
  platformPrototypes.add(cls.prototype as object);
  defineProperty(cls, "name", { value: name, configurable: true });
}

/** Puts an interface object on the global: writable, configurable, not enumerable. */
export function expose(name: string, value: unknown): void {
  defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
}

/** Like `expose`, but the value is made when it is first asked for. */
export function exposeLazily(name: string, make: () => unknown): void {
  defineProperty(globalThis, name, {
    configurable: true,
    enumerable: false,
    get() {
      const value = make();
      expose(name, value);
      return value;
    },
    set(value: unknown) {
      expose(name, value);
    },
  });
}

/** The members of an iterable<name, value> interface, over a live list of pairs. */
export function definePairIterable<T extends object>(cls: abstract new (...args: never[]) => T, name: string, pairs: (object: T) => readonly (readonly [string, unknown])[]): void {
  const iteratorPrototype = Object.create(getPrototypeOf(getPrototypeOf([][Symbol.iterator]())) as object) as object;
  type State = { object: T; index: number; kind: "keys" | "values" | "entries" };
  const states = new WeakMap<object, State>();
  defineProperty(iteratorPrototype, "next", {
    value: function next(this: object) {
      const state = states.get(this);
      if (state === undefined) throw new TypeError("Illegal invocation");
      const pair = pairs(state.object)[state.index];
      if (pair === undefined) return { value: undefined, done: true };
      state.index += 1;
      const value = state.kind === "keys" ? pair[0] : state.kind === "values" ? pair[1] : [pair[0], pair[1]];
      return { value, done: false };
    },
    writable: true,
    enumerable: true,
    configurable: true,
  });
  defineProperty(iteratorPrototype, Symbol.toStringTag, { value: `${name} Iterator`, configurable: true });
  const iterate = (object: T, kind: State["kind"]): object => {
    pairs(object);
    const iterator = Object.create(iteratorPrototype) as object;
    states.set(iterator, { object, index: 0, kind });
    return iterator;
  };
  const members: Record<string, unknown> = {
    entries: { entries(this: T) { return iterate(this, "entries"); } }.entries,
    keys: { keys(this: T) { return iterate(this, "keys"); } }.keys,
    values: { values(this: T) { return iterate(this, "values"); } }.values,
    forEach: {
      forEach(this: T, callback: (value: unknown, key: string, object: T) => void, thisArg: unknown = undefined) {
        if (typeof callback !== "function") throw new TypeError(`${name}.forEach: argument 1 is not a function`);
        for (let i = 0, pair = pairs(this)[0]; pair !== undefined; i += 1, pair = pairs(this)[i]) {
          callback.call(thisArg, pair[1], pair[0], this);
        }
      },
    }.forEach,
  };
  for (const key in members) {
    defineProperty(cls.prototype, key, { value: members[key], writable: true, enumerable: true, configurable: true });
  }
  defineProperty(cls.prototype, Symbol.iterator, { value: members.entries, writable: true, enumerable: false, configurable: true });
}
