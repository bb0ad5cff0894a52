// The browser's own blobs, for the classes that a page shares with workers.

/** True for blobs and files. */
export function isBlob(value: unknown): value is Blob {
  return value instanceof Blob;
}
