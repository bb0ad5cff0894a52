// The exceptions of IndexedDB: plain DOMExceptions.

import { hostError } from "../operations.ts";

/** A DOMException. */
export function exception(name: string, message: string): DOMException {
  return new DOMException(message, name);
}

/** Throws a DOMException. */
export function fail(name: string, message: string): never {
  throw new DOMException(message, name);
}

/** Calls the host; its failures become DOMExceptions. */
export function callHost<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (typeof error === "object" && error !== null && (error as { hostError?: unknown }).hostError === true) throw hostError(error);
    throw error;
  }
}
