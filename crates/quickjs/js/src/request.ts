// Request (Fetch standard, section 5.4).

import { facts } from "./boundary.ts";
import { type AbortSignal, dependentSignal, isAbortSignal } from "./abort.ts";
import { type Body, type BodyMethods, type BodyOwner, extractBody, includeBody } from "./body.ts";
import { copyList, fillHeaders, type Headers, headersGuard, type HeaderList, isToken, listGet, makeHeaders } from "./headers.ts";
import type { ByteStream } from "./streams.ts";
import { parseRelativeUrl } from "./url.ts";
import { defineInterface, internal, isObject, requireArguments, toByteString, toDictionary, toDOMString, toEnumeration, toUSVString } from "./webidl.ts";

const MODES = ["navigate", "same-origin", "no-cors", "cors"] as const;
const CREDENTIALS = ["omit", "same-origin", "include"] as const;
const CACHES = ["default", "no-store", "reload", "no-cache", "force-cache", "only-if-cached"] as const;
const REDIRECTS = ["follow", "error", "manual"] as const;
const REFERRER_POLICIES = ["", "no-referrer", "no-referrer-when-downgrade", "same-origin", "origin", "strict-origin", "origin-when-cross-origin", "strict-origin-when-cross-origin", "unsafe-url"] as const;
const SAFE_NO_CORS_METHODS = new Set(["GET", "HEAD", "POST"]);

/** The standard's "request", as far as a script can see or set it. */
export interface RequestRecord {
  method: string;
  url: string;
  headers: HeaderList;
  body: Body | null;
  mode: (typeof MODES)[number];
  credentials: (typeof CREDENTIALS)[number];
  cache: (typeof CACHES)[number];
  redirect: (typeof REDIRECTS)[number];
  referrer: string;
  referrerPolicy: string;
  integrity: string;
  keepalive: boolean;
  destination: string;
  isReload: boolean;
}

/** The record behind a Request. */
export let requestRecord: (request: Request) => RequestRecord;
/** Makes a Request of a record, for a `fetch` event. */
export let makeRequest: (record: RequestRecord) => Request;
/** The signal of a Request, whatever a script has done to the prototype. */
export let requestSignal: (request: Request) => AbortSignal;
/** True if the value is a Request. */
export let isRequest: (value: unknown) => value is Request;

function normalizeMethod(text: string): string {
  if (!isToken(text)) throw new TypeError(`Request: "${text}" is not a method`);
  const upper = text.toUpperCase();
  if (upper === "CONNECT" || upper === "TRACE" || upper === "TRACK") throw new TypeError(`Request: the method ${upper} is not allowed`);
  return ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"].includes(upper) ? upper : text;
}

function recordFromUrl(input: string): RequestRecord {
  const url = parseRelativeUrl(input);
  if (url === null) throw new TypeError(`Request: "${input}" is not a valid URL`);
  if (url.username !== "" || url.password !== "") throw new TypeError(`Request: the URL "${input}" contains credentials`);
  return blankRecord(url.href);
}

function blankRecord(url: string): RequestRecord {
  return {
    method: "GET", url, headers: [], body: null, mode: "cors", credentials: "same-origin", cache: "default", redirect: "follow",
    referrer: "about:client", referrerPolicy: "", integrity: "", keepalive: false, destination: "", isReload: false,
  };
}

function referrerFrom(value: unknown): string {
  const text = toUSVString(value);
  if (text === "") return "no-referrer";
  const url = parseRelativeUrl(text);
  if (url === null) throw new TypeError(`Request: the referrer "${text}" is not a valid URL`);
  if (url.href === "about:client" || url.origin !== facts.origin) return "about:client";
  return url.href;
}

export interface Request extends BodyMethods {}
export class Request {
  #record!: RequestRecord;
  #headers!: Headers;
  /** Made when somebody first asks for it: most requests are never aborted. */
  #signal: AbortSignal | null = null;

