// Headers (Fetch standard, section 5.1).

import { defineInterface, definePairIterable, isObject, requireArguments, toByteString, toSequence } from "./webidl.ts";

export type Guard = "none" | "request" | "request-no-cors" | "response" | "immutable";
export type HeaderList = [string, string][];

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const FORBIDDEN_REQUEST_HEADERS = new Set([
  "accept-charset", "accept-encoding", "access-control-request-headers", "access-control-request-method",
  "access-control-request-private-network", "connection", "content-length", "cookie", "cookie2", "date", "dnt", "expect", "host",
  "keep-alive", "origin", "referer", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade", "via",
]);
const METHOD_OVERRIDES = new Set(["x-http-method", "x-http-method-override", "x-method-override"]);
const NO_CORS_HEADERS = new Set(["accept", "accept-language", "content-language", "content-type"]);
const SAFELISTED_TYPES = new Set(["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"]);

/** True if the text can be a header name or a method. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** A copy that can be changed without changing the list. */
export function copyList(list: HeaderList): HeaderList {
  return list.map(([name, value]): [string, string] => [name, value]);
}

/** Fetch "normalize": without leading and trailing HTTP whitespace. */
function normalizeValue(value: string): string {
  if (value.charCodeAt(0) > 0x20 && value.charCodeAt(value.length - 1) > 0x20) return value;
  return value.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
}

function isForbiddenRequestHeader(name: string, value: string): boolean {
  if (FORBIDDEN_REQUEST_HEADERS.has(name) || name.startsWith("proxy-") || name.startsWith("sec-")) return true;
  return METHOD_OVERRIDES.has(name) && value.split(",").some((method) => /^(connect|trace|track)$/i.test(method.trim()));
}

function isNoCorsSafelisted(name: string, value: string): boolean {
  if (!NO_CORS_HEADERS.has(name) || value.length > 128) return false;
  if (name === "content-type") return SAFELISTED_TYPES.has((value.split(";")[0] as string).trim().toLowerCase());
  return true;
}

/** Makes a Headers object over a list, with a guard. */
export let makeHeaders: (list: HeaderList, guard: Guard) => Headers;
/** Fills a Headers object from a `HeadersInit`. */
export let fillHeaders: (headers: Headers, init: unknown) => void;
/** Who may change a Headers object. */
export let headersGuard: (headers: Headers) => Guard;
/** True if the value is a Headers object. */
export let isHeaders: (value: unknown) => value is Headers;

let iterationPairs: (headers: Headers) => HeaderList;

export class Headers {
  #list: HeaderList = [];
  #guard: Guard = "none";
  #sorted: HeaderList | null = null;

  static {
    headersGuard = (headers) => headers.#guard;
    isHeaders = (value): value is Headers => isObject(value) && #list in value;
    makeHeaders = (list, guard) => {
      const headers = new Headers();
      headers.#list = list;
      headers.#guard = guard;
      return headers;
    };
    fillHeaders = (headers, init) => headers.#fill(init);
    iterationPairs = (headers) => {
      headers.#sorted ??= sortAndCombine(headers.#list);
      return headers.#sorted;
    };
  }

  constructor(init: unknown = undefined) {
    if (init !== undefined) this.#fill(init);
  }

