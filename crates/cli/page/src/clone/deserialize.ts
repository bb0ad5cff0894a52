// The bytes of a structured clone as a value.

import { type BlobContent, type CloneHooks, Code, DEPTH_MAX, ERRORS, HAS_BLOBS, HAS_CAUSE, HAS_MESSAGE, HAS_STACK, IS_FILE, IS_OUTSIDE, MAGIC, VERSION, VIEWS } from "./format.ts";

/** The reverse of `serialize`; `received` are the objects of its transfer list. TypeError for bytes that are no clone. */
export function deserialize(bytes: Uint8Array<ArrayBuffer>, hooks: CloneHooks, received: readonly object[] = []): unknown {
  if (bytes[0] !== MAGIC || bytes.length < 3) throw new TypeError("there is no structured clone");
  if (bytes[1] !== VERSION) throw new TypeError(`the cloned value has format version ${bytes[1]}; this program knows version ${VERSION}`);
  if (((bytes[2] as number) & ~HAS_BLOBS) !== 0) throw new TypeError("the cloned value has flags that have no meaning");
  const deserializer = new Deserializer(bytes, hooks, received);
  const value = deserializer.value();
  deserializer.requireEnd();
  return value;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

class Deserializer {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #at = 3;
  #depth = 0;
  #made: object[] = [];
  #hooks: CloneHooks;
  #received: readonly object[];

  constructor(bytes: Uint8Array<ArrayBuffer>, hooks: CloneHooks, received: readonly object[]) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#hooks = hooks;
    this.#received = received;
  }

  requireEnd(): void {
    if (this.#at < this.#bytes.length) this.#malformed("the value has ended, but bytes follow");
  }

  value(): unknown {
    const code = this.#byte();
    return code <= Code.string ? this.#primitive(code) : this.#object(code);
  }

  #primitive(code: number): unknown {
    switch (code) {
      case Code.undefined:
        return undefined;
      case Code.null:
        return null;
      case Code.false:
        return false;
      case Code.true:
        return true;
      case Code.int: {
        const folded = this.#number();
        return (folded >>> 1) ^ -(folded & 1);
      }
      case Code.double:
        return this.#double();
      case Code.bigInt:
        return this.#bigInt();
      case Code.bigIntNegative:
        return -this.#bigInt();
      case Code.string:
        return this.#text();
      default:
        return this.#malformed("there is no primitive value");
    }
  }

  #object(code: number): unknown {
    switch (code) {
      case Code.reference:
        return this.#made[this.#number()] ?? this.#malformed("a reference is to an object that was not there before");
      case Code.transferred:
        return this.#received[this.#number()] ?? this.#malformed("an object was not transferred");
      case Code.object:
        return this.#properties(this.#add({}));
      case Code.array:
        return this.#array();
      case Code.sparseArray: {
        const array = this.#add([] as unknown[]);
        array.length = this.#number();
        return this.#properties(array);
      }
      case Code.map: {
        const map = this.#add(new Map<unknown, unknown>());
        this.#enter();
        while (!this.#isEnd()) {
          const key = this.value();
          map.set(key, this.value());
        }
        return map;
      }
      case Code.set: {
        const set = this.#add(new Set<unknown>());
        this.#enter();
        while (!this.#isEnd()) set.add(this.value());
        return set;
      }
      case Code.date:
        return this.#add(new Date(this.#double()));
      case Code.regExp: {
        const source = this.#text();
        return this.#add(new RegExp(source, this.#text()));
      }
      case Code.arrayBuffer:
        return this.#add(this.#content().buffer);
      case Code.resizableArrayBuffer: {
        const maxByteLength = this.#number();
        const bytes = this.#content();
        const buffer = this.#add(new ArrayBuffer(bytes.length, { maxByteLength }));
        new Uint8Array(buffer).set(bytes);
        return buffer;
      }
      case Code.view:
      case Code.trackingView:
        return this.#arrayBufferView(code === Code.trackingView);
      case Code.error:
        return this.#error();
      case Code.boxed: {
        return this.#add(Object(this.#primitive(this.#byte())) as object);
      }
      case Code.platform:
        return this.#platform();
      case Code.blob:
        return this.#add(this.#hooks.makeBlob(this.#blob()));
      default:
        return this.#malformed("there is no value");
    }
  }

  #array(): unknown[] {
    const length = this.#number();
    if (length > this.#bytes.length - this.#at) this.#malformed("an array is longer than what is left");
    const array = this.#add([] as unknown[]);
    array.length = length;
    this.#enter();
    for (let i = 0; i < length; i += 1) {
      if (this.#bytes[this.#at] === Code.hole) this.#at += 1;
      else define(array, i, this.value());
    }
    this.#depth -= 1;
    return this.#properties(array);
  }

  #properties<T extends object>(object: T): T {
    this.#enter();
    while (!this.#isEnd()) {
      if (this.#byte() !== Code.string) this.#malformed("a property has no name");
      const key = this.#text();
      define(object, key, this.value());
    }
    return object;
  }

  #arrayBufferView(isTracking: boolean): object {
    const name = VIEWS[this.#byte()] ?? this.#malformed("a view has a class that does not exist");
    const offset = this.#number();
    const length = isTracking ? undefined : this.#number();
    const buffer = this.value();
    if (!(buffer instanceof ArrayBuffer)) this.#malformed("a view has no ArrayBuffer");
    const constructor = (globalThis as unknown as Record<string, unknown>)[name] as (new (buffer: unknown, offset: number, length?: number) => object) | undefined;
    if (constructor === undefined) throw new TypeError(`there is no ${name} here`);
    return this.#add(new constructor(buffer, offset, length));
  }

  #error(): Error {
    const name = ERRORS[this.#byte()] ?? this.#malformed("an error has a class that does not exist");
    const flags = this.#byte();
    const constructor = (globalThis as unknown as Record<string, ErrorConstructor>)[name] as ErrorConstructor;
    const error = this.#add((flags & HAS_MESSAGE) !== 0 ? new constructor(this.#text()) : new constructor());
    if ((flags & HAS_STACK) !== 0) Object.defineProperty(error, "stack", { value: this.#text(), writable: true, configurable: true });
    else Reflect.deleteProperty(error, "stack");
    if ((flags & HAS_CAUSE) !== 0) {
      this.#enter();
      Object.defineProperty(error, "cause", { value: this.value(), writable: true, configurable: true });
      this.#depth -= 1;
    }
    return error;
  }

  #platform(): object {
    const name = this.#text();
    this.#enter();
    const data = this.value();
    if (!this.#isEnd()) this.#malformed("a platform object does not end");
    const object = this.#hooks.makePlatform({ interface: name, data });
    if (object === null) throw new TypeError(`there is no interface ${name} here`);
    return this.#add(object);
  }

  #blob(): BlobContent {
    const flags = this.#byte();
    const type = this.#text();
    const name = (flags & IS_FILE) !== 0 ? this.#text() : undefined;
    const lastModified = name === undefined ? 0 : this.#double();
    const bytes = (flags & IS_OUTSIDE) !== 0 ? { number: this.#number(), size: this.#number() } : this.#content();
    const content: BlobContent = { type, bytes };
    return name === undefined ? content : { ...content, name, lastModified };
  }

  #bigInt(): bigint {
    const bytes = this.#content();
    let hex = "0x0";
    for (let i = bytes.length - 1; i >= 0; i -= 1) hex += (bytes[i] as number).toString(16).padStart(2, "0");
    return BigInt(hex);
  }

  #enter(): void {
    if (this.#depth >= DEPTH_MAX) throw new TypeError(`the cloned value has objects nested more than ${DEPTH_MAX} levels deep`);
    this.#depth += 1;
  }

  /** Whether the innermost object ends here; then it has ended. */
  #isEnd(): boolean {
    if (this.#bytes[this.#at] !== Code.end) return false;
    this.#at += 1;
    this.#depth -= 1;
    return true;
  }

  #add<T extends object>(object: T): T {
    this.#made.push(object);
    return object;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) this.#malformed("it ends too early");
    this.#at += 1;
    return byte;
  }

  #number(): number {
    let number = 0;
    for (let factor = 1; factor <= Number.MAX_SAFE_INTEGER; factor *= 0x80) {
      const byte = this.#byte();
      number += (byte & 0x7f) * factor;
      if (byte < 0x80) return number;
    }
    return this.#malformed("a number is too large");
  }

  #double(): number {
    if (this.#at + 8 > this.#bytes.length) this.#malformed("it ends too early");
    this.#at += 8;
    return this.#view.getFloat64(this.#at - 8, true);
  }

  /** Counted bytes, copied. */
  #content(): Uint8Array<ArrayBuffer> {
    const length = this.#number();
    if (length > this.#bytes.length - this.#at) this.#malformed("it ends too early");
    this.#at += length;
    return this.#bytes.slice(this.#at - length, this.#at);
  }

  #text(): string {
    const bytes = this.#content();
    try {
      return decoder.decode(bytes);
    } catch {
      return this.#withSurrogates(bytes);
    }
  }

  /** Three bytes for each surrogate that has no partner; everything else must be UTF-8. */
  #withSurrogates(bytes: Uint8Array): string {
    let text = "";
    let from = 0;
    try {
      for (let i = 0; i + 2 < bytes.length; i += 1) {
        const [a, b, c] = [bytes[i] as number, bytes[i + 1] as number, bytes[i + 2] as number];
        if (a !== 0xed || b < 0xa0) continue;
        text += decoder.decode(bytes.subarray(from, i)) + String.fromCharCode(0xd000 | ((b & 0x3f) << 6) | (c & 0x3f));
        from = i + 3;
        i += 2;
      }
      return text + decoder.decode(bytes.subarray(from));
    } catch {
      return this.#malformed("a string is not WTF-8");
    }
  }

  #malformed(problem: string): never {
    throw new TypeError(`the cloned value is damaged: at byte ${this.#at}, ${problem}`);
  }
}

/** Not an assignment: a key "__proto__" is an ordinary property here, and no setter runs. */
function define(object: object, key: string | number, value: unknown): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}
