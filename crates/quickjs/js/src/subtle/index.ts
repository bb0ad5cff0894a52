// SubtleCrypto (Web Cryptography, section 14).

import { jsonParse, jsonStringify } from "../boundary.ts";
import { utf8Decode, utf8Encode } from "../encoding.ts";
import { promiseOperation } from "../operations.ts";
import { defineInterface, internal, requireArguments, requireInternal, toEnumeration } from "../webidl.ts";
import { type Algorithm, copyBytes, normalize, type Operation, supports } from "./algorithms.ts";
import { completeJwk, checkJwk, type Jwk, toJwk } from "./jwk.ts";
import { CryptoKey, isCryptoKey, type KeyAlgorithm, keyParts, type KeyParts, type KeyType, makeCryptoKey } from "./key.ts";
import { operate, type Output } from "./operate.ts";
import { allowedUsages, checkUsages, requireUsages, toUsages } from "./usages.ts";

export { CryptoKey, isCryptoKey, keyParts, makeCryptoKey };
export { cryptoSettled } from "./operate.ts";

const FORMATS = ["raw", "spki", "pkcs8", "jwk"] as const;
type Format = (typeof FORMATS)[number];

const toFormat = (value: unknown): Format => toEnumeration(value, FORMATS, "KeyFormat");

function toKey(value: unknown, what: string): KeyParts {
  if (!isCryptoKey(value)) throw new TypeError(`${what} is not a CryptoKey`);
  return keyParts(value);
}

/** The key must be of the algorithm and may be used for this, else InvalidAccessError. */
function checkKey(key: KeyParts, name: string, usage: string): void {
  if (key.algorithm.name !== name) throw new DOMException(`the key is one of ${key.algorithm.name}, not of ${name}`, "InvalidAccessError");
  if (!key.usages.includes(usage)) throw new DOMException(`the key may not be used to "${usage}"`, "InvalidAccessError");
}

const notSupported = (message: string): never => {
  throw new DOMException(message, "NotSupportedError");
};

/** The algorithm's parameters for the host, from the call and from the key. */
function parameters(algorithm: Algorithm, key: KeyAlgorithm | null = null): { name: string; [name: string]: unknown } {
  const { name, hash, namedCurve, length, modulusLength, saltLength, iterations, tagLength, counterLength } = algorithm;
  return { name, hash: hash ?? key?.hash?.name, namedCurve: namedCurve ?? key?.namedCurve, length, modulusLength, saltLength, iterations, tagLength, counterLength };
}

const TAG_LENGTHS = [32, 64, 96, 104, 112, 120, 128];

function checkCipher({ name, tagLength, extra }: Algorithm): void {
  if (tagLength !== undefined && !TAG_LENGTHS.includes(tagLength)) throw new DOMException(`AES-GCM: the tag length ${tagLength} is none of ${TAG_LENGTHS.join(", ")}`, "OperationError");
  if (name === "AES-GCM" && extra?.byteLength === 0) throw new DOMException("AES-GCM: the initialization vector is empty", "OperationError");
}

const CURVES = ["P-256", "P-384", "P-521"];

function checkCurve({ namedCurve }: Algorithm): void {
  if (namedCurve !== undefined && !CURVES.includes(namedCurve)) notSupported(`the curve "${namedCurve}" is not supported; there are ${CURVES.join(", ")}`);
}

/** A key's `algorithm` from the algorithm it was asked for with, and what the host found out. */
function keyAlgorithm({ name, hash, namedCurve }: Algorithm, facts: { length?: number; modulusLength?: number; publicExponent?: number[] }): KeyAlgorithm {
  return {
    name,
    ...(facts.modulusLength === undefined ? {} : { modulusLength: facts.modulusLength, publicExponent: new Uint8Array(facts.publicExponent ?? []) }),
    ...(namedCurve === undefined ? {} : { namedCurve }),
    ...(facts.length === undefined ? {} : { length: facts.length }),
    ...(hash === undefined ? {} : { hash: { name: hash } }),
  };
}

const isPairAlgorithm = (name: string): boolean => allowedUsages(name, ["secret"]).length === 0;