  static {
    includeBody(Request.prototype, (instance) => (instance as Request).#owner);
    requestRecord = (request) => request.#record;
    requestSignal = (request) => (request.#signal ??= dependentSignal([]));
    isRequest = (value): value is Request => isObject(value) && #record in value;
    makeRequest = (record) => {
      const request = new Request(internal);
      request.#record = record;
      // The request of an event is the page's; a worker changes a copy.
      request.#headers = makeHeaders(record.headers, "immutable");
      return request;
    };
  }

  constructor(input: unknown, init: unknown = undefined) {
    requireArguments(arguments.length, 1, "Request constructor");
    // Our own callers set everything themselves.
    if (input === internal) return;
    const members = toDictionary(init, "RequestInit");
    const source = isRequest(input) ? input : null;
    const record = source === null ? recordFromUrl(toUSVString(input)) : { ...source.#record, headers: copyList(source.#record.headers), body: null };
    this.#record = record;
    if (init === undefined && record.mode !== "no-cors") {
      // The standard's steps for an empty init: nothing is filled anew.
      if (source !== null) this.#signal = dependentSignal([requestSignal(source)]);
      this.#headers = makeHeaders(record.headers, "request");
      record.body = this.#initialBody(source, members, record);
      return;
    }
    applyInit(record, members, source !== null);

    const { signal } = members;
    if (signal !== undefined && signal !== null) {
      if (!isAbortSignal(signal)) throw new TypeError("Request: init.signal is not an AbortSignal");
      this.#signal = dependentSignal([signal]);
    } else if (signal === undefined && source !== null) {
      this.#signal = dependentSignal([requestSignal(source)]);
    }

    if (record.mode === "no-cors" && !SAFE_NO_CORS_METHODS.has(record.method)) {
      throw new TypeError(`Request: the method ${record.method} is not allowed with mode "no-cors"`);
    }
    const inherited = record.headers;
    record.headers = [];
    this.#headers = makeHeaders(record.headers, record.mode === "no-cors" ? "request-no-cors" : "request");
    fillHeaders(this.#headers, members.headers === undefined ? inherited : members.headers);

    this.#record.body = this.#initialBody(source, members, record);
  }

  #initialBody(source: Request | null, members: { readonly [member: string]: unknown }, record: RequestRecord): Body | null {
    const inputBody = source === null ? null : source.#record.body;
    const given = members.body !== undefined && members.body !== null;
    if ((given || inputBody !== null) && (record.method === "GET" || record.method === "HEAD")) {
      throw new TypeError(`Request: a request with method ${record.method} cannot have a body`);
    }
    if (given) {
      const { body, type } = extractBody(members.body, record.keepalive);
      if (type !== null && !this.#headers.has("content-type")) this.#headers.append("Content-Type", type);
      if (body.isStream && members.duplex === undefined) throw new TypeError('Request: a stream as body needs `duplex: "half"`');
      return body;
    }
    if (inputBody === null) return null;
    if (inputBody.unusable) throw new TypeError("Request: the body of the request given as input was already read");
    return inputBody.transfer();
  }

  get method(): string {
    return this.#record.method;
  }
  get url(): string {
    return this.#record.url;
  }
  get headers(): Headers {
    return this.#headers;
  }
  get destination(): string {
    return this.#record.destination;
  }
  get referrer(): string {
    return this.#record.referrer === "no-referrer" ? "" : this.#record.referrer;
  }
  get referrerPolicy(): string {
    return this.#record.referrerPolicy;
  }
  get mode(): string {
    return this.#record.mode;
  }
  get credentials(): string {
    return this.#record.credentials;
  }
  get cache(): string {
    return this.#record.cache;
  }
  get redirect(): string {
    return this.#record.redirect;
  }
  get integrity(): string {
    return this.#record.integrity;
  }
  get keepalive(): boolean {
    return this.#record.keepalive;
  }
  get isReloadNavigation(): boolean {
    return this.#record.isReload;
  }
  get isHistoryNavigation(): boolean {
    void this.#record;
    return false;
  }
  get signal(): AbortSignal {
    return requestSignal(this);
  }
  get duplex(): string {
    void this.#record;
    return "half";
  }
  get body(): ByteStream | null {
    return this.#record.body?.stream ?? null;
  }
  get bodyUsed(): boolean {
    return this.#record.body?.used ?? false;
  }
  clone(): Request {
    const record = this.#record;
    if (record.body?.unusable === true) throw new TypeError("Request.clone: the body was already read or is locked");
    const copy = new Request(internal);
    copy.#record = { ...record, headers: copyList(record.headers), body: record.body?.clone() ?? null };
    copy.#headers = makeHeaders(copy.#record.headers, headersGuard(this.#headers));
    copy.#signal = dependentSignal([requestSignal(this)]);
    return copy;
  }
  get #owner(): BodyOwner {
    const record = this.#record;
    return { body: record.body, contentType: () => listGet(record.headers, "content-type") };
  }
}
defineInterface(Request, "Request");

/** The part of the constructor's steps that reads `init`'s plain members, in the standard's order of effects. */
function applyInit(record: RequestRecord, members: { readonly [member: string]: unknown }, fromRequest: boolean): void {
  if (members.window !== undefined && members.window !== null) throw new TypeError("Request: init.window must be null");
  const changes = ["method", "headers", "body", "referrer", "referrerPolicy", "mode", "credentials", "cache", "redirect", "integrity", "keepalive", "signal", "duplex", "priority"].some((name) => members[name] !== undefined);
  if (changes) {
    if (record.mode === "navigate") record.mode = "same-origin";
    record.isReload = false;
    if (fromRequest) {
      record.referrer = "about:client";
      record.referrerPolicy = "";
      record.destination = "";
    }
  }
  if (members.duplex !== undefined) toEnumeration(members.duplex, ["half"] as const, "RequestInit.duplex");
  if (members.referrer !== undefined) record.referrer = referrerFrom(members.referrer);
  if (members.referrerPolicy !== undefined) record.referrerPolicy = toEnumeration(members.referrerPolicy, REFERRER_POLICIES, "RequestInit.referrerPolicy");
  if (members.mode !== undefined) {
    record.mode = toEnumeration(members.mode, MODES, "RequestInit.mode");
    if (record.mode === "navigate") throw new TypeError('Request: the mode "navigate" cannot be asked for');
  }
  if (members.credentials !== undefined) record.credentials = toEnumeration(members.credentials, CREDENTIALS, "RequestInit.credentials");
  if (members.cache !== undefined) record.cache = toEnumeration(members.cache, CACHES, "RequestInit.cache");
  if (record.cache === "only-if-cached" && record.mode !== "same-origin") {
    throw new TypeError('Request: the cache mode "only-if-cached" needs the mode "same-origin"');
  }
  if (members.redirect !== undefined) record.redirect = toEnumeration(members.redirect, REDIRECTS, "RequestInit.redirect");
  if (members.integrity !== undefined) record.integrity = toDOMString(members.integrity);
  if (members.keepalive !== undefined) record.keepalive = Boolean(members.keepalive);
  if (members.method !== undefined) record.method = normalizeMethod(toByteString(members.method, "RequestInit.method"));
}

