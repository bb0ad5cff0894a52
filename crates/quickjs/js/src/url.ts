// URL and URLSearchParams (url.spec.whatwg.org); parsing is the host's.

import { facts, host, jsonParse } from "./boundary.ts";
import { utf8Decode } from "./encoding.ts";
import { defineInterface, definePairIterable, isObject, requireArguments, toSequence, toUSVString } from "./webidl.ts";

interface UrlRecord {
  href: string;
  origin: string;
  protocol: string;
  username: string;
  password: string;
  host: string;
  hostname: string;
  port: string;
  pathname: string;
  search: string;
  hash: string;
}

type Part = Parameters<Host["setUrlPart"]>[1];

/** Parses an URL; null on failure. */
export function parseUrl(input: string, base?: string): UrlRecord | null {
  const text = host.parseUrl(input, base);
  return text === null ? null : (jsonParse(text) as UrlRecord);
}

/** Parses an URL relative to the worker's script, as `fetch` and `new Request` do; null on failure. */
export function parseRelativeUrl(input: string): UrlRecord | null {
  return parseUrl(input, facts.scriptUrl);
}

export class URL {
  #record: UrlRecord;
  #query: URLSearchParams | null = null;

  constructor(url: string, base: string | undefined = undefined) {
    requireArguments(arguments.length, 1, "URL constructor");
    const input = toUSVString(url);
    const baseText = base === undefined ? undefined : toUSVString(base);
    const record = parseUrl(input, baseText);
    if (record === null) {
      throw new TypeError(`"${input}" is not a valid URL${baseText === undefined ? "" : ` with base "${baseText}"`}`);
    }
    this.#record = record;
  }

  static parse(url: string, base: string | undefined = undefined): URL | null {
    requireArguments(arguments.length, 1, "URL.parse");
    const input = toUSVString(url);
    const record = parseUrl(input, base === undefined ? undefined : toUSVString(base));
    return record === null ? null : new URL(record.href);
  }
  static canParse(url: string, base: string | undefined = undefined): boolean {
    requireArguments(arguments.length, 1, "URL.canParse");
    return host.parseUrl(toUSVString(url), base === undefined ? undefined : toUSVString(base)) !== null;
  }

  #set(part: Part, value: string): boolean {
    const text = host.setUrlPart(this.#record.href, part, value);
    if (text === null) return false;
    this.#record = jsonParse(text) as UrlRecord;
    return true;
  }

  /** After the query changed by other ways than `searchParams`. */
  #refreshQuery(): void {
    if (this.#query !== null) resetPairs(this.#query, this.#record.search);
  }

  get href(): string {
    return this.#record.href;
  }
  set href(value: string) {
    const text = toUSVString(value);
    if (!this.#set("href", text)) throw new TypeError(`"${text}" is not a valid URL`);
    this.#refreshQuery();
  }
  get origin(): string {
    return this.#record.origin;
  }
  get protocol(): string {
    return this.#record.protocol;
  }
  set protocol(value: string) {
    this.#set("protocol", toUSVString(value));
  }
  get username(): string {
    return this.#record.username;
  }
  set username(value: string) {
    this.#set("username", toUSVString(value));
  }
  get password(): string {
    return this.#record.password;
  }
  set password(value: string) {
    this.#set("password", toUSVString(value));
  }
  get host(): string {
    return this.#record.host;
  }
  set host(value: string) {
    this.#set("host", toUSVString(value));
  }
  get hostname(): string {
    return this.#record.hostname;
  }
  set hostname(value: string) {
    this.#set("hostname", toUSVString(value));
  }
  get port(): string {
    return this.#record.port;
  }
  set port(value: string) {
    this.#set("port", toUSVString(value));
  }
  get pathname(): string {
    return this.#record.pathname;
  }
  set pathname(value: string) {
    this.#set("pathname", toUSVString(value));
  }
  get search(): string {
    return this.#record.search;
  }
  set search(value: string) {
    this.#set("search", toUSVString(value));
    this.#refreshQuery();
  }
  get searchParams(): URLSearchParams {
    if (this.#query === null) {
      this.#query = new URLSearchParams(this.#record.search);
      bindToUrl(this.#query, (text) => {
        this.#set("search", text);
      });
    }
    return this.#query;
  }
  get hash(): string {
    return this.#record.hash;
  }
  set hash(value: string) {
    this.#set("hash", toUSVString(value));
  }
  toString(): string {
    return this.#record.href;
  }
  toJSON(): string {
    return this.#record.href;
  }
}
defineInterface(URL, "URL");

type Pair = [string, string];

let pairsOf: (params: URLSearchParams) => Pair[];
let bindToUrl: (params: URLSearchParams, update: (text: string) => void) => void;
let resetPairs: (params: URLSearchParams, search: string) => void;
/** True if the value is an URLSearchParams. */
export let isUrlSearchParams: (value: unknown) => value is URLSearchParams;

export class URLSearchParams {
  #pairs: Pair[];
  #updateUrl: ((text: string) => void) | null = null;