async function generateKey(algorithm: Algorithm, extractable: boolean, usages: readonly string[]): Promise<unknown> {
  const { name } = algorithm;
  checkCurve(algorithm);
  const types: KeyType[] = isPairAlgorithm(name) ? ["public", "private"] : ["secret"];
  checkUsages(name, types, usages);
  if (name.startsWith("AES-") && ![128, 192, 256].includes(algorithm.length ?? 0)) {
    throw new DOMException(`${name}: a key has 128, 192 or 256 bits, not ${algorithm.length}`, "OperationError");
  }
  if (name === "HMAC" && algorithm.length === 0) throw new DOMException("HMAC: a key must have more than 0 bits", "OperationError");
  // That a key cannot be made at all is told before what it could be used for.
  if (algorithm.publicExponent !== undefined && !isExponent(algorithm.publicExponent)) {
    throw new DOMException(`${name}: the public exponent must be an odd number of at least 3`, "OperationError");
  }
  // Only the private half of a pair must be good for something.
  const ownUsages = (type: KeyType): string[] => usages.filter((usage) => allowedUsages(name, [type]).includes(usage));
  const checked = types.at(-1) as KeyType;
  requireUsages(checked, ownUsages(checked));
  const { info, first, second } = await operate({ op: "generate", ...parameters(algorithm) }, { extra: algorithm.publicExponent?.buffer as ArrayBuffer | undefined });
  const facts = (info ?? (name.startsWith("AES-") ? { length: algorithm.length } : {})) as { length?: number };
  const make = (type: KeyType, material: ArrayBuffer): CryptoKey =>
    makeCryptoKey({ type, extractable: type === "public" || extractable, algorithm: keyAlgorithm(algorithm, facts), usages: ownUsages(type), material });
  return types.length === 1 ? make("secret", first) : { publicKey: make("public", first), privateKey: make("private", second) };
}

/** Whether big-endian bytes are an odd number other than 1. */
function isExponent(bytes: Uint8Array): boolean {
  const last = bytes.at(-1) ?? 0;
  return last % 2 === 1 && (last > 1 || bytes.subarray(0, -1).some((byte) => byte !== 0));
}

type KeyData = { bytes: ArrayBuffer } | { jwk: Jwk };

/** Reads a key; `data` has been copied from the script before. */
async function importKey(format: Format, data: KeyData, algorithm: Algorithm, extractable: boolean, usages: readonly string[]): Promise<CryptoKey> {
  const { name } = algorithm;
  checkCurve(algorithm);
  const isPair = isPairAlgorithm(name);
  if (!isPair && (format === "spki" || format === "pkcs8")) notSupported(`importKey: keys of ${name} have no format "${format}"`);
  if (isPair && name.startsWith("RSA") && format === "raw") notSupported(`importKey: keys of ${name} have no format "raw"`);
  const derives = name === "HKDF" || name === "PBKDF2";
  if (derives && format !== "raw") notSupported(`importKey: keys of ${name} are imported as "raw"`);
  const isPrivate = format === "pkcs8" || ("jwk" in data && data.jwk.d !== undefined);
  const type: KeyType = !isPair ? "secret" : isPrivate ? "private" : "public";
  checkUsages(name, [type], usages);
  if (derives && extractable) throw new DOMException(`importKey: keys of ${name} cannot be extractable`, "SyntaxError");
  if ("jwk" in data) checkJwk(data.jwk, algorithm, extractable, usages);
  const order = { op: "import", format, ...parameters(algorithm), ...("jwk" in data ? { jwk: data.jwk } : {}) } as const;
  const { info, first } = await operate(order, "bytes" in data ? { data: data.bytes } : {});
  const facts = info as { length?: number };
  if (name === "HMAC") facts.length = hmacLength(algorithm, first.byteLength * 8);
  else if (name.startsWith("AES-")) facts.length = first.byteLength * 8;
  requireUsages(type, usages);
  return makeCryptoKey({ type, extractable, algorithm: keyAlgorithm(algorithm, facts), usages, material: first });
}

