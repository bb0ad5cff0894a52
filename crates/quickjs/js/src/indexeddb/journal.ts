// Makes fake-indexeddb durable: what a transaction does to its stores is recorded, and committed to the backend in one
// piece before `complete` is fired. If that fails, the transaction aborts with the backend's error, and memory is rolled back.

import Database from "fake-indexeddb/esm/lib/Database.js";
import Index from "fake-indexeddb/esm/lib/Index.js";
import closeConnection from "fake-indexeddb/esm/lib/closeConnection.js";
import ObjectStore from "fake-indexeddb/esm/lib/ObjectStore.js";
import RecordStore from "fake-indexeddb/esm/lib/RecordStore.js";
import { deserializeForWorker, serializeForStorage } from "../structured-clone.ts";
import { jsonStringify } from "../boundary.ts";
import { backend, type DatabaseSchema, type Operation } from "./backend.ts";
import type { RawDatabase, RawIndex, RawObjectStore, RawRecord, RawTransaction } from "./raw.ts";

/** Like an Operation, but keys and values are serialised only when the transaction commits. */
export type Step =
  | { op: "put"; store: string; record: RawRecord }
  | { op: "delete"; store: string; key: unknown }
  | { op: "clear"; store: string }
  | { op: "dropStore"; store: string }
  | { op: "renameStore"; store: string; to: string };

// A transaction's rollback log is what its stores are told of, so it stands for the transaction here.
const steps = new WeakMap<object, Step[]>();
interface CommittedState {
  schema: string;
  generation: number;
}

/** The durable state that each database in memory was loaded from or committed to; every one has an entry. */
const committed = new WeakMap<RawDatabase, CommittedState>();

/** Notes what a transaction did; `log` is its rollback log, undefined while memory is being rolled back. */
export function record(log: object | undefined, step: Step): void {
  if (log === undefined) return;
  const list = steps.get(log);
  if (list === undefined) steps.set(log, [step]);
  else list.push(step);
}

function schemaOf(database: RawDatabase): DatabaseSchema {
  return {
    version: database.version,
    stores: [...database.rawObjectStores.values()].map((store) => ({
      name: store.name,
      keyPath: store.keyPath,
      autoIncrement: store.autoIncrement,
      nextKey: (store.keyGenerator?.num ?? 0) + 1,
      indexes: [...store.rawIndexes.values()].map(({ name, keyPath, unique, multiEntry }) => ({ name, keyPath, unique: Boolean(unique), multiEntry: Boolean(multiEntry) })),
    })),
  };
}

/**
 * Called before a transaction's first request. If another worker of the origin has changed the database, what is held in
 * memory is dropped and read anew. False if that cannot be, and the transaction was aborted.
 */
export function beginTransaction(transaction: RawTransaction): boolean {
  const database = transaction.db._rawDatabase;
  // An upgrade was brought up to date when the database was opened, and has changed the schema in memory since.
  if (transaction.mode === "versionchange") return true;
  try {
    refresh(database);
  } catch (error) {
    abortWith(transaction, error);
    return false;
  }
  if (!database.connections.includes(transaction.db)) {
    abortWith(transaction, new DOMException("another worker of this origin upgraded or deleted the database; open it again", "AbortError"));
    return false;
  }
  return true;
}

function abortWith(transaction: RawTransaction, error: unknown): void {
  const exception = error instanceof DOMException ? error : new DOMException(String(error), "UnknownError");
  transaction._abort(exception.name);
  transaction.error = exception;
}

/** Commits a transaction that has no requests left. False if that failed and the transaction was aborted instead. */
export function commitJournal(transaction: RawTransaction): boolean {
  if (transaction.mode === "readonly") return true;
  const database = transaction.db._rawDatabase;
  const list = steps.get(transaction._rollbackLog) ?? [];
  steps.delete(transaction._rollbackLog);
  try {
    const operations: Operation[] = list.map((step) => {
      if (step.op === "put") {
        return { op: "put", store: step.store, key: serializeForStorage(step.record.key), value: serializeForStorage(step.record.value) };
      }
      return step.op === "delete" ? { op: "delete", store: step.store, key: serializeForStorage(step.key) } : step;
    });
    const schema = schemaOf(database);
    const text = jsonStringify(schema);
    const known = committed.get(database) as CommittedState;
    if (known.schema !== text) operations.push({ op: "schema", schema });
    if (operations.length === 0) return true;
    const generation = backend.commit(database.name, operations, transaction.durability, known.generation);
    committed.set(database, { schema: text, generation });
    return true;
  } catch (error) {
    abortWith(transaction, error);
    return false;
  }
}

/** Forgets what an aborted transaction did. */
export function abortJournal(transaction: RawTransaction): void {
  steps.delete(transaction._rollbackLog);
}

/**
 * The database to open or delete: the one in memory while anybody uses it, otherwise the durable one. Undefined if there
 * is none. Records are read when a store is first used.
 */
