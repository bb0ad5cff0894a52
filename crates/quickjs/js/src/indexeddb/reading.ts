// What object stores and indexes read alike: get, getAll, count and their kin, as scans of the host.

import { host, jsonParse, jsonStringify } from "#boundary";
import { defineInterface, type Dictionary, internal, isObject, requireInternal, toEnforcedInteger, toEnumeration } from "../webidl.ts";
import { fail } from "./errors.ts";
import { mayBeRange, type RangeRecord, toRange } from "./key-range.ts";
import { type Key, keyToValue } from "./keys.ts";
import { andThen, ask, type Outcome } from "./operation.ts";
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

/** A range as a member of a query; one key is written once. */
function rangeMember(range: RangeRecord): string {
  const { lower, upper } = range;
  return lower !== null && lower === upper ? `"only":${jsonStringify(lower)}` : `"range":${jsonStringify(range)}`;
}

/** Asks for records: their keys as JSON, then their values. What is as usual is not written: the reading takes less time. */
function askForRows(source: Source, { range, direction = "next", start = null, skip = 0, limit = null, values }: ScanOptions): Outcome<[string, ...unknown[]]> {
  const { store, index } = source.ids();
  let query = `{"store":${store},${rangeMember(range)},"values":${values}`;
  if (index !== null) query += `,"index":${index}`;
  if (direction !== "next") query += `,"direction":"${direction}"`;
  if (start !== null) query += `,"start":${jsonStringify(start)}`;
  if (skip !== 0) query += `,"skip":${skip}`;
  query += limit === null ? "}" : `,"limit":${limit}}`;
  const { id } = transactionState(source.transaction);
  return ask(() => host.idbScan(id, query));
}

/** Reads records; only a request that is being carried out does that. */
export function scan(source: Source, options: ScanOptions): Outcome<Row[]> {
  return andThen(askForRows(source, options), (found) =>
    (jsonParse(found[0]) as [Key, Key | null][]).map(([key, primaryKey], i) => ({ key, primaryKey: primaryKey ?? key, value: found[i + 1] })),
  );
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
  const values = wanted === "value";
  return execute(source.transaction, source.handle, () =>
    andThen(askForRows(source, { range, limit: 1, values }), (found) => {
      // Without a record there is no value either.
      if (values) return found[1];
      const row = (jsonParse(found[0]) as [Key, Key | null][])[0];
      return row === undefined ? undefined : keyToValue(row[1] ?? row[0]);
    }),
  );
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
  return execute(source.transaction, source.handle, () =>
    andThen(scan(source, { range, direction, limit: limit === 0 ? null : limit, values: wanted !== "keys" }), (rows) => rows.map(RESULTS[wanted])),
  );
}

/** `count`. */
export function countRecords(source: Source, query: unknown, what: string): IDBRequest {
  requireReadable(source);
  const range = toRange(query, what);
  const { id } = transactionState(source.transaction);
  return execute(source.transaction, source.handle, () => ask(() => host.idbCount(id, jsonStringify({ ...source.ids(), range }))));
}
