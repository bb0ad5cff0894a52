// Response (Fetch standard, section 5.5).

import { type Body, type BodyMethods, type BodyOwner, extractBody, includeBody } from "./body.ts";
import { utf8Encode } from "./encoding.ts";
import { copyList, fillHeaders, type Headers, headersGuard, type HeaderList, listGet, makeHeaders } from "./headers.ts";
import { jsonStringify } from "./boundary.ts";
import type { ByteStream } from "./streams.ts";
import { parseRelativeUrl } from "./url.ts";
import { defineInterface, isObject, requireArguments, toByteString, toDictionary, toUnsignedShort, toUSVString } from "./webidl.ts";

export type ResponseType = "basic" | "cors" | "default" | "error" | "opaque" | "opaqueredirect";

/** The standard's "response". For the opaque types it holds what the script may not see. */
export interface ResponseRecord {
  type: ResponseType;
  status: number;
  statusText: string;
  headers: HeaderList;
  url: string;
  redirected: boolean;
  body: Body | null;
}

const NULL_BODY_STATUSES = [101, 103, 204, 205, 304];
const REDIRECT_STATUSES = [301, 302, 303, 307, 308];

/** The record behind a Response. */
export let responseRecord: (response: Response) => ResponseRecord;
/** Makes a Response of a record. */
export let makeResponse: (record: ResponseRecord, immutable: boolean) => Response;
/** True if the value is a Response. */
export let isResponse: (value: unknown) => value is Response;

function isHidden(record: ResponseRecord): boolean {
  return record.type === "opaque" || record.type === "opaqueredirect";
}

function emptyRecord(): ResponseRecord {
  return { type: "default", status: 200, statusText: "", headers: [], url: "", redirected: false, body: null };
}

export interface Response extends BodyMethods {}
export class Response {
  #record: ResponseRecord = emptyRecord();
  #headers: Headers;

  static {
    includeBody(Response.prototype, (instance) => (instance as Response).#owner);
    responseRecord = (response) => response.#record;
    isResponse = (value): value is Response => isObject(value) && #record in value;
    makeResponse = (record, immutable) => {
      const response = new Response();
      response.#record = record;
      response.#headers = makeHeaders(isHidden(record) ? [] : record.headers, immutable ? "immutable" : "response");
      return response;
    };
  }

  constructor(body: unknown = null, init: unknown = undefined) {
    this.#headers = makeHeaders(this.#record.headers, "response");
    const members = toDictionary(init, "ResponseInit");
    const extracted = body === null || body === undefined ? null : extractBody(body);
    this.#initialize(members, extracted);
  }

  #initialize(members: { readonly [member: string]: unknown }, extracted: { body: Body; type: string | null } | null): void {
    const record = this.#record;
    const status = members.status === undefined ? 200 : toUnsignedShort(members.status);
    if (status < 200 || status > 599) throw new RangeError(`Response: the status ${status} is outside the range 200 to 599`);
    const statusText = members.statusText === undefined ? "" : toByteString(members.statusText, "ResponseInit.statusText");
    if (/[^\t\x20-\x7e\x80-\xff]/.test(statusText)) throw new TypeError("Response: the status text contains a character that a status line cannot carry");
    record.status = status;
    record.statusText = statusText;
    if (members.headers !== undefined) fillHeaders(this.#headers, members.headers);
    if (extracted === null) return;
    if (NULL_BODY_STATUSES.includes(status)) throw new TypeError(`Response: a response with status ${status} cannot have a body`);
    record.body = extracted.body;
    if (extracted.type !== null && listGet(record.headers, "content-type") === null) record.headers.push(["Content-Type", extracted.type]);
  }

  static error(): Response {
    const record = emptyRecord();
    record.type = "error";
    record.status = 0;
    return makeResponse(record, true);
  }
  static redirect(url: string, status: number = 302): Response {
    requireArguments(arguments.length, 1, "Response.redirect");
    const text = toUSVString(url);
    const parsed = parseRelativeUrl(text);
    if (parsed === null) throw new TypeError(`Response.redirect: "${text}" is not a valid URL`);
    const code = toUnsignedShort(status);
    if (!REDIRECT_STATUSES.includes(code)) throw new RangeError(`Response.redirect: ${code} is not a redirect status`);
    const record = emptyRecord();
    record.status = code;
    record.headers.push(["Location", parsed.href]);
    return makeResponse(record, true);
  }
  static json(data: unknown, init: unknown = undefined): Response {
    requireArguments(arguments.length, 1, "Response.json");
    const text = jsonStringify(data) as string | undefined;
    if (text === undefined) throw new TypeError("Response.json: the value cannot be written as JSON");
    const response = new Response();
    const { body } = extractBody(utf8Encode(text.toWellFormed()));
    response.#initialize(toDictionary(init, "ResponseInit"), { body, type: "application/json" });
    return response;
  }

  get type(): ResponseType {
    return this.#record.type;
  }
  get url(): string {
    if (isHidden(this.#record) && this.#record.type === "opaque") return "";
    const hash = this.#record.url.indexOf("#");
    return hash < 0 ? this.#record.url : this.#record.url.slice(0, hash);
  }
  get redirected(): boolean {
    return !isHidden(this.#record) && this.#record.redirected;
  }
  get status(): number {
    return isHidden(this.#record) ? 0 : this.#record.status;
  }
  get ok(): boolean {
    const status = isHidden(this.#record) ? 0 : this.#record.status;
    return status >= 200 && status <= 299;
  }
  get statusText(): string {
    return isHidden(this.#record) ? "" : this.#record.statusText;
  }
  get headers(): Headers {
    return this.#headers;
  }
  get body(): ByteStream | null {
    return isHidden(this.#record) ? null : (this.#record.body?.stream ?? null);
  }
  get bodyUsed(): boolean {
    return !isHidden(this.#record) && (this.#record.body?.used ?? false);
  }
  clone(): Response {
    const record = this.#record;
    if (record.body?.unusable === true) throw new TypeError("Response.clone: the body was already read or is locked");
    const copy = { ...record, headers: copyList(record.headers), body: record.body?.clone() ?? null };
    return makeResponse(copy, headersGuard(this.#headers) === "immutable");
  }
  get #owner(): BodyOwner {
    const record = this.#record;
    const hidden = isHidden(record);
    return { body: hidden ? null : record.body, contentType: () => (hidden ? null : listGet(record.headers, "content-type")) };
  }
}
defineInterface(Response, "Response");
