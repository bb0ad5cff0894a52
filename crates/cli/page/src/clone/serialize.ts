// A value as the bytes of a structured clone.

import { type BlobContent, type CloneHooks, cloneError, Code, DEPTH_MAX, depthError, ERRORS, HAS_BLOBS, HAS_CAUSE, HAS_MESSAGE, HAS_STACK, IS_FILE, IS_OUTSIDE, MAGIC, VERSION, VIEWS } from "./format.ts";
import { tracksLength } from "../../../../quickjs/js/src/tracking.ts";

/** Serialises a value; DataCloneError if it, or something in it, cannot be cloned. Objects of `transfer` are not copied:
 *  the clone names them by their position. */
export function serialize(value: unknown, hooks: CloneHooks, transfer: readonly object[] = []): Uint8Array<ArrayBuffer> {
  const serializer = new Serializer(hooks, transfer);
  serializer.value(value);
  return serializer.finish();
}

const encoder = new TextEncoder();
/** A surrogate without its partner. */
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

class Serializer {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 3;
  #flags = 0;
  #depth = 0;
  #seen = new Map<object, number>();
  #numbered = 0;
  #transferred: Map<object, number>;
  #hooks: CloneHooks;

  constructor(hooks: CloneHooks, transfer: readonly object[]) {
    this.#hooks = hooks;
    this.#transferred = new Map(transfer.map((object, position) => [object, position]));
  }

  finish(): Uint8Array<ArrayBuffer> {
    this.#bytes.set([MAGIC, VERSION, this.#flags]);
    return this.#bytes.slice(0, this.#length);
  }

  value(value: unknown): void {
    if (typeof value !== "object" || value === null) return this.#primitive(value);
    const position = this.#transferred.get(value);
    if (position !== undefined) {
      this.#byte(Code.transferred);
      return this.#number(position);
    }
    const number = this.#seen.get(value);
    if (number !== undefined) {
      this.#byte(Code.reference);
      return this.#number(number);
    }
    this.#object(value);
  }

