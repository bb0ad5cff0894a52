// FileReader (File API, section 6) and ProgressEvent (XMLHttpRequest standard, section 5).

import { Event, eventState } from "./event.ts";
import { defineEventHandlers, dispatch, EventTarget } from "./event-target.ts";
import { type Blob, blobBytes, isBlob } from "./blob.ts";
import { host } from "./boundary.ts";
import { queueTask } from "./timers.ts";
import { defineInterface, requireArguments, toDictionary, toDOMString } from "./webidl.ts";

export class ProgressEvent extends Event {
  #lengthComputable: boolean;
  #loaded: number;
  #total: number;
  constructor(type: string, init: unknown = undefined) {
    requireArguments(arguments.length, 1, "ProgressEvent constructor");
    super(type, init);
    const members = toDictionary(init, "ProgressEventInit");
    this.#lengthComputable = Boolean(members.lengthComputable);
    this.#loaded = toFinite(members.loaded, "loaded");
    this.#total = toFinite(members.total, "total");
  }
  get lengthComputable(): boolean {
    return this.#lengthComputable;
  }
  get loaded(): number {
    return this.#loaded;
  }
  get total(): number {
    return this.#total;
  }
}
defineInterface(ProgressEvent, "ProgressEvent");

function toFinite(value: unknown, name: string): number {
  const number = value === undefined ? 0 : +(value as number);
  if (!Number.isFinite(number)) throw new TypeError(`ProgressEventInit.${name}: ${number} is not a finite number`);
  return number;
}

type Packing = "ArrayBuffer" | "BinaryString" | "DataURL" | "Text";

const EMPTY = 0;
const LOADING = 1;
const DONE = 2;

export class FileReader extends EventTarget {
  #state = EMPTY;
  #result: string | ArrayBuffer | null = null;
  #error: DOMException | null = null;
  /** Tells the reading that is under way from one that was aborted. */
  #reading = 0;

  readAsArrayBuffer(blob: unknown): void {
    requireArguments(arguments.length, 1, "FileReader.readAsArrayBuffer");
    this.#read(blob, "ArrayBuffer");
  }
  readAsBinaryString(blob: unknown): void {
    requireArguments(arguments.length, 1, "FileReader.readAsBinaryString");
    this.#read(blob, "BinaryString");
  }
  readAsText(blob: unknown, encoding: unknown = undefined): void {
    requireArguments(arguments.length, 1, "FileReader.readAsText");
    this.#read(blob, "Text", encoding === undefined ? null : toDOMString(encoding));
  }
  readAsDataURL(blob: unknown): void {
    requireArguments(arguments.length, 1, "FileReader.readAsDataURL");
    this.#read(blob, "DataURL");
  }
  abort(): void {
    const idle = this.#state !== LOADING;
    this.#result = null;
    if (idle) return;
    this.#state = DONE;
    this.#reading += 1;
    this.#fire("abort", 0, 0);
    if (this.#state !== LOADING) this.#fire("loadend", 0, 0);
  }

  get readyState(): number {
    return this.#state;
  }
  get result(): string | ArrayBuffer | null {
    return this.#result;
  }
  get error(): DOMException | null {
    return this.#error;
  }

  /** "Read operation". The bytes are in memory already, so one task loads everything. */
  #read(blob: unknown, packing: Packing, encoding: string | null = null): void {
    const busy = this.#state === LOADING;
    if (!isBlob(blob)) throw new TypeError("FileReader: argument 1 is not a Blob");
    if (busy) throw new DOMException("FileReader: a blob is being read already", "InvalidStateError");
    this.#state = LOADING;
    this.#result = null;
    this.#error = null;
    this.#reading += 1;
    const reading = this.#reading;
    const { byteLength } = blobBytes(blob);
    queueTask(() => {
      if (this.#reading === reading) this.#fire("loadstart", 0, byteLength);
    });
    queueTask(() => {
      if (this.#reading !== reading) return;
      if (byteLength > 0) this.#fire("progress", byteLength, byteLength);
      if (this.#reading !== reading) return;
      this.#finish(blob, packing, encoding, byteLength);
    });
  }

  #finish(blob: Blob, packing: Packing, encoding: string | null, byteLength: number): void {
    this.#state = DONE;
    try {
      this.#result = pack(blob, packing, encoding);
    } catch (error) {
      this.#error = new DOMException(`the blob cannot be read: ${String(error)}`, "NotReadableError");
    }
    this.#fire(this.#error === null ? "load" : "error", byteLength, byteLength);
    // A listener may have begun to read again.
    if ((this.#state as number) !== LOADING) this.#fire("loadend", byteLength, byteLength);
  }

  #fire(type: string, loaded: number, total: number): void {
    const event = new ProgressEvent(type, { lengthComputable: total > 0, loaded, total });
    eventState(event).trusted = true;
    dispatch(this, event);
  }
}
defineInterface(FileReader, "FileReader", { EMPTY, LOADING, DONE });
defineEventHandlers(FileReader.prototype, ["loadstart", "progress", "load", "abort", "error", "loadend"]);

/** "Package data". */
function pack(blob: Blob, packing: Packing, encoding: string | null): string | ArrayBuffer {
  const bytes = blobBytes(blob);
  switch (packing) {
    case "ArrayBuffer":
      return bytes.slice().buffer;
    case "BinaryString":
      return binaryString(bytes);
    case "DataURL":
      return `data:${blob.type === "" ? "application/octet-stream" : blob.type};base64,${engineBtoa(binaryString(bytes))}`;
    default:
      return decode(bytes, encoding, blob.type);
  }
}

const engineBtoa = (globalThis as unknown as { btoa: (text: string) => string }).btoa;

const BINARY_STEP = 8_192;

function binaryString(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += BINARY_STEP) text += String.fromCharCode(...bytes.subarray(at, at + BINARY_STEP));
  return text;
}

/** The encoding is the caller's, else the one of the blob's type, else UTF-8; a byte order mark is stronger than all. */
function decode(bytes: Uint8Array, encoding: string | null, type: string): string {
  const charset = /;\s*charset=(?:"([^"]*)"|([^;\s]*))/i.exec(type);
  const labels = [encoding, charset?.[1] ?? charset?.[2] ?? null, "utf-8"];
  let name = "utf-8";
  for (const label of labels) {
    const known = label === null ? null : host.encodingName(label.toWellFormed());
    if (known !== null) {
      name = known;
      break;
    }
  }
  if (bytes[0] === 0xff && bytes[1] === 0xfe) name = "utf-16le";
  else if (bytes[0] === 0xfe && bytes[1] === 0xff) name = "utf-16be";
  else if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) name = "utf-8";
  const decoder = host.decoderOpen(name, false, false);
  return host.decoderDecode(decoder, bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength, true) ?? "";
}
