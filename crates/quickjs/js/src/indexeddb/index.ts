// The IndexedDB interfaces, loaded when a script first names one of them.

// First: the cycle between stores and cursors can only be entered here.
import FDBObjectStore from "fake-indexeddb/esm/FDBObjectStore.js";
import FDBCursor from "fake-indexeddb/esm/FDBCursor.js";
import FDBCursorWithValue from "fake-indexeddb/esm/FDBCursorWithValue.js";
import FDBDatabase from "fake-indexeddb/esm/FDBDatabase.js";
import FDBFactory from "fake-indexeddb/esm/FDBFactory.js";
import FDBIndex from "fake-indexeddb/esm/FDBIndex.js";
import FDBKeyRange from "fake-indexeddb/esm/FDBKeyRange.js";
import FDBOpenDBRequest from "fake-indexeddb/esm/FDBOpenDBRequest.js";
import FDBRecord from "fake-indexeddb/esm/FDBRecord.js";
import FDBRequest from "fake-indexeddb/esm/FDBRequest.js";
import FDBTransaction from "fake-indexeddb/esm/FDBTransaction.js";
import { defineEventHandlers } from "../event-target.ts";
import { markPlatformInterface } from "../webidl.ts";
import "./recording.ts";
import IDBVersionChangeEvent from "./version-change-event.ts";

/** The interface objects by their names on the global. */
export const interfaces: Record<string, unknown> = {
  IDBCursor: FDBCursor,
  IDBCursorWithValue: FDBCursorWithValue,
  IDBDatabase: FDBDatabase,
  IDBFactory: FDBFactory,
  IDBIndex: FDBIndex,
  IDBKeyRange: FDBKeyRange,
  IDBObjectStore: FDBObjectStore,
  IDBOpenDBRequest: FDBOpenDBRequest,
  IDBRecord: FDBRecord,
  IDBRequest: FDBRequest,
  IDBTransaction: FDBTransaction,
  IDBVersionChangeEvent,
};

for (const name of Object.keys(interfaces)) {
  if (name !== "IDBVersionChangeEvent") markPlatformInterface(interfaces[name] as abstract new () => object, name);
}
defineEventHandlers(FDBRequest.prototype, ["success", "error"]);
defineEventHandlers(FDBOpenDBRequest.prototype, ["blocked", "upgradeneeded"]);
defineEventHandlers(FDBDatabase.prototype, ["abort", "close", "error", "versionchange"]);
defineEventHandlers(FDBTransaction.prototype, ["abort", "complete", "error"]);

/** `self.indexedDB`. */
export const indexedDB = new FDBFactory();
