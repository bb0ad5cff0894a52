// Blob and File (File API). Their bytes are in memory, or in a file of the profile until a script first reads them.

import { promiseResolve } from "./boundary.ts";
import { hostError } from "./operations.ts";
import { utf8Decode, utf8Encode } from "./encoding.ts";
import { bufferSourceBytes, defineInterface, isObject, requireArguments, toClampedInteger, toDictionary, toDOMString, toEnumeration, toSequence, toUSVString } from "./webidl.ts";

/** The bytes of a blob. Nobody may change them. */
export let blobBytes: (blob: Blob) => Uint8Array<ArrayBuffer>;
/** True if the value is a Blob. */
export let isBlob: (value: unknown) => value is Blob;
/** Makes a blob of bytes that nobody else will change. */
export let blobFromBytes: (bytes: Uint8Array<ArrayBuffer>, type: string) => Blob;
let fill: (blob: Blob, source: Source, part: { offset: number; size: number; type: string }) => void;
let recordOf: (blob: Blob) => BlobRecord;

/** Bytes that blobs share. */
interface Source {
  bytes: Uint8Array<ArrayBuffer> | null;
  /** Reads them; throws if that fails. */
  read: (() => ArrayBuffer) | null;
}

/** A blob or file as it crosses to the Rust side and back. */
export interface BlobRecord {
  type: string;
  /** Only for a File. */
  name?: string;
  lastModified?: number;
  /** The content, from `offset` on; given back, all of it. */
  bytes?: ArrayBuffer;
  offset?: number;
  size?: number;
  /** Reads content that is stored outside. */
  read?: () => ArrayBuffer;
}

/** A blob's or file's record. */
export function blobRecord(blob: Blob): BlobRecord {
  const record = recordOf(blob);
  return blob instanceof File ? { ...record, name: blob.name, lastModified: blob.lastModified } : record;
}

/** The blob or file of a record. */
export function blobFromRecord({ type, name, lastModified, bytes, size, read }: BlobRecord): Blob {
  const content = bytes === undefined ? null : new Uint8Array(bytes);
  const blob = name === undefined ? new Blob() : new File([], name, { lastModified });
  fill(blob, { bytes: content, read: read ?? null }, { offset: 0, size: content?.byteLength ?? size ?? 0, type });
  return blob;
}

/** A type that is no ASCII text is dropped; the rest is lower-cased. */
function normalizeType(type: string): string {
  return /^[\x20-\x7e]*$/.test(type) ? type.toLowerCase() : "";
}

/** "Process blob parts". */
function concatenate(parts: unknown, endings: "transparent" | "native"): Uint8Array<ArrayBuffer> {
  const pieces = toSequence(
    parts,
    (part): Uint8Array => {
      const bytes = bufferSourceBytes(part);
      if (bytes !== null) return bytes.slice();
      if (isBlob(part)) return blobBytes(part);
      const text = toUSVString(part);
      return utf8Encode(endings === "native" ? text.replace(/\r\n?/g, "\n") : text);
    },
    "Blob constructor: argument 1",
  );
  return joinBytes(pieces);
}

/** All pieces in one array of its own. */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const piece of pieces) length += piece.byteLength;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const piece of pieces) {
    joined.set(piece, offset);
    offset += piece.byteLength;
  }
  return joined;
}

export class Blob {
  #source: Source;
  #offset = 0;
  #size: number;
  #type: string;

  static {
    blobBytes = (blob) => blob.#bytes();
    isBlob = (value): value is Blob => isObject(value) && #source in value;
    blobFromBytes = (bytes, type) => {
      const blob = new Blob();
      fill(blob, { bytes, read: null }, { offset: 0, size: bytes.byteLength, type });
      return blob;
    };
    fill = (blob, source, { offset, size, type }) => {
      blob.#source = source;
      blob.#offset = offset;
      blob.#size = size;
      blob.#type = type;
    };
    recordOf = (blob) => {
      const bytes = blob.#bytes();
      return { type: blob.#type, bytes: bytes.buffer, offset: bytes.byteOffset, size: bytes.byteLength };
    };
  }

  constructor(parts: unknown = undefined, options: unknown = undefined) {
    const members = toDictionary(options, "BlobPropertyBag");
    const endings = members.endings === undefined ? "transparent" : toEnumeration(members.endings, ["transparent", "native"] as const, "BlobPropertyBag.endings");
    const bytes = parts === undefined ? new Uint8Array(0) : concatenate(parts, endings);
    this.#source = { bytes, read: null };
    this.#size = bytes.byteLength;
    this.#type = members.type === undefined ? "" : normalizeType(toDOMString(members.type));
  }

  /** The bytes, read now if they were not before. */
  #bytes(): Uint8Array<ArrayBuffer> {
    const source = this.#source;
    if (source.bytes === null) {
      try {
        source.bytes = new Uint8Array((source.read as () => ArrayBuffer)());
      } catch (error) {
        throw hostError(error);
      }
      source.read = null;
    }
    return source.bytes.subarray(this.#offset, this.#offset + this.#size);
  }

  get size(): number {
    return this.#size;
  }
  get type(): string {
    return this.#type;
  }
  slice(start: number | undefined = undefined, end: number | undefined = undefined, contentType: string = ""): Blob {
    const size = this.#size;
    const clamp = (value: number): number => (value < 0 ? Math.max(size + value, 0) : Math.min(value, size));
    const from = start === undefined ? 0 : clamp(toClampedInteger(start));
    const to = end === undefined ? size : clamp(toClampedInteger(end));
    const part = new Blob();
    fill(part, this.#source, { offset: this.#offset + from, size: Math.max(from, to) - from, type: normalizeType(toDOMString(contentType)) });
    return part;
  }
  async text(): Promise<string> {
    return utf8Decode(this.#bytes());
  }
  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#bytes().slice().buffer;
  }
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#bytes().slice();
  }
  stream(): object {
    void this.#size;
    let offset = 0;
    const { byteStream } = require("./streams.ts") as typeof import("./streams.ts");
    return byteStream(
      () => {
        const chunk = this.#bytes().slice(offset, offset + CHUNK_BYTES);
        offset += chunk.byteLength;
        return promiseResolve(chunk.byteLength === 0 ? null : chunk);
      },
      () => {},
    );
  }
}
defineInterface(Blob, "Blob");

const CHUNK_BYTES = 65_536;

export class File extends Blob {
  #name: string;
  #lastModified: number;

  constructor(parts: unknown, name: string, options: unknown = undefined) {
    requireArguments(arguments.length, 2, "File constructor");
    super(parts, options);
    this.#name = toUSVString(name);
    const { lastModified } = toDictionary(options, "FilePropertyBag");
    this.#lastModified = lastModified === undefined ? Date.now() : toClampedInteger(lastModified);
  }
  get name(): string {
    return this.#name;
  }
  get lastModified(): number {
    return this.#lastModified;
  }
  get webkitRelativePath(): string {
    void this.#name;
    return "";
  }
}
defineInterface(File, "File");
