// Makes fake-indexeddb durable: what a transaction does to its stores is recorded, and committed to the backend in one
// piece before `complete` is fired. If that fails, the transaction aborts with the backend's error, and memory is rolled back.

import Database from "fake-indexeddb/esm/lib/Database.js";
import Index from "fake-indexeddb/esm/lib/Index.js";
import ObjectStore from "fake-indexeddb/esm/lib/ObjectStore.js";
import { deserializeForWorker, serializeForStorage } from "../structured-clone.ts";
import { backend, type DatabaseSchema, type Operation } from "./backend.ts";
import type { RawDatabase, RawObjectStore, RawRecord, RawTransaction } from "./raw.ts";

/** Like an Operation, but keys and values are serialised only when the transaction commits. */
export type Step =
  | { op: "put"; store: string; record: RawRecord }
  | { op: "delete"; store: string; key: unknown }
  | { op: "clear"; store: string }
  | { op: "dropStore"; store: string }
  | { op: "renameStore"; store: string; to: string };

// A transaction's rollback log is what its stores are told of, so it stands for the transaction here.
const steps = new WeakMap<object, Step[]>();
/** The schema as last committed or loaded, as text. */
const committedSchemas = new WeakMap<RawDatabase, string>();

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

/** Commits a transaction that has no requests left. False if that failed and the transaction was aborted instead. */
export function commitJournal(transaction: RawTransaction): boolean {
  if (transaction.mode === "readonly") return true;
  const database = transaction.db._rawDatabase;
  const schema = schemaOf(database);
  const schemaText = JSON.stringify(schema);
  const list = steps.get(transaction._rollbackLog) ?? [];
  steps.delete(transaction._rollbackLog);
  try {
    const operations: Operation[] = [];
    for (const step of list) {
      if (step.op === "put") {
        operations.push({ op: "put", store: step.store, key: serializeForStorage(step.record.key), value: serializeForStorage(step.record.value) });
      } else if (step.op === "delete") {
        operations.push({ op: "delete", store: step.store, key: serializeForStorage(step.key) });
      } else {
        operations.push(step);
      }
    }
    if (committedSchemas.get(database) !== schemaText) operations.push({ op: "schema", schema });
    if (operations.length > 0) backend.commit(database.name, operations, transaction.durability);
    committedSchemas.set(database, schemaText);
    return true;
  } catch (error) {
    const exception = error instanceof DOMException ? error : new DOMException(String(error), "UnknownError");
    transaction._abort(exception.name);
    transaction.error = exception;
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
  if (inMemory !== undefined && (inMemory.connections.length > 0 || inMemory.transactions.length > 0)) return inMemory;
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
  committedSchemas.set(database, JSON.stringify(schemaOf(database)));
  return database;
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
    const rows = backend.loadRecords(database, durableName).map(([key, value]) => ({ key: deserializeForWorker(key), value: deserializeForWorker(value) }));
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