function hmacLength({ length }: Algorithm, bits: number): number {
  if (bits === 0) throw new DOMException("importKey: a key of HMAC cannot be empty", "DataError");
  if (length === undefined) return bits;
  if (length > bits || length <= bits - 8) throw new DOMException(`importKey: the key has ${bits} bits, which does not fit the length ${length}`, "DataError");
  return length;
}

/** The exported key: bytes, or a JsonWebKey. */
async function exportKey(format: Format, key: KeyParts): Promise<ArrayBuffer | Jwk> {
  const { algorithm, type, extractable, usages, material } = key;
  const { name } = algorithm;
  if (!supports("importKey", name) || name === "HKDF" || name === "PBKDF2") notSupported(`exportKey: keys of ${name} cannot be exported`);
  if (!extractable) throw new DOMException("exportKey: the key is not extractable", "InvalidAccessError");
  const wanted = format === "spki" ? "public" : format === "pkcs8" ? "private" : format === "raw" && type !== "secret" ? "public" : type;
  if ((wanted !== "secret" && type === "secret") || (format === "raw" && name.startsWith("RSA"))) notSupported(`exportKey: keys of ${name} have no format "${format}"`);
  if (wanted !== type) throw new DOMException(`exportKey: a ${type} key cannot be exported as "${format}"`, "InvalidAccessError");
  const { info, first } = await operate({ op: "export", format, keyType: type, ...parameters({ name }, algorithm) }, { key: material });
  return format === "jwk" ? completeJwk(info as Record<string, string>, algorithm, extractable, usages) : first;
}

async function cipher(op: "encrypt" | "decrypt", algorithm: Algorithm, key: KeyParts, data: ArrayBuffer): Promise<ArrayBuffer> {
  checkCipher(algorithm);
  const { extra, more } = algorithm;
  return (await operate({ op, ...parameters(algorithm, key.algorithm) }, { key: key.material, data, extra, more })).first;
}

async function deriveBits(algorithm: Algorithm, key: KeyParts, length: number | null): Promise<ArrayBuffer> {
  const { name } = algorithm;
  if (algorithm.public === undefined) {
    if (length === null || length % 8 !== 0) throw new DOMException(`deriveBits: ${name} needs a length that is a multiple of 8, not ${length}`, "OperationError");
    const { extra, more } = algorithm;
    return (await operate({ op: "derive", ...parameters(algorithm), length }, { key: key.material, extra, more })).first;
  }
  const peer = keyParts(algorithm.public);
  const invalid = (why: string): DOMException => new DOMException(`deriveBits: ${why}`, "InvalidAccessError");
  if (key.type !== "private") throw invalid("the base key is not a private key");
  if (peer.type !== "public") throw invalid("algorithm.public is not a public key");
  if (peer.algorithm.name !== name) throw invalid(`algorithm.public is a key of ${peer.algorithm.name}, not of ${name}`);
  if (peer.algorithm.namedCurve !== key.algorithm.namedCurve) throw invalid("the keys are of different curves");
  const { first } = await operate({ op: "derive", ...parameters({ name }, key.algorithm) }, { key: key.material, extra: peer.material });
  if (length === null) return first;
  if (length > first.byteLength * 8) throw new DOMException(`deriveBits: ${length} bits are more than the ${first.byteLength * 8} of the shared secret`, "OperationError");
  const bytes = new Uint8Array(first.slice(0, Math.ceil(length / 8)));
  const last = bytes.length - 1;
  if (length % 8 !== 0) bytes[last] = (bytes[last] as number) & (0xff << (8 - (length % 8)));
  return bytes.buffer;
}

/** "Get key length": bits of a key to derive; null where any will do. */
function derivedLength({ name, hash, length }: Algorithm): number | null {
  if (name === "HKDF" || name === "PBKDF2") return null;
  if (name === "HMAC") {
    if (length === 0) throw new TypeError("deriveKey: a key of HMAC must have more than 0 bits");
    return length ?? (hash === "SHA-1" || hash === "SHA-256" ? 512 : 1024);
  }
  if (![128, 192, 256].includes(length ?? 0)) throw new DOMException(`deriveKey: a key of ${name} has 128, 192 or 256 bits, not ${length}`, "OperationError");
  return length as number;
}

