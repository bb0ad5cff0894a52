// The shapes of fake-indexeddb's internals that the journal touches; its package has no types for them.

import type { Durability } from "./backend.ts";

export interface RawRecord {
  key: unknown;
  value: unknown;
}

export interface RawRecords {
  values(range: unknown): Iterable<RawRecord>;
  put(record: RawRecord): unknown;
}

export interface RawIndex {
  name: string;
  keyPath: string | string[];
  unique: boolean;
  multiEntry: boolean;
  initialized: boolean;
  records: RawRecords;
  storeRecord(record: RawRecord): void;
}

export interface RawObjectStore {
  name: string;
  keyPath: string | string[] | null;
  autoIncrement: boolean;
  keyGenerator: { num: number } | null;
  records: RawRecords;
  rawIndexes: Map<string, RawIndex>;
  storeRecord(record: RawRecord, noOverwrite: boolean, log?: object): unknown;
  deleteRecord(key: unknown, log?: object): void;
  clear(log?: object): void;
}

export interface RawDatabase {
  name: string;
  version: number;
  rawObjectStores: Map<string, RawObjectStore>;
  connections: object[];
  transactions: RawTransaction[];
}

export interface RawTransaction {
  mode: "readonly" | "readwrite" | "versionchange";
  durability: Durability;
  error: DOMException | null;
  db: { _rawDatabase: RawDatabase };
  _rollbackLog: object;
  _started: boolean;
  _state: "active" | "inactive" | "committing" | "finished";
  _abort(errorName: string | null): void;
}
