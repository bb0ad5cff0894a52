// JSON Web Keys: who may use them for what (Web Cryptography, section 15, and the "jwk" steps of each algorithm).

import { isObject, toDOMString, toSequence } from "../webidl.ts";
import type { Algorithm } from "./algorithms.ts";
import type { KeyAlgorithm } from "./key.ts";

const TEXT_MEMBERS = ["alg", "crv", "d", "dp", "dq", "e", "k", "kty", "n", "p", "q", "qi", "use", "x", "y"] as const;

/** A JsonWebKey dictionary. */
export type Jwk = { [name in (typeof TEXT_MEMBERS)[number]]?: string } & { ext?: boolean; key_ops?: string[]; oth?: unknown };

/** Converts a script's object to a JsonWebKey. */
export function toJwk(value: unknown): Jwk {
  if (!isObject(value)) throw new TypeError("importKey: the key is not a JsonWebKey object");
  const members = value as Record<string, unknown>;
  const jwk: Jwk = {};
  for (const name of TEXT_MEMBERS) if (members[name] !== undefined) jwk[name] = toDOMString(members[name]);
  if (members.ext !== undefined) jwk.ext = Boolean(members.ext);
  if (members.key_ops !== undefined) jwk.key_ops = toSequence(members.key_ops, toDOMString, "JsonWebKey.key_ops");
  if (members.oth !== undefined) jwk.oth = members.oth;
  return jwk;
}

const HASH_SUFFIX: Record<string, string> = { "SHA-1": "1", "SHA-256": "256", "SHA-384": "384", "SHA-512": "512" };
const EC_NAMES: Record<string, string> = { "P-256": "ES256", "P-384": "ES384", "P-521": "ES512" };

/** The `alg` of a key, or undefined where keys have none. */
export function jwkAlgorithm({ name, hash, length }: { name: string; hash?: string; length?: number }): string | undefined {
  const suffix = HASH_SUFFIX[hash ?? ""];
  switch (name) {
    case "RSASSA-PKCS1-v1_5":
      return `RS${suffix}`;
    case "RSA-PSS":
      return `PS${suffix}`;
    case "RSA-OAEP":
      return hash === "SHA-1" ? name : `${name}-${suffix}`;
    case "HMAC":
      return `HS${suffix}`;
    case "Ed25519":
      return name;
    default:
      return name.startsWith("AES-") ? `A${length}${name.slice(4)}` : undefined;
  }
}

const KEY_TYPES: Record<string, string> = { ECDSA: "EC", ECDH: "EC", Ed25519: "OKP", X25519: "OKP", HMAC: "oct" };

const refuse = (why: string): never => {
  throw new DOMException(`importKey: the JSON Web Key ${why}`, "DataError");
};

/** Checks what a key says of itself against what it is imported for. */
export function checkJwk(jwk: Jwk, algorithm: Algorithm, extractable: boolean, usages: readonly string[]): void {
  const { name } = algorithm;
  const kty = KEY_TYPES[name] ?? (name.startsWith("RSA") ? "RSA" : "oct");
  if (jwk.kty !== kty) refuse(`has the type "${jwk.kty}", not "${kty}"`);
  const wantedUse = ["encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"].some((usage) => usages.includes(usage)) ? "enc" : "sig";
  if (usages.length > 0 && jwk.use !== undefined && jwk.use !== wantedUse) refuse(`is for the use "${jwk.use}", not "${wantedUse}"`);
  if (jwk.key_ops !== undefined) {
    if (new Set(jwk.key_ops).size !== jwk.key_ops.length) refuse("names an operation twice in key_ops");
    for (const usage of usages) if (!jwk.key_ops.includes(usage)) refuse(`does not allow "${usage}" in key_ops`);
  }
  if (jwk.ext === false && extractable) refuse("may not be extracted");
  if (jwk.oth !== undefined && kty === "RSA") refuse("has more than two primes, which is not supported");
  checkCurve(jwk, algorithm);
  if (jwk.alg !== undefined) checkAlgorithmName(jwk, jwk.alg, algorithm);
}

function checkCurve(jwk: Jwk, { name, namedCurve }: Algorithm): void {
  const curve = namedCurve ?? (name === "Ed25519" || name === "X25519" ? name : undefined);
  if (curve !== undefined && jwk.crv !== curve) refuse(`is of the curve "${jwk.crv}", not "${curve}"`);
}

function checkAlgorithmName(jwk: Jwk, alg: string, algorithm: Algorithm): void {
  const { name, hash, namedCurve } = algorithm;
  let allowed: (string | undefined)[];
  if (name === "ECDSA") allowed = [EC_NAMES[namedCurve ?? ""]];
  else if (name === "Ed25519") allowed = ["Ed25519", "EdDSA"];
  else if (name.startsWith("AES-")) allowed = [128, 192, 256].filter((length) => jwk.k?.length === Math.ceil(length / 6)).map((length) => jwkAlgorithm({ name, length }));
  else allowed = [jwkAlgorithm(hash === undefined ? { name } : { name, hash })];
  // Keys of ECDH and X25519 may be of any algorithm.
  if (allowed[0] === undefined && !name.startsWith("AES-")) return;
  if (!allowed.includes(alg)) refuse(`is of the algorithm "${alg}", not "${allowed.join(" or ")}"`);
}

/** The members that an exported key has beside its numbers. */
export function completeJwk(numbers: Record<string, string>, algorithm: KeyAlgorithm, extractable: boolean, usages: readonly string[]): Jwk {
  const { name, hash, length } = algorithm;
  const alg = jwkAlgorithm({ name, ...(hash === undefined ? {} : { hash: hash.name }), ...(length === undefined ? {} : { length }) });
  return { ...numbers, ...(alg === undefined ? {} : { alg }), key_ops: [...usages], ext: extractable };
}
