// Hooks into fake-indexeddb's stores: tells the journal what each transaction does to them.

import FDBObjectStore from "fake-indexeddb/esm/FDBObjectStore.js";
import FDBDatabase from "fake-indexeddb/esm/FDBDatabase.js";
import FDBKeyRange from "fake-indexeddb/esm/FDBKeyRange.js";
import ObjectStore from "fake-indexeddb/esm/lib/ObjectStore.js";
import { record } from "./journal.ts";
import type { RawDatabase, RawObjectStore, RawTransaction } from "./raw.ts";

const storePrototype = ObjectStore.prototype as unknown as RawObjectStore;
const { storeRecord, deleteRecord, clear } = storePrototype;

storePrototype.storeRecord = function (newRecord, noOverwrite, log) {
  const key = storeRecord.call(this, newRecord, noOverwrite, log);
  record(log, { op: "put", store: this.name, record: newRecord });
  return key;
};
storePrototype.deleteRecord = function (key, log) {
  if (log !== undefined) {
    for (const existing of this.records.values(rangeOf(key))) record(log, { op: "delete", store: this.name, key: existing.key });
  }
  deleteRecord.call(this, key, log);
};
storePrototype.clear = function (log) {
  clear.call(this, log);
  record(log, { op: "clear", store: this.name });
};

function rangeOf(key: unknown): unknown {
  return typeof key === "object" && key !== null && "includes" in key && "lower" in key ? key : FDBKeyRange.only(key);
}

const databasePrototype = FDBDatabase.prototype as unknown as { deleteObjectStore(this: { _rawDatabase: RawDatabase }, name: string): void };
const { deleteObjectStore } = databasePrototype;
databasePrototype.deleteObjectStore = function (name) {
  deleteObjectStore.call(this, name);
  const transaction = this._rawDatabase.transactions.findLast((other) => other.mode === "versionchange");
  record(transaction?._rollbackLog, { op: "dropStore", store: String(name) });
};

const nameDescriptor = Object.getOwnPropertyDescriptor(FDBObjectStore.prototype, "name") as PropertyDescriptor;
Object.defineProperty(FDBObjectStore.prototype, "name", {
  ...nameDescriptor,
  set(this: { name: string; transaction: RawTransaction }, name: string) {
    const before = this.name;
    nameDescriptor.set?.call(this, name);
    if (this.name !== before) record(this.transaction._rollbackLog, { op: "renameStore", store: before, to: this.name });
  },
});
