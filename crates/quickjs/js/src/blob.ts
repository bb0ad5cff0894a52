// Blob and File (File API), held in memory.

import { promiseResolve } from "./boundary.ts";
import { utf8Decode, utf8Encode } from "./encoding.ts";
import { bufferSourceBytes, defineInterface, isObject, requireArguments, toClampedInteger, toDictionary, toDOMString, toEnumeration, toSequence, toUSVString } from "./webidl.ts";

/** The bytes of a blob. Nobody may change them. */
export let blobBytes: (blob: Blob) => Uint8Array<ArrayBuffer>;
/** True if the value is a Blob. */
export let isBlob: (value: unknown) => value is Blob;
/** Makes a blob of bytes that nobody else will change. */
export let blobFromBytes: (bytes: Uint8Array<ArrayBuffer>, type: string) => Blob;

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
  #bytes: Uint8Array<ArrayBuffer>;
  #type: string;

  static {
    blobBytes = (blob) => blob.#bytes;
    isBlob = (value): value is Blob => isObject(value) && #bytes in value;
    blobFromBytes = (bytes, type) => {
      const blob = new Blob();
      blob.#bytes = bytes;
      blob.#type = type;
      return blob;
    };
  }

  constructor(parts: unknown = undefined, options: unknown = undefined) {
    const members = toDictionary(options, "BlobPropertyBag");
    const endings = members.endings === undefined ? "transparent" : toEnumeration(members.endings, ["transparent", "native"] as const, "BlobPropertyBag.endings");
    this.#bytes = parts === undefined ? new Uint8Array(0) : concatenate(parts, endings);
    this.#type = members.type === undefined ? "" : normalizeType(toDOMString(members.type));
  }

  get size(): number {
    return this.#bytes.byteLength;
  }
  get type(): string {
    return this.#type;
  }
  slice(start: number | undefined = undefined, end: number | undefined = undefined, contentType: string = ""): Blob {
    const size = this.#bytes.byteLength;
    const clamp = (value: number): number => (value < 0 ? Math.max(size + value, 0) : Math.min(value, size));
    const from = start === undefined ? 0 : clamp(toClampedInteger(start));
    const to = end === undefined ? size : clamp(toClampedInteger(end));
    return blobFromBytes(this.#bytes.subarray(from, Math.max(from, to)), normalizeType(toDOMString(contentType)));
  }
  async text(): Promise<string> {
    return utf8Decode(this.#bytes);
  }
  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#bytes.slice().buffer;
  }
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#bytes.slice();
  }
  stream(): object {
    const bytes = this.#bytes;
    let offset = 0;
    const { byteStream } = require("./streams.ts") as typeof import("./streams.ts");
    return byteStream(
      () => {
        const chunk = bytes.slice(offset, offset + CHUNK_BYTES);
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
