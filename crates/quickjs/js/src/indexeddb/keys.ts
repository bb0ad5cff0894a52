// Keys and key paths (Indexed Database API 3.0, "Keys", "Key path" and "ECMAScript binding"). A key is the list of its parts as they cross
// the boundary: "n1.5", "d0" (a date), "stext", "b00ff" (bytes in hex), and "[" … "]" around the elements of an array.

import { isBlob } from "#blob";
import { defineProperty } from "#boundary";
import { bufferSourceBytes, isObject, toDOMString } from "../webidl.ts";
import { fail } from "./errors.ts";

/** A valid key. */
export type Key = readonly string[];
export type KeyPath = string | readonly string[];

const getTime = Date.prototype.getTime;
const HEX = "0123456789abcdef";

/** "Convert a value to a key": null if it is none. Exceptions of getters pass through. */
export function valueToKey(value: unknown): Key | null {
  const parts: string[] = [];
  return appendKey(value, parts, []) ? parts : null;
}

/** The key of a value; DataError if it is none. */
export function requireKey(value: unknown, what: string): Key {
  const key = valueToKey(value);
  if (key === null) fail("DataError", `${what}: the value is not a valid key`);
  return key;
}

function appendKey(value: unknown, parts: string[], seen: object[]): boolean {
  if (typeof value === "number") {
    if (Number.isNaN(value)) return false;
    parts.push(`n${value}`);
    return true;
  }
  if (typeof value === "string") {
    parts.push(`s${value}`);
    return true;
  }
  if (!isObject(value)) return false;
  if (value instanceof Date) {
    const time = Reflect.apply(getTime, value, []) as number;
    if (Number.isNaN(time)) return false;
    parts.push(`d${time}`);
    return true;
  }
  const bytes = bufferSourceBytes(value);
  if (bytes !== null) {
    if ((bytes.buffer as ArrayBuffer).detached) return false;
    let text = "b";
    for (const byte of bytes) text += HEX[byte >> 4]! + HEX[byte & 15]!;
    parts.push(text);
    return true;
  }
  if (!Array.isArray(value) || seen.includes(value)) return false;
  seen.push(value);
  parts.push("[");
  for (let i = 0; i < value.length; i += 1) {
    if (!Object.hasOwn(value, i) || !appendKey(value[i], parts, seen)) return false;
  }
  parts.push("]");
  seen.pop();
  return true;
}

/** "Convert a key to a value". */
export function keyToValue(key: Key): unknown {
  if (key.length === 1) return partValue(key[0]!);
  const stack: unknown[][] = [[]];
  for (const part of key) {
    switch (part[0]) {
      case "[": {
        const list: unknown[] = [];
        stack[stack.length - 1]!.push(list);
        stack.push(list);
        break;
      }
      case "]":
        stack.pop();
        break;
      default:
        stack[stack.length - 1]!.push(partValue(part));
    }
  }
  return stack[0]![0];
}

/** The value of a key's part that is no array's. */
function partValue(part: string): unknown {
  const text = part.slice(1);
  switch (part[0]) {
    case "n":
      return Number(text);
    case "d":
      return new Date(Number(text));
    case "s":
      return text;
    default:
      return bytesOf(text);
  }
}

function bytesOf(hex: string): ArrayBuffer {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i += 1) bytes[i] = HEX.indexOf(hex[2 * i]!) * 16 + HEX.indexOf(hex[2 * i + 1]!);
  return bytes.buffer;
}

/** The types in their order; the end of an array comes before every element that another array has there. */
const TYPES = "]ndsb[";

/** "Compare two keys": -1, 0 or 1. */
export function compareKeys(a: Key, b: Key): number {
  for (let i = 0; i < a.length && i < b.length; i += 1) {
    const [left, right] = [a[i]!, b[i]!];
    if (left === right) continue;
    const types = TYPES.indexOf(left[0]!) - TYPES.indexOf(right[0]!);
    if (types !== 0) return types < 0 ? -1 : 1;
    // Two bytes in hex, and two strings by their code units, have the order of their texts.
    const isNumber = left[0] === "n" || left[0] === "d";
    const [x, y] = isNumber ? [Number(left.slice(1)), Number(right.slice(1))] : [left, right];
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}

const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$\u200c\u200d]*$/u;

/** A `keyPath` argument, which is null, a string or a list of them; SyntaxError if it is no key path. */
export function toKeyPath(value: unknown): KeyPath {
  const path = Array.isArray(value) || (isObject(value) && Symbol.iterator in value) ? Array.from(value as Iterable<unknown>, toDOMString) : toDOMString(value);
  const valid = (part: string): boolean => part === "" || part.split(".").every((name) => IDENTIFIER.test(name));
  if (typeof path === "string" ? !valid(path) : path.length === 0 || !path.every(valid)) fail("SyntaxError", "the key path is not valid");
  return typeof path === "string" ? path : Object.freeze(path);
}

const FAILURE = Symbol("failure");

/** "Evaluate a key path on a value", which is a clone, so nothing of the script's runs. */
function evaluate(value: unknown, path: KeyPath): unknown {
  if (typeof path !== "string") {
    const list: unknown[] = [];
    for (const part of path) {
      const found = evaluate(value, part);
      if (found === FAILURE) return FAILURE;
      list.push(found);
    }
    return list;
  }
  if (path === "") return value;
  let found = value;
  for (const name of path.split(".")) {
    if (typeof found === "string" && name === "length") found = found.length;
    else if (isBlob(found) && (name === "size" || name === "type" || name === "name" || name === "lastModified")) found = (found as unknown as Record<string, unknown>)[name];
    else if (isObject(found) && Object.hasOwn(found, name)) found = (found as Record<string, unknown>)[name];
    else return FAILURE;
    if (found === undefined) return FAILURE;
  }
  return found;
}

/** "Extract a key": "failure" if the path leads nowhere, null if what is there is no key. */
export function extractKey(value: unknown, path: KeyPath): Key | null | "failure" {
  const found = evaluate(value, path);
  return found === FAILURE ? "failure" : valueToKey(found);
}

/** The keys of a value in an index: none if it has no valid one. */
export function extractIndexKeys(value: unknown, path: KeyPath, multiEntry: boolean): Key[] {
  const found = evaluate(value, path);
  if (found === FAILURE) return [];
  if (!multiEntry || !Array.isArray(found)) {
    const key = valueToKey(found);
    return key === null ? [] : [key];
  }
  const keys: Key[] = [];
  for (const item of found) {
    const key = valueToKey(item);
    if (key !== null) keys.push(key);
  }
  return keys;
}

/** "Check that a key could be injected into a value". */
export function canInjectKey(value: unknown, path: string): boolean {
  const names = path.split(".");
  let at = value;
  for (const name of names.slice(0, -1)) {
    if (!isPlain(at)) return false;
    if (!Object.hasOwn(at, name)) return true;
    at = (at as Record<string, unknown>)[name];
  }
  return isPlain(at);
}

function isPlain(value: unknown): value is object {
  return isObject(value) && !isBlob(value);
}

/** "Inject a key into a value". */
export function injectKey(value: unknown, path: string, key: unknown): void {
  const names = path.split(".");
  const last = names.pop() as string;
  let at = value as Record<string, unknown>;
  const own = (object: object, name: string, content: unknown): void => {
    defineProperty(object, name, { value: content, writable: true, enumerable: true, configurable: true });
  };
  for (const name of names) {
    if (!Object.hasOwn(at, name)) own(at, name, {});
    at = at[name] as Record<string, unknown>;
  }
  own(at, last, key);
}
