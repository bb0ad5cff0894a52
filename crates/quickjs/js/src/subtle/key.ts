// CryptoKey (Web Cryptography, section 13).

import { defineInterface, internal, isObject, requireInternal } from "../webidl.ts";

export type KeyType = "public" | "private" | "secret";

/** A key's algorithm as scripts see it: the members by algorithm, such as {name, length} or {name, namedCurve}. */
export interface KeyAlgorithm {
  name: string;
  hash?: { name: string };
  namedCurve?: string;
  length?: number;
  modulusLength?: number;
  publicExponent?: Uint8Array;
}

/** Everything that makes a key. Enough to store one and to make it again. */
export interface KeyParts {
  type: KeyType;
  extractable: boolean;
  algorithm: KeyAlgorithm;
  usages: readonly string[];
  /** Raw bytes of a secret key, SubjectPublicKeyInfo of a public one, PKCS#8 of a private one. */
  material: ArrayBuffer;
}

/** The parts of a key; throws TypeError for anything that is none. */
export let keyParts: (key: CryptoKey) => KeyParts;
/** True if the value is a CryptoKey. */
export let isCryptoKey: (value: unknown) => value is CryptoKey;

export class CryptoKey {
  #parts: KeyParts;
  // What scripts see is a copy of their own, made when first asked for: changing it changes no key.
  #shownAlgorithm: KeyAlgorithm | null = null;
  #shownUsages: string[] | null = null;

  static {
    keyParts = (key) => key.#parts;
    isCryptoKey = (value): value is CryptoKey => isObject(value) && #parts in value;
  }

  constructor(token: unknown = undefined, parts: unknown = undefined) {
    requireInternal(token);
    this.#parts = parts as KeyParts;
  }
  get type(): KeyType {
    return this.#parts.type;
  }
  get extractable(): boolean {
    return this.#parts.extractable;
  }
  get algorithm(): KeyAlgorithm {
    const { algorithm } = this.#parts;
    this.#shownAlgorithm ??= copyAlgorithm(algorithm);
    return this.#shownAlgorithm;
  }
  get usages(): string[] {
    const { usages } = this.#parts;
    this.#shownUsages ??= [...usages];
    return this.#shownUsages;
  }
}
defineInterface(CryptoKey, "CryptoKey");

function copyAlgorithm(algorithm: KeyAlgorithm): KeyAlgorithm {
  const copy = { ...algorithm };
  if (copy.hash !== undefined) copy.hash = { ...copy.hash };
  if (copy.publicExponent !== undefined) copy.publicExponent = copy.publicExponent.slice();
  return copy;
}

/** Makes a key of its parts. */
export function makeCryptoKey(parts: KeyParts): CryptoKey {
  return new CryptoKey(internal, parts);
}
