// Cache (service worker specification, section 5.4).

import { host } from "../boundary.ts";
import { fetch } from "../fetch.ts";
import { listGet } from "../headers.ts";
import { isRequest, Request, requestRecord, type RequestRecord } from "../request.ts";
import { isResponse, type Response, responseRecord, type ResponseRecord } from "../response.ts";
import { defineInterface, internal, requireArguments, requireInternal, toSequence } from "../webidl.ts";
import { callHost } from "../operations.ts";
import { commitEntries, discardEntry, type Found, foundRequest, foundResponse, makeQuery, type NewEntry, readFound, writeEntry } from "./stored.ts";

/** So many requests of `addAll` are under way at one time. */
const PARALLEL_FETCHES = 8;

// A deleted cache lives as long as a script holds an object for it.
const handles = new FinalizationRegistry((id: number) => host.cacheRelease(id));

export class Cache {
  #id: number;

  constructor(token: unknown = undefined, id: unknown = undefined) {
    requireInternal(token);
    this.#id = id as number;
    handles.register(this, this.#id);
  }

  async match(request: unknown, options: unknown = undefined): Promise<unknown> {
    requireArguments(arguments.length, 1, "Cache.match");
    const found = query(this.#id, toRequestInfo(request), options, "Cache.match", { first: true })[0];
    return found === undefined ? undefined : foundResponse(found);
  }

  async matchAll(request: unknown = undefined, options: unknown = undefined): Promise<unknown> {
    return Object.freeze(query(this.#id, request, options, "Cache.matchAll").map(foundResponse));
  }

  async add(request: unknown): Promise<unknown> {
    requireArguments(arguments.length, 1, "Cache.add");
    return await addAll(this.#id, [toRequestInfo(request)], "Cache.add");
  }

  async addAll(requests: unknown): Promise<unknown> {
    requireArguments(arguments.length, 1, "Cache.addAll");
    const id = this.#id;
    return await addAll(id, toSequence(requests, toRequestInfo, "Cache.addAll: the requests"), "Cache.addAll");
  }

  async put(request: unknown, response: unknown): Promise<unknown> {
    requireArguments(arguments.length, 2, "Cache.put");
    const id = this.#id;
    const requestHead = cacheableRequest(request, "Cache.put");
    if (!isResponse(response)) throw new TypeError("Cache.put: argument 2 is not a Response");
    const record = responseRecord(response);
    refuseUncacheable(record, requestHead.url, "Cache.put");
    if (record.body?.unusable === true) {
      throw new TypeError(`Cache.put: the body of the response for "${requestHead.url}" was already read or is locked; put a clone`);
    }
    commitEntries(id, [await writeEntry(requestHead, record)]);
    return undefined;
  }

  async delete(request: unknown, options: unknown = undefined): Promise<unknown> {
    requireArguments(arguments.length, 1, "Cache.delete");
    const id = this.#id;
    const wanted = makeQuery(toRequestInfo(request), options, "Cache.delete");
    return callHost(() => host.cacheDelete(id, wanted));
  }

  async keys(request: unknown = undefined, options: unknown = undefined): Promise<unknown> {
    return Object.freeze(query(this.#id, request, options, "Cache.keys", { keysOnly: true }).map(foundRequest));
  }
}
defineInterface(Cache, "Cache");

/** An object for a cache that the host has opened. */
export function makeCache(id: number): Cache {
  return new Cache(internal, id);
}

/** A missing argument means everything only where the method says so; `undefined` as a request is the text. */
function toRequestInfo(value: unknown): unknown {
  return value === undefined ? "undefined" : value;
}

function query(cache: number, request: unknown, options: unknown, what: string, more: { first?: boolean; keysOnly?: boolean } = {}): Found[] {
  const wanted = makeQuery(request, options, what, more);
  return readFound(callHost(() => host.cacheQuery(cache, wanted)));
}

function cacheableRequest(input: unknown, what: string): RequestRecord {
  const record = requestRecord(isRequest(input) ? input : new Request(input));
  if (!/^https?:/.test(record.url)) throw new TypeError(`${what}: "${record.url}" is not an http or https URL, which alone can be cached`);
  if (record.method !== "GET") throw new TypeError(`${what}: a request with method ${record.method} cannot be cached; only GET can`);
  return record;
}

function refuseUncacheable(response: ResponseRecord, url: string, what: string): void {
  if (response.status === 206) throw new TypeError(`${what}: the response for "${url}" is partial (status 206) and cannot be cached`);
  if (response.type === "opaque" || response.type === "opaqueredirect") return;
  const vary = listGet(response.headers, "vary") ?? "";
  if (vary.split(",").some((field) => field.trim() === "*")) {
    throw new TypeError(`${what}: the response for "${url}" varies by everything (Vary: *) and cannot be cached`);
  }
}

/** Fetches all and stores all, or stores nothing. */
async function addAll(cache: number, inputs: readonly unknown[], what: string): Promise<undefined> {
  // All are checked before any is fetched.
  const requests = inputs.map((input) => {
    const request = isRequest(input) ? input : new Request(input);
    cacheableRequest(request, what);
    return request;
  });
  const entries: NewEntry[] = [];
  let next = 0;
  let failure: { error: unknown } | null = null;
  const lane = async (): Promise<void> => {
    while (next < requests.length && failure === null) {
      const at = next;
      next += 1;
      try {
        const entry = await fetchEntry(requests[at] as Request, what, () => failure !== null);
        if (entry !== null) entries[at] = entry;
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  const lanes: Promise<void>[] = [];
  for (let i = 0; i < Math.min(PARALLEL_FETCHES, requests.length); i += 1) lanes.push(lane());
  for (const running of lanes) await running;
  if (failure !== null) {
    entries.forEach(discardEntry);
    throw (failure as { error: unknown }).error;
  }
  commitEntries(cache, entries);
  return undefined;
}

/** One request of `addAll`; null if meanwhile another has failed. */
async function fetchEntry(request: Request, what: string, isGivenUp: () => boolean): Promise<NewEntry | null> {
  const head = requestRecord(request);
  const response = responseRecord((await fetch(request)) as Response);
  try {
    if (isGivenUp()) {
      response.body?.cancel(undefined);
      return null;
    }
    if (response.type === "opaque" || response.type === "opaqueredirect" || response.status < 200 || response.status > 299) {
      const status = response.type === "opaque" || response.type === "opaqueredirect" ? "an opaque response" : `status ${response.status}`;
      throw new TypeError(`${what}: "${head.url}" gave ${status}, and only successful responses are added`);
    }
    refuseUncacheable(response, head.url, what);
  } catch (error) {
    response.body?.cancel(error);
    throw error;
  }
  return await writeEntry(head, response);
}