/** Wrapping has algorithms of its own, and those that encrypt. */
function normalizeWrapping(value: unknown): Algorithm {
  try {
    return normalize("wrapKey", value);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    return normalize("encrypt", value);
  }
}

async function wrapping(op: "wrap" | "unwrap", algorithm: Algorithm, key: KeyParts, data: ArrayBuffer): Promise<ArrayBuffer> {
  if (algorithm.name !== "AES-KW") return cipher(op === "wrap" ? "encrypt" : "decrypt", algorithm, key, data);
  return (await operate({ op, name: algorithm.name }, { key: key.material, data })).first;
}

const buffer = ({ first }: Output): ArrayBuffer => first;

export class SubtleCrypto {
  #ready = true;
  constructor(token: unknown = undefined) {
    requireInternal(token);
  }

  /** A promise operation: brand check, then the body, whose exceptions become rejections. */
  static #call<T>(self: SubtleCrypto, given: number, needed: number, what: string, body: () => Promise<T>): Promise<T> {
    return promiseOperation(() => {
      void self.#ready;
      requireArguments(given, needed, `SubtleCrypto.${what}`);
      return body();
    });
  }

  encrypt(algorithm: unknown, key: unknown, data: unknown): Promise<unknown> {
    return SubtleCrypto.#call(this, arguments.length, 3, "encrypt", () => crypt("encrypt", algorithm, key, data));
  }
  decrypt(algorithm: unknown, key: unknown, data: unknown): Promise<unknown> {
    return SubtleCrypto.#call(this, arguments.length, 3, "decrypt", () => crypt("decrypt", algorithm, key, data));
  }
  sign(algorithm: unknown, key: unknown, data: unknown): Promise<unknown> {
    return SubtleCrypto.#call(this, arguments.length, 3, "sign", () => {
      const parts = toKey(key, "sign: argument 2");
      const bytes = copyBytes(data, "sign: argument 3");
      const normal = normalize("sign", algorithm);
      checkKey(parts, normal.name, "sign");
      return operate({ op: "sign", ...parameters(normal, parts.algorithm) }, { key: parts.material, data: bytes }).then(buffer);
    });
  }
  verify(algorithm: unknown, key: unknown, signature: unknown, data: unknown): Promise<unknown> {
    return SubtleCrypto.#call(this, arguments.length, 4, "verify", () => {
      const parts = toKey(key, "verify: argument 2");
      const extra = copyBytes(signature, "verify: argument 3");
      const bytes = copyBytes(data, "verify: argument 4");
      const normal = normalize("sign", algorithm);
      checkKey(parts, normal.name, "verify");
      return operate({ op: "verify", ...parameters(normal, parts.algorithm) }, { key: parts.material, data: bytes, extra }).then(({ info }) => info);
    });
  }
  digest(algorithm: unknown, data: unknown): Promise<unknown> {
    return SubtleCrypto.#call(this, arguments.length, 2, "digest", () => {
      const bytes = copyBytes(data, "digest: argument 2");
      return operate({ op: "digest", hash: normalize("digest", algorithm).name }, { data: bytes }).then(buffer);
    });
  }
  generateKey(algorithm: unknown, extractable: unknown, keyUsages: unknown): Promise<unknown> {
    return SubtleCrypto.#call(this, arguments.length, 3, "generateKey", () => {
      const usages = toUsages(keyUsages, "generateKey: argument 3");
      return generateKey(normalize("generateKey", algorithm), Boolean(extractable), usages);
    });
  }
  deriveKey(algorithm: unknown, baseKey: unknown, derivedKeyType: unknown, extractable: unknown, keyUsages: unknown): Promise<unknown> {
    return SubtleCrypto.#call(this, arguments.length, 5, "deriveKey", async () => {
      const key = toKey(baseKey, "deriveKey: argument 2");
      const usages = toUsages(keyUsages, "deriveKey: argument 5");
      const normal = normalize("deriveBits", algorithm);
      const wanted = normalize("importKey", derivedKeyType);
      const length = derivedLength(normalize("getKeyLength", derivedKeyType));
      checkKey(key, normal.name, "deriveKey");
      const bytes = await deriveBits(normal, key, length);
      return importKey("raw", { bytes }, wanted, Boolean(extractable), usages);
    });
  }
  deriveBits(algorithm: unknown, baseKey: unknown, length: unknown = null): Promise<unknown> {
    return SubtleCrypto.#call(this, arguments.length, 2, "deriveBits", () => {
      const key = toKey(baseKey, "deriveBits: argument 2");
      const bits = length === null || length === undefined ? null : +(length as number) >>> 0;
      const normal = normalize("deriveBits", algorithm);
      checkKey(key, normal.name, "deriveBits");
      return deriveBits(normal, key, bits);
    });
  }
  importKey(format: unknown, keyData: unknown, algorithm: unknown, extractable: unknown, keyUsages: unknown): Promise<unknown> {
    return SubtleCrypto.#call(this, arguments.length, 5, "importKey", () => {
      const kind = toFormat(format);
      const usages = toUsages(keyUsages, "importKey: argument 5");
      const data = kind === "jwk" ? { jwk: toJwk(keyData) } : { bytes: copyBytes(keyData, "importKey: argument 2") };
      return importKey(kind, data, normalize("importKey", algorithm), Boolean(extractable), usages);
    });
  }
  exportKey(format: unknown, key: unknown): Promise<unknown> {
    return SubtleCrypto.#call(this, arguments.length, 2, "exportKey", () => exportKey(toFormat(format), toKey(key, "exportKey: argument 2")));
  }
  wrapKey(format: unknown, key: unknown, wrappingKey: unknown, wrapAlgorithm: unknown): Promise<unknown> {
    return SubtleCrypto.#call(this, arguments.length, 4, "wrapKey", async () => {
      const kind = toFormat(format);
      const parts = toKey(key, "wrapKey: argument 2");
      const wrapper = toKey(wrappingKey, "wrapKey: argument 3");
      const normal = normalizeWrapping(wrapAlgorithm);
      checkKey(wrapper, normal.name, "wrapKey");
      const exported = await exportKey(kind, parts);
      const bytes = exported instanceof ArrayBuffer ? exported : utf8Encode(jsonStringify(exported)).buffer;
      return wrapping("wrap", normal, wrapper, bytes);
    });
  }
  unwrapKey(
    format: unknown,
    wrappedKey: unknown,
    unwrappingKey: unknown,
    unwrapAlgorithm: unknown,
    unwrappedKeyAlgorithm: unknown,
    extractable: unknown,
    keyUsages: unknown,
  ): Promise<unknown> {
    return SubtleCrypto.#call(this, arguments.length, 7, "unwrapKey", async () => {
      const kind = toFormat(format);
      const wrapped = copyBytes(wrappedKey, "unwrapKey: argument 2");
      const wrapper = toKey(unwrappingKey, "unwrapKey: argument 3");
      const usages = toUsages(keyUsages, "unwrapKey: argument 7");
      const normal = normalizeWrapping(unwrapAlgorithm);
      const wanted = normalize("importKey", unwrappedKeyAlgorithm);
      checkKey(wrapper, normal.name, "unwrapKey");
      const bytes = await wrapping("unwrap", normal, wrapper, wrapped);
      return importKey(kind, kind === "jwk" ? { jwk: readJwk(bytes) } : { bytes }, wanted, Boolean(extractable), usages);
    });
  }
}
defineInterface(SubtleCrypto, "SubtleCrypto");

/** `crypto.subtle`. */
export const subtle = new SubtleCrypto(internal);

async function crypt(op: "encrypt" | "decrypt", algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
  const parts = toKey(key, `${op}: argument 2`);
  const bytes = copyBytes(data, `${op}: argument 3`);
  const normal = normalize("encrypt" satisfies Operation, algorithm);
  checkKey(parts, normal.name, op);
  return cipher(op, normal, parts, bytes);
}

function readJwk(bytes: ArrayBuffer): Jwk {
  try {
    return toJwk(jsonParse(utf8Decode(new Uint8Array(bytes))));
  } catch {
    throw new DOMException("unwrapKey: what was wrapped is not a JSON Web Key", "DataError");
  }
}
