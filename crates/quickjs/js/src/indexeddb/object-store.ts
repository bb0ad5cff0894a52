// IDBObjectStore (Indexed Database API 3.0, "The IDBObjectStore interface").

import { host, jsonStringify } from "#boundary";
import { defineInterface, requireArguments, requireInternal, toDictionary, toDOMString } from "../webidl.ts";
import { openCursor } from "./cursor.ts";
import { fail } from "./errors.ts";
import { IDBIndex, makeIndex } from "./object-index.ts";
import { EVERYTHING, toRange } from "./key-range.ts";
import { type KeyPath, toKeyPath } from "./keys.ts";
import { andThen, ask } from "./operation.ts";
import { countRecords, getMany, getOne, requireReadable, type Source } from "./reading.ts";
import type { IDBRequest } from "./request.ts";
import type { IndexMeta, StoreMeta } from "./schema.ts";
import { type DOMStringList, sortedNames } from "./string-list.ts";
import { execute, executeSilently, type IDBTransaction, requireActive, transactionState, type TransactionState } from "./transaction.ts";
import { fillIndex, keyPathJson, store } from "./writing.ts";

/** What stands behind a store's object. */
export let storeMeta: (handle: IDBObjectStore) => StoreMeta;

export class IDBObjectStore {
  #meta: StoreMeta;
  #transaction: IDBTransaction;
  #source: Source;
  #indexes = new Map<IndexMeta, IDBIndex>();

  static {
    storeMeta = (handle) => handle.#meta;
  }

  constructor(token: unknown = undefined, transaction: unknown = undefined, meta: unknown = undefined) {
    requireInternal(token);
    const own = meta as StoreMeta;
    this.#meta = own;
    this.#transaction = transaction as IDBTransaction;
    this.#source = { handle: this, transaction: this.#transaction, isDeleted: () => own.isDeleted, ids: () => ({ store: own.id, index: null }) };
  }