export function loadDatabase(name: string, inMemory: RawDatabase | undefined): RawDatabase | undefined {
  if (inMemory !== undefined) {
    if (inMemory.connections.length > 0 || inMemory.transactions.length > 0) refresh(inMemory);
    if (inMemory.connections.length > 0 || inMemory.transactions.length > 0) return inMemory;
  }
  const generation = backend.generation(name);
  const schema = backend.loadSchema(name);
  if (schema === null) return undefined;
  const database = new Database(name, schema.version) as unknown as RawDatabase;
  for (const { name: storeName, keyPath, autoIncrement, nextKey, indexes } of schema.stores) {
    const store = new ObjectStore(database as never, storeName, keyPath as never, autoIncrement) as unknown as RawObjectStore;
    if (store.keyGenerator !== null) store.keyGenerator.num = nextKey - 1;
    for (const index of indexes) {
      const raw = new Index(store as never, index.name, index.keyPath as never, index.multiEntry, index.unique);
      (raw as unknown as { initialized: boolean }).initialized = true;
      store.rawIndexes.set(index.name, raw as never);
    }
    loadRecordsLazily(name, store);
    database.rawObjectStores.set(storeName, store);
  }
  committed.set(database, { schema: jsonStringify(schemaOf(database)), generation });
  return database;
}

/** A database that does not exist yet: version 0, without stores, until its first upgrade is committed. */
export function newDatabase(name: string): RawDatabase {
  const database = new Database(name, 0) as unknown as RawDatabase;
  committed.set(database, { schema: "", generation: backend.generation(name) });
  return database;
}

/** A schema without the state of key generators: what connections rely on. */
function shapeOf(schema: DatabaseSchema): string {
  return jsonStringify({ ...schema, stores: schema.stores.map((store) => ({ ...store, nextKey: 0 })) });
}

/**
 * Brings a database in memory up to date with what other workers committed. If they changed its stores or deleted it,
 * its connections are closed by force instead (a `close` event tells the script to open it again).
 */
function refresh(database: RawDatabase): void {
  const known = committed.get(database) as CommittedState;
  const generation = backend.generation(database.name);
  if (generation === known.generation) return;
  // A transaction that is writing would lose its footing; its commit is refused anyway, and the next one comes here again.
  if (database.transactions.some((other) => other._started && other._state !== "finished" && other.mode !== "readonly")) return;
  const schema = backend.loadSchema(database.name);
  if (schema === null || shapeOf(schema) !== shapeOf(schemaOf(database))) {
    for (const connection of [...database.connections]) closeConnection(connection, true);
    database.connections = [];
    return;
  }
  for (const { name, nextKey } of schema.stores) {
    const store = database.rawObjectStores.get(name) as RawObjectStore;
    if (store.keyGenerator !== null) store.keyGenerator.num = nextKey - 1;
    for (const holder of [store, ...store.rawIndexes.values()]) {
      const unique = holder === store || (holder as RawIndex).unique;
      Object.defineProperty(holder, "records", { value: new RecordStore(unique), writable: true, enumerable: true, configurable: true });
    }
    loadRecordsLazily(database.name, store);
  }
  committed.set(database, { schema: jsonStringify(schemaOf(database)), generation });
}

function readRecord([key, value]: [string, string]): RawRecord {
  try {
    return { key: deserializeForWorker(key), value: deserializeForWorker(value) };
  } catch (error) {
    throw new DOMException(`a stored record cannot be read: ${String(error)}`, "UnknownError");
  }
}

function loadRecordsLazily(database: string, store: RawObjectStore): void {
  // The durable name: a rename in memory before the first use is committed only later.
  const durableName = store.name;
  const holders: { records: unknown }[] = [store, ...store.rawIndexes.values()];
  const empty = holders.map((holder) => holder.records);
  const settle = (): void => {
    holders.forEach((holder, i) => Object.defineProperty(holder, "records", { value: empty[i], writable: true, enumerable: true, configurable: true }));
  };
  const load = (): void => {
    const rows = backend.loadRecords(database, durableName).map(readRecord);
    settle();
    for (const row of rows) {
      store.records.put(row);
      for (const index of store.rawIndexes.values()) {
        if (index.initialized && holders.includes(index)) index.storeRecord(row);
      }
    }
  };
  holders.forEach((holder, i) => {
    Object.defineProperty(holder, "records", {
      configurable: true,
      enumerable: true,
      get() {
        load();
        return empty[i];
      },
      set(value: unknown) {
        load();
        holder.records = value;
      },
    });
  });
}

/** Deletes a database durably. */
export function deleteDurable(name: string): void {
  backend.delete(name);
}

/** `indexedDB.databases()`. */
export function listDurable(): Promise<{ name: string; version: number }[]> {
  try {
    return Promise.resolve(backend.databases());
  } catch (error) {
    return Promise.reject(error) as Promise<never>;
  }
}

