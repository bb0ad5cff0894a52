// The bytes that stand for the parts of a structured clone. docs/store-format.md describes the format; the other side is
// crates/structured-clone, and crates/structured-clone/fixtures/vectors.json holds both to it.

/** The version that `serialize` writes. */
export const VERSION = 1;
/** The first byte of every clone. */
export const MAGIC = 0x57;
/** The flag of clones that have a Blob or File in them. */
export const HAS_BLOBS = 1;
/** How deep objects may be nested. */
export const DEPTH_MAX = 2000;

export const Code = {
  undefined: 0x00,
  null: 0x01,
  false: 0x02,
  true: 0x03,
  int: 0x04,
  double: 0x05,
  bigInt: 0x06,
  bigIntNegative: 0x07,
  string: 0x08,
  hole: 0x09,
  reference: 0x0a,
  transferred: 0x0b,
  object: 0x10,
  array: 0x11,
  sparseArray: 0x12,
  map: 0x13,
  set: 0x14,
  date: 0x15,
  regExp: 0x16,
  arrayBuffer: 0x17,
  resizableArrayBuffer: 0x18,
  view: 0x19,
  trackingView: 0x1a,
  error: 0x1b,
  boxed: 0x1c,
  platform: 0x1d,
  blob: 0x1e,
  end: 0x1f,
} as const;

export const HAS_MESSAGE = 1;
export const HAS_STACK = 2;
export const HAS_CAUSE = 4;
export const IS_FILE = 1;
export const IS_OUTSIDE = 2;

/** Classes of views by their code. */
export const VIEWS = [
  "DataView",
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "Float16Array",
  "Float32Array",
  "Float64Array",
  "BigInt64Array",
  "BigUint64Array",
];

/** Classes of errors by their code. */
export const ERRORS = ["Error", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError"];

/** The content of a blob that is not in the clone, but wherever the environment finds it by this number. */
export interface OutsideBytes {
  number: number;
  size: number;
}

/** The content of a Blob or File. */
export interface BlobContent {
  type: string;
  bytes: Uint8Array<ArrayBuffer> | OutsideBytes;
  /** Only for a File. */
  name?: string;
  lastModified?: number;
}

/** An object of another web interface: its name, and a value from which it can be made again. */
export interface PlatformData {
  interface: string;
  data: unknown;
}

/** What the environment knows and the format does not. */
export interface CloneHooks {
  /** The content of a blob, or where it is; null for other objects. */
  readBlob(value: object): BlobContent | null;
  /** Throws a TypeError if the content is outside, and not to be found. */
  makeBlob(content: BlobContent): object;
  /** Null for objects that are none of a web interface; throws a DataCloneError for one that cannot be cloned. */
  readPlatform(value: object): PlatformData | null;
  /** Null for an interface that is not known here. */
  makePlatform(platform: PlatformData): object | null;
}

/** The exception for a value that cannot be cloned. */
export function cloneError(value: unknown): DOMException {
  let what: string;
  try {
    what = typeof value === "object" && value !== null ? Object.prototype.toString.call(value) : typeof value === "function" ? `the function ${value.name || "(anonymous)"}` : String(value);
  } catch {
    what = "the value";
  }
  return new DOMException(`${what} could not be cloned`, "DataCloneError");
}

/** The exception for objects that are nested too deep. */
export function depthError(): DOMException {
  return new DOMException(`the value has objects nested more than ${DEPTH_MAX} levels deep`, "DataCloneError");
}