  #fill(init: unknown): void {
    if (!isObject(init)) throw new TypeError("Headers: the init argument is neither a sequence nor a record");
    const method = (init as { [Symbol.iterator]?: unknown })[Symbol.iterator];
    if (method !== undefined && method !== null) {
      const pairs = toSequence(
        init,
        (item) => toSequence(item, (text) => toByteString(text, "Headers"), "Headers: an item of the init argument"),
        "Headers: the init argument",
      );
      for (const pair of pairs) {
        if (pair.length !== 2) throw new TypeError("Headers: an item of the init argument is not a pair");
        this.#append(pair[0] as string, pair[1] as string);
      }
      return;
    }
    for (const key of Reflect.ownKeys(init)) {
      const descriptor = Reflect.getOwnPropertyDescriptor(init, key);
      if (descriptor?.enumerable !== true) continue;
      const name = toByteString(key, "Headers");
      this.#append(name, toByteString((init as Record<string | symbol, unknown>)[key], "Headers"));
    }
  }

  /** Fetch "validate": false if the change is silently ignored. */
  #validate(name: string, value: string): boolean {
    if (!isToken(name)) throw new TypeError(`Headers: "${name}" is not a header name`);
    if (/[\0\r\n]/.test(value)) throw new TypeError(`Headers: the value of "${name}" contains a character that a header cannot carry`);
    if (this.#guard === "immutable") throw new TypeError("Headers: these headers cannot be changed");
    const lower = name.toLowerCase();
    if (this.#guard === "request" && isForbiddenRequestHeader(lower, value)) return false;
    return !(this.#guard === "response" && (lower === "set-cookie" || lower === "set-cookie2"));
  }

  #append(name: string, rawValue: string): void {
    const value = normalizeValue(rawValue);
    if (!this.#validate(name, value)) return;
    const lower = name.toLowerCase();
    if (this.#guard === "request-no-cors") {
      const existing = this.#get(lower);
      if (!isNoCorsSafelisted(lower, existing === null ? value : `${existing}, ${value}`)) return;
    }
    this.#sorted = null;
    const same = this.#list.find((header) => header[0].toLowerCase() === lower);
    this.#list.push([same === undefined ? name : same[0], value]);
  }

  #get(lower: string): string | null {
    let combined: string | null = null;
    for (const [name, value] of this.#list) {
      if (name.toLowerCase() === lower) combined = combined === null ? value : `${combined}, ${value}`;
    }
    return combined;
  }

  append(name: string, value: string): void {
    requireArguments(arguments.length, 2, "Headers.append");
    this.#append(toByteString(name, "Headers.append"), toByteString(value, "Headers.append"));
  }
  delete(name: string): void {
    requireArguments(arguments.length, 1, "Headers.delete");
    const key = toByteString(name, "Headers.delete");
    if (!this.#validate(key, "")) return;
    const lower = key.toLowerCase();
    if (this.#guard === "request-no-cors" && !NO_CORS_HEADERS.has(lower) && lower !== "range") return;
    this.#sorted = null;
    // In place: the request or response shares the list.
    for (let i = this.#list.length - 1; i >= 0; i -= 1) {
      if ((this.#list[i] as [string, string])[0].toLowerCase() === lower) this.#list.splice(i, 1);
    }
  }
  get(name: string): string | null {
    requireArguments(arguments.length, 1, "Headers.get");
    const key = toByteString(name, "Headers.get");
    if (!isToken(key)) throw new TypeError(`Headers.get: "${key}" is not a header name`);
    return this.#get(key.toLowerCase());
  }
  getSetCookie(): string[] {
    return this.#list.filter(([name]) => name.toLowerCase() === "set-cookie").map(([, value]) => value);
  }
  has(name: string): boolean {
    requireArguments(arguments.length, 1, "Headers.has");
    const key = toByteString(name, "Headers.has");
    if (!isToken(key)) throw new TypeError(`Headers.has: "${key}" is not a header name`);
    return this.#get(key.toLowerCase()) !== null;
  }
  set(name: string, value: string): void {
    requireArguments(arguments.length, 2, "Headers.set");
    const key = toByteString(name, "Headers.set");
    const text = normalizeValue(toByteString(value, "Headers.set"));
    if (!this.#validate(key, text)) return;
    const lower = key.toLowerCase();
    if (this.#guard === "request-no-cors" && !isNoCorsSafelisted(lower, text)) return;
    this.#sorted = null;
    const first = this.#list.findIndex((header) => header[0].toLowerCase() === lower);
    if (first < 0) {
      this.#list.push([key, text]);
      return;
    }
    (this.#list[first] as [string, string])[1] = text;
    for (let i = this.#list.length - 1; i > first; i -= 1) {
      if ((this.#list[i] as [string, string])[0].toLowerCase() === lower) this.#list.splice(i, 1);
    }
  }
}

defineInterface(Headers, "Headers");
definePairIterable(Headers, "Headers", (headers) => iterationPairs(headers));

/** Fetch "sort and combine". */
function sortAndCombine(list: HeaderList): HeaderList {
  const combined = new Map<string, string>();
  const cookies: HeaderList = [];
  for (const [name, value] of list) {
    const lower = name.toLowerCase();
    if (lower === "set-cookie") {
      cookies.push([lower, value]);
      continue;
    }
    const existing = combined.get(lower);
    combined.set(lower, existing === undefined ? value : `${existing}, ${value}`);
  }
  return [...combined, ...cookies].sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
}

/** The first-to-last value of a header in a list, combined, or null. */
export function listGet(list: HeaderList, lower: string): string | null {
  const values = list.filter(([name]) => name.toLowerCase() === lower).map(([, value]) => value);
  return values.length === 0 ? null : values.join(", ");
}
