// Where databases live: the interface that the journal writes to, and that our own engine will fill later.

import { host, jsonParse, jsonStringify } from "../boundary.ts";
import { hostError } from "../operations.ts";

/** An index of a store. */
export interface IndexSchema {
  name: string;
  keyPath: string | string[];
  unique: boolean;
  multiEntry: boolean;
}

/** An object store; `nextKey` is the key that its generator gives next. */
export interface StoreSchema {
  name: string;
  keyPath: string | string[] | null;
  autoIncrement: boolean;
  nextKey: number;
  indexes: IndexSchema[];
}

/** A database without its records. */
export interface DatabaseSchema {
  version: number;
  stores: StoreSchema[];
}

/** One step of a transaction; keys and values are clone.ts text. */
export type Operation =
  | { op: "schema"; schema: DatabaseSchema }
  | { op: "put"; store: string; key: string; value: string }
  | { op: "delete"; store: string; key: string }
  | { op: "clear"; store: string }
  | { op: "dropStore"; store: string }
  | { op: "renameStore"; store: string; to: string };

export type Durability = "strict" | "relaxed" | "default";

/** Every operation throws a DOMException that says what failed. */
export interface IndexedDbBackend {
  databases(): { name: string; version: number }[];
  loadSchema(database: string): DatabaseSchema | null;
  loadRecords(database: string, store: string): [string, string][];
  /** How often the database was changed by any worker; what is held in memory is stale when it differs. */
  generation(database: string): number;
  /** All or nothing; durable when it returns. Gives the new generation; AbortError if `expected` is no longer the current one. */
  commit(database: string, operations: readonly Operation[], durability: Durability, expected: number): number;
  delete(database: string): void;
}

function attempt<T>(body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw error instanceof DOMException ? error : hostError(error);
  }
}

/** The host's SQLite. */
export const backend: IndexedDbBackend = {
  databases: () => attempt(() => jsonParse(host.idbDatabases()) as { name: string; version: number }[]),
  loadSchema: (database) =>
    attempt(() => {
      const text = host.idbLoadSchema(jsonStringify(database));
      return text === null || text === undefined ? null : (jsonParse(text) as DatabaseSchema);
    }),
  loadRecords: (database, store) => attempt(() => jsonParse(host.idbLoadRecords(jsonStringify(database), jsonStringify(store))) as [string, string][]),
  generation: (database) => attempt(() => host.idbGeneration(jsonStringify(database))),
  commit: (database, operations, durability, expected) =>
    attempt(() => host.idbCommit(jsonStringify(database), jsonStringify(operations), durability, expected)),
  delete: (database) => attempt(() => host.idbDelete(jsonStringify(database))),
};