  static {
    pairsOf = (params) => params.#pairs;
    bindToUrl = (params, update) => {
      params.#updateUrl = update;
    };
    resetPairs = (params, search) => {
      params.#pairs = parseUrlencoded(search.startsWith("?") ? search.slice(1) : search);
    };
    isUrlSearchParams = (value): value is URLSearchParams => isObject(value) && #pairs in value;
  }

  constructor(init: unknown = "") {
    if (isObject(init)) {
      const method = (init as { [Symbol.iterator]?: unknown })[Symbol.iterator];
      if (method !== undefined && method !== null) {
        this.#pairs = toSequence(
          init,
          (item) => {
            const pair = toSequence(item, toUSVString, "URLSearchParams constructor: an item of argument 1");
            if (pair.length !== 2) throw new TypeError("URLSearchParams constructor: an item of argument 1 is not a pair");
            return pair as unknown as Pair;
          },
          "URLSearchParams constructor: argument 1",
        );
      } else {
        const record = new Map<string, string>();
        for (const key of Reflect.ownKeys(init)) {
          const descriptor = Object.getOwnPropertyDescriptor(init, key);
          if (descriptor?.enumerable !== true) continue;
          record.set(toUSVString(key), toUSVString((init as Record<string | symbol, unknown>)[key]));
        }
        this.#pairs = [...record];
      }
    } else {
      const text = toUSVString(init);
      this.#pairs = parseUrlencoded(text.startsWith("?") ? text.slice(1) : text);
    }
  }

  #changed(): void {
    this.#updateUrl?.(serializeUrlencoded(this.#pairs));
  }

  get size(): number {
    return this.#pairs.length;
  }
  append(name: string, value: string): void {
    requireArguments(arguments.length, 2, "URLSearchParams.append");
    this.#pairs.push([toUSVString(name), toUSVString(value)]);
    this.#changed();
  }
  delete(name: string, value: string | undefined = undefined): void {
    requireArguments(arguments.length, 1, "URLSearchParams.delete");
    const key = toUSVString(name);
    const wanted = value === undefined ? undefined : toUSVString(value);
    this.#pairs = this.#pairs.filter((pair) => pair[0] !== key || (wanted !== undefined && pair[1] !== wanted));
    this.#changed();
  }
  get(name: string): string | null {
    requireArguments(arguments.length, 1, "URLSearchParams.get");
    const key = toUSVString(name);
    return this.#pairs.find((pair) => pair[0] === key)?.[1] ?? null;
  }
  getAll(name: string): string[] {
    requireArguments(arguments.length, 1, "URLSearchParams.getAll");
    const key = toUSVString(name);
    return this.#pairs.filter((pair) => pair[0] === key).map((pair) => pair[1]);
  }
  has(name: string, value: string | undefined = undefined): boolean {
    requireArguments(arguments.length, 1, "URLSearchParams.has");
    const key = toUSVString(name);
    const wanted = value === undefined ? undefined : toUSVString(value);
    return this.#pairs.some((pair) => pair[0] === key && (wanted === undefined || pair[1] === wanted));
  }
  set(name: string, value: string): void {
    requireArguments(arguments.length, 2, "URLSearchParams.set");
    const key = toUSVString(name);
    const text = toUSVString(value);
    const first = this.#pairs.findIndex((pair) => pair[0] === key);
    if (first < 0) {
      this.#pairs.push([key, text]);
    } else {
      this.#pairs = this.#pairs.filter((pair, i) => i <= first || pair[0] !== key);
      this.#pairs[first] = [key, text];
    }
    this.#changed();
  }
  sort(): void {
    // By code units, stable.
    this.#pairs.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
    this.#changed();
  }
  toString(): string {
    return serializeUrlencoded(this.#pairs);
  }
}
defineInterface(URLSearchParams, "URLSearchParams");
definePairIterable(URLSearchParams, "URLSearchParams", (params) => pairsOf(params));

/** The `application/x-www-form-urlencoded` serializer. */
export function serializeUrlencoded(pairs: readonly Pair[]): string {
  return pairs.map(([name, value]) => `${encodeUrlencoded(name)}=${encodeUrlencoded(value)}`).join("&");
}

function encodeUrlencoded(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()~]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%20/g, "+");
}

/** The `application/x-www-form-urlencoded` parser. */
export function parseUrlencoded(text: string): Pair[] {
  const pairs: Pair[] = [];
  for (const part of text.split("&")) {
    if (part === "") continue;
    const at = part.indexOf("=");
    const name = at < 0 ? part : part.slice(0, at);
    const value = at < 0 ? "" : part.slice(at + 1);
    pairs.push([decodeUrlencoded(name), decodeUrlencoded(value)]);
  }
  return pairs;
}

function decodeUrlencoded(text: string): string {
  const spaced = text.replace(/\+/g, " ");
  if (!spaced.includes("%")) return spaced;
  return spaced.replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => {
    const bytes = new Uint8Array(run.length / 3);
    for (let i = 0; i < bytes.length; i += 1) bytes[i] = Number.parseInt(run.slice(i * 3 + 1, i * 3 + 3), 16);
    return utf8Decode(bytes, true);
  });
}

