// IDBKeyRange (Indexed Database API 3.0, "The IDBKeyRange interface").

import { bufferSourceBytes, defineInterface, internal, isObject, requireArguments, requireInternal } from "../webidl.ts";
import { fail } from "./errors.ts";
import { compareKeys, type Key, keyToValue, requireKey } from "./keys.ts";

/** A range as it crosses the boundary. */
export interface RangeRecord {
  lower: Key | null;
  upper: Key | null;
  lowerOpen: boolean;
  upperOpen: boolean;
}

/** The range of all keys. */
export const EVERYTHING: RangeRecord = { lower: null, upper: null, lowerOpen: false, upperOpen: false };

let rangeOf: (range: IDBKeyRange) => RangeRecord;
let isRange: (value: unknown) => value is IDBKeyRange;

export class IDBKeyRange {
  #record: RangeRecord = EVERYTHING;

  static {
    rangeOf = (range) => range.#record;
    isRange = (value): value is IDBKeyRange => isObject(value) && #record in value;
  }

  constructor(token: unknown = undefined, record: unknown = undefined) {
    requireInternal(token);
    this.#record = record as RangeRecord;
  }

  get lower(): unknown {
    return this.#record.lower === null ? undefined : keyToValue(this.#record.lower);
  }
  get upper(): unknown {
    return this.#record.upper === null ? undefined : keyToValue(this.#record.upper);
  }
  get lowerOpen(): boolean {
    return this.#record.lowerOpen;
  }
  get upperOpen(): boolean {
    return this.#record.upperOpen;
  }

  static only(value: unknown): IDBKeyRange {
    requireArguments(arguments.length, 1, "IDBKeyRange.only");
    return new IDBKeyRange(internal, onlyRange(requireKey(value, "IDBKeyRange.only")));
  }
  static lowerBound(lower: unknown, open: unknown = false): IDBKeyRange {
    requireArguments(arguments.length, 1, "IDBKeyRange.lowerBound");
    const key = requireKey(lower, "IDBKeyRange.lowerBound");
    return new IDBKeyRange(internal, { lower: key, upper: null, lowerOpen: Boolean(open), upperOpen: true });
  }
  static upperBound(upper: unknown, open: unknown = false): IDBKeyRange {
    requireArguments(arguments.length, 1, "IDBKeyRange.upperBound");
    const key = requireKey(upper, "IDBKeyRange.upperBound");
    return new IDBKeyRange(internal, { lower: null, upper: key, lowerOpen: true, upperOpen: Boolean(open) });
  }
  static bound(lower: unknown, upper: unknown, lowerOpen: unknown = false, upperOpen: unknown = false): IDBKeyRange {
    requireArguments(arguments.length, 2, "IDBKeyRange.bound");
    const low = requireKey(lower, "IDBKeyRange.bound");
    const high = requireKey(upper, "IDBKeyRange.bound");
    const order = compareKeys(low, high);
    if (order > 0 || (order === 0 && (Boolean(lowerOpen) || Boolean(upperOpen)))) {
      fail("DataError", "IDBKeyRange.bound: no key is between the bounds");
    }
    return new IDBKeyRange(internal, { lower: low, upper: high, lowerOpen: Boolean(lowerOpen), upperOpen: Boolean(upperOpen) });
  }

  includes(value: unknown): boolean {
    const { lower, upper, lowerOpen, upperOpen } = this.#record;
    requireArguments(arguments.length, 1, "IDBKeyRange.includes");
    const key = requireKey(value, "IDBKeyRange.includes");
    if (lower !== null && compareKeys(lower, key) > (lowerOpen ? -1 : 0)) return false;
    return upper === null || compareKeys(key, upper) <= (upperOpen ? -1 : 0);
  }
}
defineInterface(IDBKeyRange, "IDBKeyRange");

/** The range of one key. */
export function onlyRange(key: Key): RangeRecord {
  return { lower: key, upper: key, lowerOpen: false, upperOpen: false };
}

/** "Convert a value to a key range". `required` refuses the range of everything. */
export function toRange(value: unknown, what: string, required: boolean = false): RangeRecord {
  if (isRange(value)) return rangeOf(value);
  if (value === undefined || value === null) {
    if (required) fail("DataError", `${what}: a key or a range is needed`);
    return EVERYTHING;
  }
  return onlyRange(requireKey(value, what));
}

/** "Is a potentially valid key range": anything else is a dictionary of options, also what has no members at all. */
export function mayBeRange(value: unknown): boolean {
  if (!isObject(value)) return typeof value === "number" || typeof value === "string";
  return isRange(value) || value instanceof Date || Array.isArray(value) || bufferSourceBytes(value) !== null;
}
