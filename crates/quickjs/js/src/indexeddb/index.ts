// The IndexedDB interfaces, loaded when a script first names one of them.

import { IDBCursor, IDBCursorWithValue } from "./cursor.ts";
import { IDBDatabase } from "./database.ts";
import { IDBFactory } from "./factory.ts";
import { IDBKeyRange } from "./key-range.ts";
import { IDBIndex } from "./object-index.ts";
import { IDBObjectStore } from "./object-store.ts";
import { IDBRecord } from "./reading.ts";
import { IDBOpenDBRequest, IDBRequest } from "./request.ts";
import { DOMStringList } from "./string-list.ts";
import { IDBTransaction } from "./transaction.ts";
import { IDBVersionChangeEvent } from "./version-change-event.ts";

export { indexedDB, notice } from "./factory.ts";

/** The interface objects by their names on the global. */
export const interfaces: Record<string, unknown> = {
  DOMStringList, IDBCursor, IDBCursorWithValue, IDBDatabase, IDBFactory, IDBIndex, IDBKeyRange, IDBObjectStore, IDBOpenDBRequest, IDBRecord,
  IDBRequest, IDBTransaction, IDBVersionChangeEvent,
};
