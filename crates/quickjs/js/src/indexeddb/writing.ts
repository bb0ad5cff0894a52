// Storing records: keys from the script, from key paths and from the generator, and their keys in indexes.

import { host, jsonStringify } from "#boundary";
import { deserializeFromStorage, serializeForStorage } from "#clone";
import { fail } from "./errors.ts";
import { EVERYTHING } from "./key-range.ts";
import { canInjectKey, compareKeys, extractIndexKeys, extractKey, injectKey, type Key, type KeyPath, keyToValue, requireKey } from "./keys.ts";
import { andThen, ask, type Outcome, repeat } from "./operation.ts";
import { type Row, scan, type Source } from "./reading.ts";
import type { IDBRequest } from "./request.ts";
import type { IndexMeta, StoreMeta } from "./schema.ts";
import { execute, type IDBTransaction, requireActive, transactionState } from "./transaction.ts";

/** The bytes of a value; while they are made, the getters of the script find the transaction inactive. */
function cloneBytes(transaction: IDBTransaction, value: unknown): ArrayBuffer {
  const state = transactionState(transaction);
  state.lifecycle = "inactive";
  try {
    return serializeForStorage(value);
  } finally {
    if (state.lifecycle === "inactive") state.lifecycle = "active";
  }
}

/** `add`, `put`, and `update` of a cursor, whose key must not change. */
export function store(transaction: IDBTransaction, meta: StoreMeta, source: object, value: unknown, keyArgument: unknown, what: string, options: { overwrite: boolean; cursorKey?: Key }): IDBRequest {
  const { overwrite, cursorKey } = options;
  if (meta.isDeleted) fail("InvalidStateError", `${what}: the object store was deleted`);
  const state = requireActive(transaction);
  if (state.mode === "readonly") fail("ReadOnlyError", `${what}: the transaction is "readonly"; open it with mode "readwrite"`);
  const { keyPath, autoIncrement } = meta;
  if (cursorKey === undefined) {
    if (keyPath !== null && keyArgument !== undefined) fail("DataError", `${what}: the object store has in-line keys, so no key can be given`);
    if (keyPath === null && !autoIncrement && keyArgument === undefined) fail("DataError", `${what}: the object store needs a key as argument 2`);
  }
  let key: Key | null = cursorKey ?? (keyArgument === undefined ? null : requireKey(keyArgument, what));
  let bytes = cloneBytes(transaction, value);
  if (keyPath !== null) {
    const clone = deserializeFromStorage(bytes);
    const found = extractKey(clone, keyPath);
    if (found === null) fail("DataError", `${what}: what the key path leads to is not a valid key`);
    if (cursorKey !== undefined) {
      if (found === "failure" || compareKeys(found, cursorKey) !== 0) {
        fail("DataError", `${what}: a cursor cannot change the key of its record`);
      }
    } else if (found !== "failure") {
      key = found;
    } else if (!autoIncrement) {
      fail("DataError", `${what}: the value has no key at the key path of the object store`);
    } else if (!canInjectKey(clone, keyPath as string)) {
      fail("DataError", `${what}: a generated key cannot be put into the value`);
    }
  }
  const put = (recordKey: Key): Outcome<unknown> => {
    const entries = meta.stored.size === 0 ? null : entriesOf(meta.stored, deserializeFromStorage(bytes));
    return andThen(ask(() => host.idbPut(state.id, meta.id, jsonStringify(recordKey), bytes, entries, overwrite)), () => keyToValue(recordKey));
  };
  return execute(transaction, source, () => {
    if (key !== null) return put(key);
    return andThen(ask(() => host.idbGenerateKey(state.id, meta.id)), (number) => {
      if (keyPath !== null) {
        const clone = deserializeFromStorage(bytes);
        injectKey(clone, keyPath as string, number);
        bytes = serializeForStorage(clone);
      }
      return put([`n${number}`]);
    });
  });
}

function entriesOf(indexes: Iterable<IndexMeta>, value: unknown): string {
  return jsonStringify([...indexes].map(({ id, keyPath, multiEntry }) => ({ index: id, keys: extractIndexKeys(value, keyPath, multiEntry) })));
}

/** How many records a new index reads at once. */
const BATCH = 200;

/** Gives every record of a store its keys in a new index; ConstraintError if it is unique and they are not. */
export function fillIndex(source: Source, storeId: number, index: IndexMeta): Outcome<void> {
  const { id } = transactionState(source.transaction);
  let rows: Row[] = [];
  let next = 0;
  const readOn = (after: Key | null): Outcome<boolean> => {
    const start = after === null ? null : { key: after, primaryKey: null, after: true };
    return andThen(scan(source, { range: EVERYTHING, start, limit: BATCH, values: true }), (found) => {
      [rows, next] = [found, 0];
      return rows.length > 0;
    });
  };
  const indexNext = (): Outcome<boolean> => {
    const row = rows[next];
    if (row === undefined) return rows.length === BATCH ? readOn(rows[BATCH - 1]!.key) : false;
    next += 1;
    const keys = extractIndexKeys(row.value, index.keyPath, index.multiEntry);
    if (keys.length === 0) return true;
    return andThen(ask(() => host.idbIndexRecord(id, storeId, jsonStringify(row.key), index.id, jsonStringify(keys))), () => true);
  };
  return andThen(readOn(null), (goesOn) => (goesOn ? repeat(indexNext) : undefined));
}

/** A key path as the store keeps it. */
export function keyPathJson(path: KeyPath | null): string | null {
  return path === null ? null : jsonStringify(path);
}