  get name(): string {
    return this.#meta.name;
  }
  set name(value: unknown) {
    const meta = this.#meta;
    const name = toDOMString(value);
    const state = this.#requireUpgrade("name");
    if (name === meta.name) return;
    if (state.findStore(name) !== undefined) fail("ConstraintError", `the database has an object store "${name}" already`);
    renameStore(state, meta, name);
    executeSilently(this.#transaction, () => ask(() => host.idbRenameStore(state.id, meta.id, jsonStringify(name))));
  }
  get keyPath(): KeyPath | null {
    return this.#meta.keyPath;
  }
  get indexNames(): DOMStringList {
    return sortedNames(this.#meta.indexes.keys());
  }
  get transaction(): IDBTransaction {
    return this.#transaction;
  }
  get autoIncrement(): boolean {
    return this.#meta.autoIncrement;
  }

  put(value: unknown, key: unknown = undefined): IDBRequest {
    requireArguments(arguments.length, 1, "IDBObjectStore.put");
    return store(this.#transaction, this.#meta, this, value, key, "IDBObjectStore.put", { overwrite: true });
  }
  add(value: unknown, key: unknown = undefined): IDBRequest {
    requireArguments(arguments.length, 1, "IDBObjectStore.add");
    return store(this.#transaction, this.#meta, this, value, key, "IDBObjectStore.add", { overwrite: false });
  }
  delete(query: unknown): IDBRequest {
    const state = this.#requireWritable("delete");
    requireArguments(arguments.length, 1, "IDBObjectStore.delete");
    const range = toRange(query, "IDBObjectStore.delete", true);
    const meta = this.#meta;
    return execute(this.#transaction, this, () => ask(() => host.idbDelete(state.id, meta.id, jsonStringify(range))));
  }
  clear(): IDBRequest {
    const state = this.#requireWritable("clear");
    const meta = this.#meta;
    return execute(this.#transaction, this, () => ask(() => host.idbDelete(state.id, meta.id, jsonStringify(EVERYTHING))));
  }
  get(query: unknown): IDBRequest {
    requireArguments(arguments.length, 1, "IDBObjectStore.get");
    return getOne(this.#source, query, "IDBObjectStore.get", "value");
  }
  getKey(query: unknown): IDBRequest {
    requireArguments(arguments.length, 1, "IDBObjectStore.getKey");
    return getOne(this.#source, query, "IDBObjectStore.getKey", "key");
  }
  getAll(query: unknown = undefined, count: unknown = undefined): IDBRequest {
    return getMany(this.#source, query, count, "IDBObjectStore.getAll", "values");
  }
  getAllKeys(query: unknown = undefined, count: unknown = undefined): IDBRequest {
    return getMany(this.#source, query, count, "IDBObjectStore.getAllKeys", "keys");
  }
  getAllRecords(options: unknown = undefined): IDBRequest {
    return getMany(this.#source, options, undefined, "IDBObjectStore.getAllRecords", "records");
  }
  count(query: unknown = undefined): IDBRequest {
    return countRecords(this.#source, query, "IDBObjectStore.count");
  }
  openCursor(query: unknown = undefined, direction: unknown = "next"): IDBRequest {
    return openCursor(this.#source, this.#meta, query, direction, true, "IDBObjectStore.openCursor");
  }
  openKeyCursor(query: unknown = undefined, direction: unknown = "next"): IDBRequest {
    return openCursor(this.#source, this.#meta, query, direction, false, "IDBObjectStore.openKeyCursor");
  }

  index(name: unknown): IDBIndex {
    const meta = this.#meta;
    requireArguments(arguments.length, 1, "IDBObjectStore.index");
    const text = toDOMString(name);
    if (meta.isDeleted || transactionState(this.#transaction).lifecycle === "finished") fail("InvalidStateError", "index: the object store was deleted, or the transaction has finished");
    const index = meta.indexes.get(text);
    if (index === undefined) fail("NotFoundError", `index: the object store has no index "${text}"`);
    return this.#indexHandle(index);
  }
  createIndex(name: unknown, keyPath: unknown, options: unknown = undefined): IDBIndex {
    const meta = this.#meta;
    requireArguments(arguments.length, 2, "IDBObjectStore.createIndex");
    const text = toDOMString(name);
    const { unique, multiEntry } = toDictionary(options, "IDBIndexParameters");
    const state = this.#requireUpgrade("createIndex");
    if (meta.indexes.has(text)) fail("ConstraintError", `createIndex: the object store has an index "${text}" already`);
    const path = toKeyPath(keyPath);
    if (typeof path !== "string" && Boolean(multiEntry)) fail("InvalidAccessError", "createIndex: a multiEntry index cannot have a list as its key path");
    const index: IndexMeta = { id: 0, name: text, keyPath: path, unique: Boolean(unique), multiEntry: Boolean(multiEntry), isDeleted: false };
    meta.indexes.set(text, index);
    const source = this.#source;
    executeSilently(this.#transaction, () =>
      andThen(ask(() => host.idbCreateIndex(state.id, meta.id, jsonStringify(text), keyPathJson(path) as string, index.unique, index.multiEntry)), (id) => {
        index.id = id;
        meta.stored.add(index);
        return fillIndex(source, meta.id, index);
      }),
    );
    return this.#indexHandle(index);
  }
  deleteIndex(name: unknown): void {
    const meta = this.#meta;
    requireArguments(arguments.length, 1, "IDBObjectStore.deleteIndex");
    const text = toDOMString(name);
    const state = this.#requireUpgrade("deleteIndex");
    const index = meta.indexes.get(text);
    if (index === undefined) fail("NotFoundError", `deleteIndex: the object store has no index "${text}"`);
    meta.indexes.delete(text);
    index.isDeleted = true;
    executeSilently(this.#transaction, () => {
      meta.stored.delete(index);
      return ask(() => host.idbDeleteIndex(state.id, index.id));
    });
  }

  #indexHandle(meta: IndexMeta): IDBIndex {
    let handle = this.#indexes.get(meta);
    if (handle === undefined) {
      handle = makeIndex(this, this.#transaction, this.#meta, meta);
      this.#indexes.set(meta, handle);
    }
    return handle;
  }
  #requireUpgrade(what: string): TransactionState {
    const state = transactionState(this.#transaction);
    if (state.mode !== "versionchange" || this.#meta.isDeleted) fail("InvalidStateError", `${what}: the object store was deleted, or this is not an upgrade`);
    return requireActive(this.#transaction);
  }
  #requireWritable(what: string): TransactionState {
    requireReadable(this.#source);
    const state = transactionState(this.#transaction);
    if (state.mode === "readonly") fail("ReadOnlyError", `${what}: the transaction is "readonly"; open it with mode "readwrite"`);
    return state;
  }
}
defineInterface(IDBObjectStore, "IDBObjectStore");

/** Set by database.ts: gives a store its new name in the database. */
let renameStore: (state: TransactionState, meta: StoreMeta, name: string) => void = () => {};
export function setStoreRenamer(renamer: typeof renameStore): void {
  renameStore = renamer;
}
