// How requests and responses go into the store and come out of it.

import { Body, type ChunkSource } from "../body.ts";
import { host, jsonParse, jsonStringify, promiseResolve } from "../boundary.ts";
import { isRequest, makeRequest, Request, requestRecord, type RequestRecord } from "../request.ts";
import { makeResponse, type Response, type ResponseRecord } from "../response.ts";
import { toDictionary, toDOMString } from "../webidl.ts";
import { callHost } from "../operations.ts";

/** What the host gives for a match. */
export interface Found {
  request: Omit<RequestRecord, "body">;
  response: Omit<ResponseRecord, "body">;
  body: { id: number; bytes: number } | null;
}

/** A query for the host. `input` undefined is everything; `more` says what is wanted of the matches. */
export function makeQuery(input: unknown, options: unknown, what: string, more: { first?: boolean; keysOnly?: boolean } = {}): string {
  const record = input === undefined ? null : requestRecord(isRequest(input) ? input : new Request(input));
  const { ignoreMethod, ignoreSearch, ignoreVary } = toDictionary(options, what);
  const request = record === null ? null : { url: record.url, method: record.method, headers: record.headers };
  return jsonStringify({ request, ignoreMethod: Boolean(ignoreMethod), ignoreSearch: Boolean(ignoreSearch), ignoreVary: Boolean(ignoreVary), ...more });
}

/** The name of a cache as it crosses the boundary: lone surrogates survive. */
export function nameJson(name: unknown): string {
  return jsonStringify(toDOMString(name));
}

/** The matches of an answer of the host. */
export function readFound(json: string): Found[] {
  return jsonParse(json) as Found[];
}

/** The request of a match; nobody can change its headers. */
export function foundRequest({ request }: Found): Request {
  return makeRequest({ ...request, body: null });
}

/** The response of a match, with a body that is read from the store in parts. */
export function foundResponse({ response, body }: Found): Response {
  return makeResponse({ ...response, body: body === null ? null : Body.fromSource(new StoredBody(body.id)) }, true);
}

// A script that drops a response without reading it keeps its file no longer than the garbage collector takes.
const unread = new FinalizationRegistry((id: number) => host.cacheBodyRelease(id));

class StoredBody implements ChunkSource {
  #id: number;
  #offset = 0;
  #ended = false;
  // Not the body itself: the engine forgets a registration whose token goes with its target.
  #token = {};

  constructor(id: number) {
    this.#id = id;
    unread.register(this, id, this.#token);
  }

  pull(): Promise<Uint8Array<ArrayBuffer> | null> {
    if (this.#ended) return promiseResolve(null) as Promise<null>;
    return this.#read();
  }
  async #read(): Promise<Uint8Array<ArrayBuffer> | null> {
    let part: ArrayBuffer;
    try {
      part = callHost(() => host.cacheBodyRead(this.#id, this.#offset));
    } catch (error) {
      this.#end();
      throw new TypeError(`the body of a cached response cannot be read: ${(error as Error).message}`);
    }
    this.#offset += part.byteLength;
    if (part.byteLength > 0) return new Uint8Array(part);
    this.#end();
    return null;
  }
  cancel(): void {
    if (!this.#ended) this.#end();
  }
  #end(): void {
    this.#ended = true;
    unread.unregister(this.#token);
    host.cacheBodyRelease(this.#id);
  }
}

/** An entry on its way into the store: its body is written, its row is not. */
export interface NewEntry {
  request: Omit<RequestRecord, "body">;
  response: Omit<ResponseRecord, "body">;
  writer: number | null;
}

/** Writes the body of a response as it comes. The caller has checked that nobody else reads it. */
export async function writeEntry(request: RequestRecord, response: ResponseRecord): Promise<NewEntry> {
  const { body: _, ...requestHead } = request;
  const { body, ...responseHead } = response;
  if (body === null) return { request: requestHead, response: responseHead, writer: null };
  const source = body.takeSource();
  const writer = callHost(() => host.cacheBodyCreate());
  try {
    for (let part = await source.pull(); part !== null; part = await source.pull()) {
      if (part.byteLength === 0) continue;
      const whole = part.byteLength === part.buffer.byteLength ? part : part.slice();
      callHost(() => host.cacheBodyWrite(writer, whole.buffer));
    }
  } catch (error) {
    host.cacheBodyDiscard(writer);
    source.cancel(error);
    throw error;
  }
  return { request: requestHead, response: responseHead, writer };
}

/** Forgets a body that was written for nothing. */
export function discardEntry({ writer }: NewEntry): void {
  if (writer !== null) host.cacheBodyDiscard(writer);
}

/** Commits entries, all or none; their bodies belong to the store afterwards, or are gone. */
export function commitEntries(cache: number, entries: readonly NewEntry[]): void {
  callHost(() => host.cachePut(cache, jsonStringify(entries)));
}
