// CacheStorage and StorageManager (service worker specification, section 5.5; Storage standard, section 5).

import { host, jsonParse } from "../boundary.ts";
import { defineInterface, internal, requireArguments, requireInternal, toDictionary } from "../webidl.ts";
import { Cache, makeCache } from "./cache.ts";
import { callHost } from "../operations.ts";
import { foundResponse, makeQuery, nameJson, readFound } from "./stored.ts";

export { Cache };

export class CacheStorage {
  #ready = true;
  constructor(token: unknown = undefined) {
    requireInternal(token);
  }

  async match(request: unknown, options: unknown = undefined): Promise<unknown> {
    void this.#ready;
    requireArguments(arguments.length, 1, "CacheStorage.match");
    const wanted = makeQuery(request === undefined ? "undefined" : request, options, "CacheStorage.match", { first: true });
    const { cacheName } = toDictionary(options, "CacheStorage.match");
    const name = cacheName === undefined ? null : nameJson(cacheName);
    const found = readFound(callHost(() => host.cacheQueryAll(name, wanted)))[0];
    return found === undefined ? undefined : foundResponse(found);
  }

  async has(cacheName: unknown): Promise<unknown> {
    void this.#ready;
    requireArguments(arguments.length, 1, "CacheStorage.has");
    const name = nameJson(cacheName);
    return callHost(() => host.cacheHas(name));
  }

  async open(cacheName: unknown): Promise<unknown> {
    void this.#ready;
    requireArguments(arguments.length, 1, "CacheStorage.open");
    const name = nameJson(cacheName);
    return makeCache(callHost(() => host.cacheOpen(name)));
  }

  async delete(cacheName: unknown): Promise<unknown> {
    void this.#ready;
    requireArguments(arguments.length, 1, "CacheStorage.delete");
    const name = nameJson(cacheName);
    return callHost(() => host.cacheDrop(name));
  }

  async keys(): Promise<unknown> {
    void this.#ready;
    return jsonParse(callHost(() => host.cacheNames()));
  }
}
defineInterface(CacheStorage, "CacheStorage");

/** `self.caches`. */
export const caches = new CacheStorage(internal);

export class StorageManager {
  #ready = true;
  constructor(token: unknown = undefined) {
    requireInternal(token);
  }

  async estimate(): Promise<unknown> {
    void this.#ready;
    return jsonParse(callHost(() => host.storageEstimate()));
  }

  /** Nothing is ever evicted here: who runs out of quota is refused, and only the host clears data. */
  async persisted(): Promise<unknown> {
    void this.#ready;
    return true;
  }
}
defineInterface(StorageManager, "StorageManager");

/** `navigator.storage`. */
export const storageManager = new StorageManager(internal);
