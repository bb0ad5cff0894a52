// IDBIndex (Indexed Database API 3.0, "The IDBIndex interface").

import { host, jsonStringify } from "#boundary";
import { defineInterface, internal, requireArguments, requireInternal, toDOMString } from "../webidl.ts";
import { openCursor } from "./cursor.ts";
import { fail } from "./errors.ts";
import type { KeyPath } from "./keys.ts";
import type { IDBObjectStore } from "./object-store.ts";
import { ask } from "./operation.ts";
import { countRecords, getMany, getOne, type Source } from "./reading.ts";
import type { IDBRequest } from "./request.ts";
import type { IndexMeta, StoreMeta } from "./schema.ts";
import { executeSilently, type IDBTransaction, requireActive, transactionState } from "./transaction.ts";

export class IDBIndex {
  #store: IDBObjectStore;
  #storeMeta: StoreMeta;
  #meta: IndexMeta;
  #source: Source;

  constructor(token: unknown = undefined, store: unknown = undefined, transaction: unknown = undefined, storeMeta: unknown = undefined, meta: unknown = undefined) {
    requireInternal(token);
    const own = meta as IndexMeta;
    const parent = storeMeta as StoreMeta;
    this.#store = store as IDBObjectStore;
    this.#storeMeta = parent;
    this.#meta = own;
    this.#source = {
      handle: this,
      transaction: transaction as IDBTransaction,
      isDeleted: () => own.isDeleted || parent.isDeleted,
      ids: () => ({ store: parent.id, index: own.id }),
    };
  }

  get name(): string {
    return this.#meta.name;
  }
  set name(value: unknown) {
    const meta = this.#meta;
    const { transaction } = this.#source;
    const { indexes } = this.#storeMeta;
    const name = toDOMString(value);
    const state = transactionState(transaction);
    if (state.mode !== "versionchange" || this.#source.isDeleted()) fail("InvalidStateError", "name: the index was deleted, or this is not an upgrade");
    requireActive(transaction);
    if (name === meta.name) return;
    if (indexes.has(name)) fail("ConstraintError", `the object store has an index "${name}" already`);
    indexes.delete(meta.name);
    meta.name = name;
    indexes.set(name, meta);
    executeSilently(transaction, () => ask(() => host.idbRenameIndex(state.id, meta.id, jsonStringify(name))));
  }
  get objectStore(): IDBObjectStore {
    return this.#store;
  }
  get keyPath(): KeyPath {
    return this.#meta.keyPath;
  }
  get multiEntry(): boolean {
    return this.#meta.multiEntry;
  }
  get unique(): boolean {
    return this.#meta.unique;
  }

  get(query: unknown): IDBRequest {
    requireArguments(arguments.length, 1, "IDBIndex.get");
    return getOne(this.#source, query, "IDBIndex.get", "value");
  }
  getKey(query: unknown): IDBRequest {
    requireArguments(arguments.length, 1, "IDBIndex.getKey");
    return getOne(this.#source, query, "IDBIndex.getKey", "key");
  }
  getAll(query: unknown = undefined, count: unknown = undefined): IDBRequest {
    return getMany(this.#source, query, count, "IDBIndex.getAll", "values");
  }
  getAllKeys(query: unknown = undefined, count: unknown = undefined): IDBRequest {
    return getMany(this.#source, query, count, "IDBIndex.getAllKeys", "keys");
  }
  getAllRecords(options: unknown = undefined): IDBRequest {
    return getMany(this.#source, options, undefined, "IDBIndex.getAllRecords", "records");
  }
  count(query: unknown = undefined): IDBRequest {
    return countRecords(this.#source, query, "IDBIndex.count");
  }
  openCursor(query: unknown = undefined, direction: unknown = "next"): IDBRequest {
    return openCursor(this.#source, this.#storeMeta, query, direction, true, "IDBIndex.openCursor");
  }
  openKeyCursor(query: unknown = undefined, direction: unknown = "next"): IDBRequest {
    return openCursor(this.#source, this.#storeMeta, query, direction, false, "IDBIndex.openKeyCursor");
  }
}
defineInterface(IDBIndex, "IDBIndex");

/** The object for an index. */
export function makeIndex(store: IDBObjectStore, transaction: IDBTransaction, storeMeta: StoreMeta, meta: IndexMeta): IDBIndex {
  return new IDBIndex(internal, store, transaction, storeMeta, meta);
}
