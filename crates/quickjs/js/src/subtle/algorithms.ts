// "Normalizing an algorithm" (Web Cryptography, section 18.4): names, and the dictionaries that go with them.

import { bufferSourceBytes, type Dictionary, isObject, toDictionary, toDOMString, toEnforcedInteger } from "../webidl.ts";
import { type CryptoKey, isCryptoKey } from "./key.ts";

export type Operation = "digest" | "generateKey" | "importKey" | "sign" | "encrypt" | "deriveBits" | "wrapKey" | "getKeyLength";

/** An algorithm after normalization. Which members are there depends on the operation and the name. */
export interface Algorithm {
  name: string;
  hash?: string;
  namedCurve?: string;
  length?: number;
  modulusLength?: number;
  publicExponent?: Uint8Array;
  saltLength?: number;
  iterations?: number;
  tagLength?: number;
  counterLength?: number;
  /** IV, counter, label or salt. */
  extra?: ArrayBuffer;
  /** Additional data, or info. */
  more?: ArrayBuffer;
  public?: CryptoKey;
}

type Reader = (members: Dictionary, algorithm: Algorithm, what: string) => void;

/** A copy of the bytes of a BufferSource. */
export function copyBytes(value: unknown, what: string): ArrayBuffer {
  const bytes = bufferSourceBytes(value);
  if (bytes === null) throw new TypeError(`${what} is neither an ArrayBuffer nor a view of one`);
  return bytes.slice().buffer as ArrayBuffer;
}

function required(members: Dictionary, name: string, what: string): unknown {
  const value = members[name];
  if (value === undefined) throw new TypeError(`${what}: the member "${name}" is required`);
  return value;
}

const none: Reader = () => {};
const hash: Reader = (members, algorithm, what) => {
  algorithm.hash = normalize("digest", required(members, "hash", what)).name;
};
const namedCurve: Reader = (members, algorithm, what) => {
  algorithm.namedCurve = toDOMString(required(members, "namedCurve", what));
};
const lengthInBits: Reader = (members, algorithm, what) => {
  algorithm.length = toEnforcedInteger(required(members, "length", what), `${what}: length`, 0xffff);
};
const hmac: Reader = (members, algorithm, what) => {
  hash(members, algorithm, what);
  if (members.length !== undefined) algorithm.length = toEnforcedInteger(members.length, `${what}: length`, 0xffff_ffff);
};
const rsaGeneration: Reader = (members, algorithm, what) => {
  hash(members, algorithm, what);
  algorithm.modulusLength = toEnforcedInteger(required(members, "modulusLength", what), `${what}: modulusLength`, 0xffff_ffff);
  const exponent = required(members, "publicExponent", what);
  if (!(exponent instanceof Uint8Array)) throw new TypeError(`${what}: publicExponent is not a Uint8Array`);
  algorithm.publicExponent = exponent.slice();
};
const initializationVector: Reader = (members, algorithm, what) => {
  algorithm.extra = copyBytes(required(members, "iv", what), `${what}: iv`);
};
const gcm: Reader = (members, algorithm, what) => {
  if (members.additionalData !== undefined) algorithm.more = copyBytes(members.additionalData, `${what}: additionalData`);
  initializationVector(members, algorithm, what);
  algorithm.tagLength = members.tagLength === undefined ? 128 : toEnforcedInteger(members.tagLength, `${what}: tagLength`, 255);
};
const counter: Reader = (members, algorithm, what) => {
  algorithm.extra = copyBytes(required(members, "counter", what), `${what}: counter`);
  algorithm.counterLength = toEnforcedInteger(required(members, "length", what), `${what}: length`, 255);
};
const label: Reader = (members, algorithm, what) => {
  if (members.label !== undefined) algorithm.extra = copyBytes(members.label, `${what}: label`);
};
const saltLength: Reader = (members, algorithm, what) => {
  algorithm.saltLength = toEnforcedInteger(required(members, "saltLength", what), `${what}: saltLength`, 0xffff_ffff);
};
const peer: Reader = (members, algorithm, what) => {
  const key = required(members, "public", what);
  if (!isCryptoKey(key)) throw new TypeError(`${what}: public is not a CryptoKey`);
  algorithm.public = key;
};
const hkdf: Reader = (members, algorithm, what) => {
  hash(members, algorithm, what);
  algorithm.more = copyBytes(required(members, "info", what), `${what}: info`);
  algorithm.extra = copyBytes(required(members, "salt", what), `${what}: salt`);
};
const pbkdf2: Reader = (members, algorithm, what) => {
  hash(members, algorithm, what);
  algorithm.iterations = toEnforcedInteger(required(members, "iterations", what), `${what}: iterations`, 0xffff_ffff);
  algorithm.extra = copyBytes(required(members, "salt", what), `${what}: salt`);
};

/** What each operation reads for each algorithm that supports it. */
const READERS: Record<Operation, Record<string, Reader>> = {
  digest: { "SHA-1": none, "SHA-256": none, "SHA-384": none, "SHA-512": none },
  generateKey: {
    "RSASSA-PKCS1-v1_5": rsaGeneration, "RSA-PSS": rsaGeneration, "RSA-OAEP": rsaGeneration, ECDSA: namedCurve, ECDH: namedCurve, Ed25519: none, X25519: none,
    "AES-CTR": lengthInBits, "AES-CBC": lengthInBits, "AES-GCM": lengthInBits, "AES-KW": lengthInBits, HMAC: hmac,
  },
  importKey: {
    "RSASSA-PKCS1-v1_5": hash, "RSA-PSS": hash, "RSA-OAEP": hash, ECDSA: namedCurve, ECDH: namedCurve, Ed25519: none, X25519: none,
    "AES-CTR": none, "AES-CBC": none, "AES-GCM": none, "AES-KW": none, HMAC: hmac, HKDF: none, PBKDF2: none,
  },
  sign: { "RSASSA-PKCS1-v1_5": none, "RSA-PSS": saltLength, ECDSA: hash, Ed25519: none, HMAC: none },
  encrypt: { "RSA-OAEP": label, "AES-CTR": counter, "AES-CBC": initializationVector, "AES-GCM": gcm },
  deriveBits: { ECDH: peer, X25519: peer, HKDF: hkdf, PBKDF2: pbkdf2 },
  wrapKey: { "AES-KW": none },
  getKeyLength: { "AES-CTR": lengthInBits, "AES-CBC": lengthInBits, "AES-GCM": lengthInBits, "AES-KW": lengthInBits, HMAC: hmac, HKDF: none, PBKDF2: none },
};

/** Whether an algorithm supports an operation at all. */
export function supports(operation: Operation, name: string): boolean {
  return Object.hasOwn(READERS[operation], name);
}

/** Reads an AlgorithmIdentifier for an operation. Unknown names are a NotSupportedError. */
export function normalize(operation: Operation, value: unknown): Algorithm {
  const members = isObject(value) ? toDictionary(value, "Algorithm") : { name: toDOMString(value) };
  const wanted = toDOMString(required(members, "name", "Algorithm"));
  const readers = READERS[operation];
  for (const name in readers) {
    if (name.toUpperCase() !== wanted.toUpperCase()) continue;
    const algorithm: Algorithm = { name };
    (readers[name] as Reader)(members, algorithm, name);
    return algorithm;
  }
  throw new DOMException(`${operation}: the algorithm "${wanted}" is not supported`, "NotSupportedError");
}
