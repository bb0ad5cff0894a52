// The values that a page stores, in the form that its workers read.

interface Serializer {
  serialize(value: unknown): string;
  deserialize(stored: string): unknown;
}

let serializer: Serializer | null = null;

/** Sets how values are written; the page script knows what its browser can clone. */
export function provideSerializer(own: Serializer): void {
  serializer = own;
}

/** A value for storage. */
export function serializeForStorage(value: unknown): string {
  return provided().serialize(value);
}

/** The value that a page or worker stored. */
export function deserializeForWorker(stored: string): unknown {
  return provided().deserialize(stored);
}

function provided(): Serializer {
  if (serializer === null) throw new Error("the page script has not provided its serializer");
  return serializer;
}
