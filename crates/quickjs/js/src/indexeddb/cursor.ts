// IDBCursor and IDBCursorWithValue (Indexed Database API 3.0, "The IDBCursor interface").

import { host, jsonStringify } from "#boundary";
import { defineInterface, internal, requireArguments, requireInternal, toEnforcedInteger, toEnumeration } from "../webidl.ts";
import { fail } from "./errors.ts";
import { onlyRange, type RangeRecord, toRange } from "./key-range.ts";
import { compareKeys, keyToValue, requireKey } from "./keys.ts";
import { andThen, ask, type Outcome } from "./operation.ts";
import { type Direction, DIRECTIONS, requireReadable, type Row, scan, type ScanOptions, type Source } from "./reading.ts";
import { type IDBRequest, makeRequest, requestState } from "./request.ts";
import type { StoreMeta } from "./schema.ts";
import { execute, requireActive, type TransactionState } from "./transaction.ts";
import { store } from "./writing.ts";

interface CursorState {
  readonly source: Source;
  readonly meta: StoreMeta;
  readonly range: RangeRecord;
  readonly direction: Direction;
  readonly withValue: boolean;
  readonly request: IDBRequest;
  /** Where it stands; null before the first record and after the last. */
  row: Row | null;
  hasValue: boolean;
  /** What `key` and `primaryKey` give, made when a script first asks: the same object until the cursor stands elsewhere. */
  key: { value: unknown } | null;
  primaryKey: { value: unknown } | null;
}

let cursorState: (cursor: IDBCursor) => CursorState;

export class IDBCursor {
  #state: CursorState;

  static {
    cursorState = (cursor) => cursor.#state;
  }

  constructor(token: unknown = undefined, state: unknown = undefined) {
    requireInternal(token);
    this.#state = state as CursorState;
  }

  get source(): object {
    return this.#state.source.handle;
  }
  get direction(): Direction {
    return this.#state.direction;
  }
  get key(): unknown {
    const state = this.#state;
    if (state.row === null) return undefined;
    state.key ??= { value: keyToValue(state.row.key) };
    return state.key.value;
  }
  get primaryKey(): unknown {
    const state = this.#state;
    if (state.row === null) return undefined;
    state.primaryKey ??= { value: keyToValue(state.row.primaryKey) };
    return state.primaryKey.value;
  }
  get request(): IDBRequest {
    return this.#state.request;
  }

  advance(count: unknown): void {
    const state = this.#state;
    requireArguments(arguments.length, 1, "IDBCursor.advance");
    const steps = toEnforcedInteger(count, "IDBCursor.advance", 0xffffffff);
    if (steps === 0) throw new TypeError("IDBCursor.advance: the count must be at least 1");
    requireMovable(state, "advance");
    move(this, state, { skip: steps - 1, start: afterRow(state) });
  }
  continue(key: unknown = undefined): void {
    const state = this.#state;
    requireMovable(state, "continue");
    if (key === undefined) {
      move(this, state, { start: afterRow(state) });
      return;
    }
    const target = requireKey(key, "IDBCursor.continue");
    const { row } = state;
    const order = compareKeys(target, (row as Row).key);
    if (isReverse(state) ? order >= 0 : order <= 0) fail("DataError", "continue: the key is not beyond the cursor's position");
    move(this, state, { start: { key: target, primaryKey: null, after: false } });
  }
  continuePrimaryKey(key: unknown, primaryKey: unknown): void {
    const state = this.#state;
    requireArguments(arguments.length, 2, "IDBCursor.continuePrimaryKey");
    requireActive(state.source.transaction);
    if (state.source.isDeleted()) fail("InvalidStateError", "continuePrimaryKey: the source was deleted");
    if (state.source.ids().index === null || state.direction.endsWith("unique")) {
      fail("InvalidAccessError", 'continuePrimaryKey: needs a cursor of an index, with direction "next" or "prev"');
    }
    requireMovable(state, "continuePrimaryKey");
    const target = requireKey(key, "IDBCursor.continuePrimaryKey");
    const primary = requireKey(primaryKey, "IDBCursor.continuePrimaryKey");
    const row = state.row as Row;
    const order = compareKeys(target, row.key) || compareKeys(primary, row.primaryKey);
    if (isReverse(state) ? order >= 0 : order <= 0) fail("DataError", "continuePrimaryKey: the keys are not beyond the cursor's position");
    move(this, state, { start: { key: target, primaryKey: primary, after: false } });
  }
  update(value: unknown): IDBRequest {
    const state = this.#state;
    requireArguments(arguments.length, 1, "IDBCursor.update");
    requireChangeable(state, "update");
    return store(state.source.transaction, state.meta, this, value, undefined, "IDBCursor.update", { overwrite: true, cursorKey: (state.row as Row).primaryKey });
  }
  delete(): IDBRequest {
    const state = this.#state;
    const { id } = requireChangeable(state, "delete");
    const { primaryKey } = state.row as Row;
    return execute(state.source.transaction, this, () => ask(() => host.idbDelete(id, state.meta.id, jsonStringify(onlyRange(primaryKey)))));
  }
}
defineInterface(IDBCursor, "IDBCursor");

