// Stores and indexes as this connection sees them, and how an aborted upgrade gives them back.

import { jsonParse } from "#boundary";
import type { KeyPath } from "./keys.ts";

export interface IndexMeta {
  /** Given by the engine when the request that makes it is carried out. */
  id: number;
  name: string;
  readonly keyPath: KeyPath;
  readonly unique: boolean;
  readonly multiEntry: boolean;
  isDeleted: boolean;
}

export interface StoreMeta {
  id: number;
  name: string;
  readonly keyPath: KeyPath | null;
  readonly autoIncrement: boolean;
  /** What scripts see now. */
  indexes: Map<string, IndexMeta>;
  /** What the engine has at this point of the queue of requests. */
  readonly stored: Set<IndexMeta>;
  isDeleted: boolean;
}

/** What the host says about a database. */
export interface SchemaRecord {
  version: number;
  stores: {
    id: number;
    name: string;
    keyPath: string | null;
    autoIncrement: boolean;
    indexes: { id: number; name: string; keyPath: string; unique: boolean; multiEntry: boolean }[];
  }[];
}

function readPath(text: string): KeyPath {
  const path = jsonParse(text) as KeyPath;
  return typeof path === "string" ? path : Object.freeze(path);
}

/** The stores of a record, by name. */
export function readSchema(record: SchemaRecord): Map<string, StoreMeta> {
  const stores = new Map<string, StoreMeta>();
  for (const { id, name, keyPath, autoIncrement, indexes } of record.stores) {
    const list = indexes.map((index): IndexMeta => ({ ...index, keyPath: readPath(index.keyPath), isDeleted: false }));
    stores.set(name, {
      id,
      name,
      keyPath: keyPath === null ? null : readPath(keyPath),
      autoIncrement,
      indexes: new Map(list.map((index) => [index.name, index])),
      stored: new Set(list),
      isDeleted: false,
    });
  }
  return stores;
}

/** Remembers the stores; the returned function gives them back and marks what was made since as deleted. */
export function rememberSchema(current: () => Map<string, StoreMeta>): () => Map<string, StoreMeta> {
  const before = [...current().values()].map((meta) => ({ meta, name: meta.name, indexes: [...meta.indexes.values()].map((index) => ({ index, name: index.name })) }));
  return () => {
    for (const meta of current().values()) {
      meta.isDeleted = true;
      for (const index of meta.indexes.values()) index.isDeleted = true;
      meta.indexes.clear();
    }
    for (const { meta, name, indexes } of before) {
      meta.isDeleted = false;
      meta.name = name;
      for (const { index, name: indexName } of indexes) {
        index.isDeleted = false;
        index.name = indexName;
      }
      meta.indexes = new Map(indexes.map(({ index }) => [index.name, index]));
    }
    return new Map(before.map(({ meta }) => [meta.name, meta]));
  };
}
