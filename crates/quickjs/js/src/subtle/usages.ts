// Which algorithm's keys may be used for what (the "usages" steps of each algorithm of Web Cryptography).

import { toEnumeration, toSequence } from "../webidl.ts";
import type { KeyType } from "./key.ts";

export const USAGES = ["encrypt", "decrypt", "sign", "verify", "deriveKey", "deriveBits", "wrapKey", "unwrapKey"] as const;

const CIPHER = ["encrypt", "decrypt", "wrapKey", "unwrapKey"];
const DERIVATION = ["deriveKey", "deriveBits"];
const SIGNATURE = { public: ["verify"], private: ["sign"] };
const AGREEMENT = { public: [], private: DERIVATION };

const ALLOWED: Record<string, { [type in KeyType]?: readonly string[] }> = {
  "RSASSA-PKCS1-v1_5": SIGNATURE,
  "RSA-PSS": SIGNATURE,
  ECDSA: SIGNATURE,
  Ed25519: SIGNATURE,
  "RSA-OAEP": { public: ["encrypt", "wrapKey"], private: ["decrypt", "unwrapKey"] },
  ECDH: AGREEMENT,
  X25519: AGREEMENT,
  "AES-CTR": { secret: CIPHER },
  "AES-CBC": { secret: CIPHER },
  "AES-GCM": { secret: CIPHER },
  "AES-KW": { secret: ["wrapKey", "unwrapKey"] },
  HMAC: { secret: ["sign", "verify"] },
  HKDF: { secret: DERIVATION },
  PBKDF2: { secret: DERIVATION },
};

/** sequence<KeyUsage>, each once and in the order of the standard. */
export function toUsages(value: unknown, what: string): string[] {
  const given = toSequence(value, (item) => toEnumeration(item, USAGES, what), what);
  return USAGES.filter((usage) => given.includes(usage));
}

/** The usages that keys of these types may have. */
export function allowedUsages(name: string, types: readonly KeyType[]): readonly string[] {
  return types.flatMap((type) => ALLOWED[name]?.[type] ?? []);
}

/** Throws SyntaxError for a usage that such a key cannot have. */
export function checkUsages(name: string, types: readonly KeyType[], usages: readonly string[]): void {
  const allowed = allowedUsages(name, types);
  for (const usage of usages) {
    if (!allowed.includes(usage)) throw new DOMException(`a ${types.join(" or ")} key of ${name} cannot be used to "${usage}"`, "SyntaxError");
  }
}

/** Secret and private keys that can be used for nothing are a mistake. */
export function requireUsages(type: KeyType, usages: readonly string[]): void {
  if (type !== "public" && usages.length === 0) throw new DOMException(`a ${type} key without usages could be used for nothing`, "SyntaxError");
}