export class IDBCursorWithValue extends IDBCursor {
  get value(): unknown {
    return cursorState(this).row?.value;
  }
}
defineInterface(IDBCursorWithValue, "IDBCursorWithValue");

function isReverse({ direction }: CursorState): boolean {
  return direction === "prev" || direction === "prevunique";
}

function requireMovable(state: CursorState, what: string): void {
  requireActive(state.source.transaction);
  if (state.source.isDeleted() || state.meta.isDeleted) fail("InvalidStateError", `${what}: the source of the cursor was deleted`);
  if (!state.hasValue) fail("InvalidStateError", `${what}: the cursor is moving already, or is at its end`);
}

function requireChangeable(state: CursorState, what: string): TransactionState {
  const transaction = requireActive(state.source.transaction);
  if (transaction.mode === "readonly") fail("ReadOnlyError", `${what}: the transaction is "readonly"; open it with mode "readwrite"`);
  if (state.source.isDeleted() || state.meta.isDeleted) fail("InvalidStateError", `${what}: the source of the cursor was deleted`);
  if (!state.hasValue) fail("InvalidStateError", `${what}: the cursor is moving, or is at its end`);
  if (!state.withValue) fail("InvalidStateError", `${what}: a cursor over keys cannot change records`);
  return transaction;
}

/** Beyond the record where the cursor stands; with a unique direction, beyond its key. */
function afterRow(state: CursorState): NonNullable<ScanOptions["start"]> {
  const { key, primaryKey } = state.row as Row;
  return { key, primaryKey: state.direction.endsWith("unique") ? null : primaryKey, after: true };
}

/** Asks for the record at which the cursor stands next; the request is used again. */
function move(cursor: IDBCursor, state: CursorState, where: Pick<ScanOptions, "start" | "skip">): void {
  state.hasValue = false;
  const request = requestState(state.request);
  request.isDone = false;
  request.result = undefined;
  execute(state.source.transaction, cursor, () => iterate(cursor, state, where), state.request);
}

/** "Iterate a cursor": the cursor, or null at its end. */
function iterate(cursor: IDBCursor, state: CursorState, where: Pick<ScanOptions, "start" | "skip">): Outcome<IDBCursor | null> {
  const { range, direction, withValue } = state;
  return andThen(scan(state.source, { range, direction, ...where, limit: 1, values: withValue }), (rows) => {
    const row = rows[0] ?? null;
    state.row = row;
    state.hasValue = row !== null;
    state.key = null;
    state.primaryKey = null;
    return row === null ? null : cursor;
  });
}

/** `openCursor` and `openKeyCursor`. */
export function openCursor(source: Source, meta: StoreMeta, query: unknown, directionArgument: unknown, withValue: boolean, what: string): IDBRequest {
  const direction = directionArgument === undefined ? "next" : toEnumeration(directionArgument, DIRECTIONS, what);
  requireReadable(source);
  const range = toRange(query, what);
  const request = makeRequest(source.handle, source.transaction);
  const state: CursorState = { source, meta, range, direction, withValue, request, row: null, hasValue: false, key: null, primaryKey: null };
  const cursor = withValue ? new IDBCursorWithValue(internal, state) : new IDBCursor(internal, state);
  return execute(source.transaction, source.handle, () => iterate(cursor, state, {}), request);
}
