// The values that a page stores, in the form that its workers read.

interface Serializer {
  serialize(value: unknown): ArrayBuffer;
  deserialize(stored: ArrayBuffer): unknown;
  /** Base64, for the way to the gateway; a value with blobs has to be waited for. */
  toText(stored: ArrayBuffer): string | Promise<string>;
  fromText(text: string): ArrayBuffer;
}

let serializer: Serializer | null = null;

/** Sets how values are written; the page script knows what its browser can clone. */
export function provideSerializer(own: Serializer): void {
  serializer = own;
}

/** A value for storage. */
export function serializeForStorage(value: unknown): ArrayBuffer {
  return provided().serialize(value);
}

/** The value that a page or worker stored. */
export function deserializeFromStorage(stored: ArrayBuffer): unknown {
  return provided().deserialize(stored);
}

/** A stored value as it travels. */
export function toText(stored: ArrayBuffer): string | Promise<string> {
  return provided().toText(stored);
}

/** The value that came as a text. */
export function fromText(text: string): unknown {
  return provided().deserialize(provided().fromText(text));
}

function provided(): Serializer {
  if (serializer === null) throw new Error("the page script has not provided its serializer");
  return serializer;
}
