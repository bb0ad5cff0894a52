// Crypto (Web Cryptography API, section 10).

import { host } from "./boundary.ts";
import { defineInterface, internal, requireArguments, requireInternal } from "./webidl.ts";
import { viewName } from "./clone-tools.ts";

const BYTES_MAX = 65_536;
const INTEGER_ARRAYS = ["Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array", "BigInt64Array", "BigUint64Array"];

export class Crypto {
  #ready = true;
  constructor(token: unknown = undefined) {
    requireInternal(token);
  }
  getRandomValues<T extends Uint8Array>(array: T): T {
    void this.#ready;
    requireArguments(arguments.length, 1, "Crypto.getRandomValues");
    if (!ArrayBuffer.isView(array)) throw new TypeError("Crypto.getRandomValues: argument 1 is not an ArrayBufferView");
    if (array instanceof DataView || !INTEGER_ARRAYS.includes(viewName(array))) {
      throw new DOMException("getRandomValues: the array's elements are not integers", "TypeMismatchError");
    }
    if (array.byteLength > BYTES_MAX) {
      throw new DOMException(`getRandomValues: ${array.byteLength} bytes were asked for, at most ${BYTES_MAX} are given at once`, "QuotaExceededError");
    }
    if (array.byteLength > 0) new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(new Uint8Array(host.randomBytes(array.byteLength)));
    return array;
  }
  get subtle(): object {
    void this.#ready;
    return (require("./subtle/index.ts") as typeof import("./subtle/index.ts")).subtle;
  }
  randomUUID(): string {
    void this.#ready;
    const bytes = new Uint8Array(host.randomBytes(16));
    bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }
}
defineInterface(Crypto, "Crypto");

/** `self.crypto`. */
export const crypto = new Crypto(internal);