  #primitive(value: unknown): void {
    switch (typeof value) {
      case "undefined":
        return this.#byte(Code.undefined);
      case "boolean":
        return this.#byte(value ? Code.true : Code.false);
      case "number":
        if ((value | 0) === value && !Object.is(value, -0)) {
          this.#byte(Code.int);
          return this.#number(((value << 1) ^ (value >> 31)) >>> 0);
        }
        this.#byte(Code.double);
        return this.#double(value);
      case "bigint":
        return this.#bigInt(value);
      case "string":
        this.#byte(Code.string);
        return this.#text(value);
      case "object":
        return this.#byte(Code.null);
      default:
        throw cloneError(value);
    }
  }

  #object(value: object): void {
    const blob = this.#hooks.readBlob(value);
    if (blob !== null) {
      this.#remember(value);
      return this.#blob(blob);
    }
    if (Array.isArray(value)) {
      this.#remember(value);
      return this.#array(value);
    }
    if (ArrayBuffer.isView(value)) return this.#arrayBufferView(value);
    if (value instanceof ArrayBuffer) return this.#arrayBuffer(value);
    const platform = this.#hooks.readPlatform(value);
    if (platform !== null) {
      this.#byte(Code.platform);
      this.#text(platform.interface);
      this.#enter();
      this.value(platform.data);
      this.#leave();
      this.#byte(Code.end);
      return this.#remember(value);
    }
    this.#remember(value);
    if (value instanceof Date) {
      this.#byte(Code.date);
      this.#double(value.getTime());
    } else if (value instanceof RegExp) {
      this.#byte(Code.regExp);
      this.#text(value.source);
      this.#text(value.flags);
    } else if (value instanceof Map) {
      this.#byte(Code.map);
      this.#values([...(value as Map<unknown, unknown>)].flat());
    } else if (value instanceof Set) {
      this.#byte(Code.set);
      this.#values([...(value as Set<unknown>)]);
    } else if (value instanceof Error) {
      this.#error(value);
    } else if (value instanceof Boolean || value instanceof Number || value instanceof String || value instanceof BigInt) {
      this.#byte(Code.boxed);
      this.#primitive((value as { valueOf(): unknown }).valueOf());
    } else if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef || Object.prototype.toString.call(value) === "[object Symbol]") {
      throw cloneError(value);
    } else {
      this.#byte(Code.object);
      this.#properties(value, Object.keys(value));
    }
  }

  #values(values: readonly unknown[]): void {
    this.#enter();
    for (const value of values) this.value(value);
    this.#leave();
    this.#byte(Code.end);
  }

  #array(array: readonly unknown[]): void {
    const { length } = array;
    const keys = Object.keys(array);
    // Indices come first and in order.
    if (length > 0 && keys[length - 1] !== String(length - 1)) {
      this.#byte(Code.sparseArray);
      this.#number(length);
      return this.#properties(array, keys);
    }
    this.#byte(Code.array);
    this.#number(length);
    this.#enter();
    for (let i = 0; i < length; i += 1) {
      if (Object.hasOwn(array, i)) this.value(array[i]);
      else this.#byte(Code.hole);
    }
    this.#leave();
    this.#properties(array, keys.slice(length));
  }

  #properties(object: object, keys: readonly string[]): void {
    this.#enter();
    for (const key of keys) {
      // A getter may have removed a later property.
      if (!Object.hasOwn(object, key)) continue;
      this.#byte(Code.string);
      this.#text(key);
      this.value((object as Record<string, unknown>)[key]);
    }
    this.#leave();
    this.#byte(Code.end);
  }

  #arrayBuffer(buffer: ArrayBuffer): void {
    let bytes: Uint8Array;
    try {
      bytes = new Uint8Array(buffer);
    } catch {
      throw new DOMException("a detached ArrayBuffer could not be cloned", "DataCloneError");
    }
    if (buffer.resizable) {
      this.#byte(Code.resizableArrayBuffer);
      this.#number(buffer.maxByteLength);
    } else {
      this.#byte(Code.arrayBuffer);
    }
    this.#number(bytes.length);
    this.#raw(bytes);
    this.#remember(buffer);
  }

  #arrayBufferView(view: ArrayBufferView): void {
    const name = Object.prototype.toString.call(view).slice("[object ".length, -1);
    const isTracking = tracksLength(view);
    this.#byte(isTracking ? Code.trackingView : Code.view);
    this.#byte(VIEWS.indexOf(name));
    this.#number(view.byteOffset);
    if (!isTracking) this.#number(view instanceof DataView ? view.byteLength : (view as Uint8Array).length);
    // A buffer that is transferred has left its views behind.
    if (this.#transferred.has(view.buffer) || !(view.buffer instanceof ArrayBuffer)) throw cloneError(view);
    this.value(view.buffer);
    this.#remember(view);
  }

  #error(error: Error): void {
    const name = String(error.name);
    const message = ownText(error, "message");
    const stack = ownText(error, "stack");
    const hasCause = Object.hasOwn(error, "cause");
    this.#byte(Code.error);
    this.#byte(Math.max(ERRORS.indexOf(name), 0));
    this.#byte((message === undefined ? 0 : HAS_MESSAGE) | (stack === undefined ? 0 : HAS_STACK) | (hasCause ? HAS_CAUSE : 0));
    if (message !== undefined) this.#text(message);
    if (stack !== undefined) this.#text(stack);
    if (!hasCause) return;
    this.#enter();
    this.value(error.cause);
    this.#leave();
  }

  #blob({ type, bytes, name, lastModified }: BlobContent): void {
    this.#flags |= HAS_BLOBS;
    this.#byte(Code.blob);
    const isInside = bytes instanceof Uint8Array;
    this.#byte((name === undefined ? 0 : IS_FILE) | (isInside ? 0 : IS_OUTSIDE));
    this.#text(type);
    if (name !== undefined) {
      this.#text(name);
      this.#double(lastModified ?? 0);
    }
    if (isInside) {
      this.#number(bytes.length);
      this.#raw(bytes);
    } else {
      this.#number(bytes.number);
      this.#number(bytes.size);
    }
  }

  #bigInt(value: bigint): void {
    const negative = value < 0n;
    const hex = (negative ? -value : value).toString(16);
    const bytes: number[] = [];
    for (let end = hex.length; end > 0 && value !== 0n; end -= 2) bytes.push(Number.parseInt(hex.slice(Math.max(end - 2, 0), end), 16));
    this.#byte(negative ? Code.bigIntNegative : Code.bigInt);
    this.#number(bytes.length);
    this.#raw(Uint8Array.from(bytes));
  }

  #enter(): void {
    if (this.#depth >= DEPTH_MAX) throw depthError();
    this.#depth += 1;
  }

  #leave(): void {
    this.#depth -= 1;
  }

  #remember(value: object): void {
    this.#seen.set(value, this.#numbered);
    this.#numbered += 1;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    grown.set(this.#bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  #byte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length] = byte;
    this.#length += 1;
  }

  /** Seven bits a byte, the lowest first; the high bit says that more follow. */
  #number(number: number): void {
    let rest = number;
    while (rest >= 0x80) {
      this.#byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#byte(rest);
  }

  #double(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  #raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #text(text: string): void {
    const bytes = LONE_SURROGATE.test(text) ? wtf8(text) : encoder.encode(text);
    this.#number(bytes.length);
    this.#raw(bytes);
  }
}

/** UTF-8 with three bytes for each surrogate that has no partner. */
function wtf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const point = character.codePointAt(0) as number;
    if (point >= 0xd800 && point <= 0xdfff) bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 0x3f), 0x80 | (point & 0x3f));
    else bytes.push(...encoder.encode(character));
  }
  return Uint8Array.from(bytes);
}

/** An own data property's value, as text; undefined if there is none. */
function ownText(error: Error, key: string): string | undefined {
  const descriptor = Object.getOwnPropertyDescriptor(error, key);
  return descriptor === undefined || !("value" in descriptor) ? undefined : String(descriptor.value);
}

