// The exceptions of IndexedDB: plain DOMExceptions.

/** A DOMException. */
export function exception(name: string, message: string): DOMException {
  return new DOMException(message, name);
}

/** Throws a DOMException. */
export function fail(name: string, message: string): never {
  throw new DOMException(message, name);
}
