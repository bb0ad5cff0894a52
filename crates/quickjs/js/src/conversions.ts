// Web IDL: conversions of arguments. Worker and page script share them, so nothing here knows either.

/** Throws TypeError if a call gave too few arguments. `what` names the operation, such as "register". */
export function requireArguments(given: number, needed: number, what: string): void {
  if (given < needed) {
    throw new TypeError(`${what}: ${needed} argument${needed === 1 ? "" : "s"} required, but only ${given} present`);
  }
}

/** DOMString: ToString, lone surrogates kept; a Symbol is a TypeError. */
export function toDOMString(value: unknown): string {
  if (typeof value === "string") return value;
  // The engine makes a template of a method call, which a script could have replaced.
  if (typeof value === "symbol") throw new TypeError("a Symbol cannot be converted to a string");
  return String(value);
}

/** USVString: ToString, lone surrogates replaced by U+FFFD. */
export function toUSVString(value: unknown): string {
  return `${value as string}`.toWellFormed();
}

/** ByteString: ToString; a code unit above 255 is a TypeError. */
export function toByteString(value: unknown, what: string): string {
  const text = `${value as string}`;
  for (let i = 0; i < text.length; i += 1) {
    if (text.charCodeAt(i) > 255) {
      throw new TypeError(`${what}: the character at index ${i} has a value above 255, which a header cannot carry`);
    }
  }
  return text;
}

/** `[EnforceRange] unsigned long long` and its smaller kin. */
export function toEnforcedInteger(value: unknown, what: string, max: number = Number.MAX_SAFE_INTEGER): number {
  // Unlike `Number()`, the operator refuses a BigInt, as ToNumber does.
  const number = +(value as number);
  const integer = Math.trunc(number);
  if (!Number.isFinite(number) || integer < 0 || integer > max) {
    throw new TypeError(`${what}: ${number} is outside the range 0 to ${max}`);
  }
  return integer === 0 ? 0 : integer;
}

/** `[Clamp] long long` as Blob.slice has it. */
export function toClampedInteger(value: unknown): number {
  const number = Number(value as number);
  if (Number.isNaN(number)) return 0;
  return Math.trunc(Math.min(Math.max(number, -Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER));
}

/** `long` / `unsigned short`: modular conversion. */
export function toUnsignedShort(value: unknown): number {
  return Number(value as number) & 0xffff;
}

/** An enumeration value; anything else is a TypeError. */
export function toEnumeration<T extends string>(value: unknown, values: readonly T[], what: string): T {
  const text = toDOMString(value);
  if (!values.includes(text as T)) {
    throw new TypeError(`${what}: "${text}" is none of ${values.map((v) => `"${v}"`).join(", ")}`);
  }
  return text as T;
}

export type Dictionary = { readonly [member: string]: unknown };

/** A dictionary argument: undefined and null are an empty one, other non-objects a TypeError. */
export function toDictionary(value: unknown, what: string): Dictionary {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" && typeof value !== "function") {
    throw new TypeError(`${what}: the init argument is not an object`);
  }
  return value as Dictionary;
}

/** A sequence from any iterable object. */
export function toSequence<T>(value: unknown, convert: (item: unknown) => T, what: string): T[] {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) {
    throw new TypeError(`${what} is not a sequence`);
  }
  const method = (value as { [Symbol.iterator]?: unknown })[Symbol.iterator];
  if (typeof method !== "function") throw new TypeError(`${what} is not iterable`);
  // Not a loop of the language: it would ask for the method again, and close the iterator when a conversion throws.
  const iterator = Reflect.apply(method, value, []) as Iterator<unknown>;
  if (!isObject(iterator)) throw new TypeError(`${what} has an iterator that is no object`);
  const { next } = iterator;
  const list: T[] = [];
  for (;;) {
    const result = Reflect.apply(next, iterator, []) as IteratorResult<unknown>;
    if (!isObject(result)) throw new TypeError(`${what} has an iterator whose result is no object`);
    if (Boolean(result.done)) return list;
    list.push(convert(result.value));
  }
}

/** True for objects and functions. */
export function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
