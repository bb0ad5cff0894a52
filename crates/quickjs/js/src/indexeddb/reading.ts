// What object stores and indexes read alike: get, getAll, count and their kin, as scans of the host.

import { host, jsonParse, jsonStringify } from "#boundary";
import { defineInterface, type Dictionary, internal, isObject, requireInternal, toEnforcedInteger, toEnumeration } from "../webidl.ts";
import { fail } from "./errors.ts";
import { mayBeRange, type RangeRecord, toRange } from "./key-range.ts";
import { type Key, keyToValue } from "./keys.ts";
import { ask, type Operation } from "./operation.ts";
import type { IDBRequest } from "./request.ts";
import { execute, type IDBTransaction, requireActive, transactionState } from "./transaction.ts";

export const DIRECTIONS = ["next", "nextunique", "prev", "prevunique"] as const;
export type Direction = (typeof DIRECTIONS)[number];

/** Something that has records: a store, or an index of one. */
export interface Source {
  handle: object;
  transaction: IDBTransaction;
  isDeleted: () => boolean;
  /** The ids are given by the engine, so they are asked for when a request is carried out. */
  ids: () => { store: number; index: number | null };
}

/** A record of a scan. */
export interface Row {
  key: Key;
  primaryKey: Key;
  /** Undefined unless the values were asked for. */
  value: unknown;
}

export interface ScanOptions {
  range: RangeRecord;
  direction?: Direction;
  start?: { key: Key; primaryKey: Key | null; after: boolean } | null;
  skip?: number;
  limit?: number | null;
  values: boolean;
}

/** Reads records; only a request that is being carried out does that. */
export function* scan(source: Source, { range, direction = "next", start = null, skip = 0, limit = null, values }: ScanOptions): Operation<Row[]> {
  const query = jsonStringify({ ...source.ids(), range, direction, start, skip, limit, values });
  const { id } = transactionState(source.transaction);
  const [keys, ...found] = yield* ask(() => host.idbScan(id, query));
  return (jsonParse(keys) as [Key, Key | null][]).map(([key, primaryKey], i) => ({ key, primaryKey: primaryKey ?? key, value: found[i] }));
}

/** Throws unless the source exists and its transaction is active. */
export function requireReadable(source: Source): void {
  if (source.isDeleted()) fail("InvalidStateError", "the object store or index was deleted");
  requireActive(source.transaction);
}

/** `get` and `getKey`. */
export function getOne(source: Source, query: unknown, what: string, wanted: "key" | "value"): IDBRequest {
  requireReadable(source);
  const range = toRange(query, what, true);
  return execute(source.transaction, source.handle, function* () {
    const [row] = yield* scan(source, { range, limit: 1, values: wanted === "value" });
    return row === undefined ? undefined : wanted === "value" ? row.value : keyToValue(row.primaryKey);
  });
}

export class IDBRecord {
  #row: Row;
  constructor(token: unknown = undefined, row: unknown = undefined) {
    requireInternal(token);
    this.#row = row as Row;
  }
  get key(): unknown {
    return keyToValue(this.#row.key);
  }
  get primaryKey(): unknown {
    return keyToValue(this.#row.primaryKey);
  }
  get value(): unknown {
    return this.#row.value;
  }
}
defineInterface(IDBRecord, "IDBRecord");

const RESULTS = {
  keys: (row: Row): unknown => keyToValue(row.primaryKey),
  values: (row: Row): unknown => row.value,
  records: (row: Row): unknown => new IDBRecord(internal, row),
};

/** `getAll`, `getAllKeys` and `getAllRecords`; the first argument is a query or a dictionary of options. */
export function getMany(source: Source, query: unknown, count: unknown, what: string, wanted: keyof typeof RESULTS): IDBRequest {
  const optionsGiven = wanted === "records" || !mayBeRange(query);
  const members = optionsGiven && isObject(query) ? (query as Dictionary) : {};
  const options = optionsGiven ? members : { query };
  const wantedCount = members.count ?? count;
  const limit = wantedCount === undefined ? null : toEnforcedInteger(wantedCount, `${what}: count`, 0xffffffff);
  const direction = members.direction !== undefined ? toEnumeration(members.direction, DIRECTIONS, what) : "next";
  requireReadable(source);
  const range = toRange(options.query, what);
  return execute(source.transaction, source.handle, function* () {
    const rows = yield* scan(source, { range, direction, limit: limit === 0 ? null : limit, values: wanted !== "keys" });
    return rows.map(RESULTS[wanted]);
  });
}

/** `count`. */
export function countRecords(source: Source, query: unknown, what: string): IDBRequest {
  requireReadable(source);
  const range = toRange(query, what);
  const { id } = transactionState(source.transaction);
  return execute(source.transaction, source.handle, () => ask(() => host.idbCount(id, jsonStringify({ ...source.ids(), range }))));
}
