// FormData (XMLHttpRequest standard) and its two body formats.

import { host } from "./boundary.ts";
import { Blob, blobBytes, File, isBlob, joinBytes } from "./blob.ts";
import { utf8Decode, utf8Encode } from "./encoding.ts";
import { defineInterface, definePairIterable, isObject, requireArguments, toUSVString } from "./webidl.ts";

type Entry = [string, string | File];

/** The entries of a form. */
export let formEntries: (form: FormData) => Entry[];
/** True if the value is a FormData. */
export let isFormData: (value: unknown) => value is FormData;

export class FormData {
  #entries: Entry[] = [];

  static {
    formEntries = (form) => form.#entries;
    isFormData = (value): value is FormData => isObject(value) && #entries in value;
  }

  constructor(form: unknown = undefined) {
    if (form !== undefined) throw new TypeError("FormData constructor: argument 1 is not an HTML form; workers have none");
  }
  append(name: string, value: unknown, filename: string | undefined = undefined): void {
    requireArguments(arguments.length, 2, "FormData.append");
    this.#entries.push(makeEntry(name, value, filename, "FormData.append"));
  }
  delete(name: string): void {
    requireArguments(arguments.length, 1, "FormData.delete");
    const key = toUSVString(name);
    this.#entries = this.#entries.filter((entry) => entry[0] !== key);
  }
  get(name: string): string | File | null {
    requireArguments(arguments.length, 1, "FormData.get");
    const key = toUSVString(name);
    return this.#entries.find((entry) => entry[0] === key)?.[1] ?? null;
  }
  getAll(name: string): (string | File)[] {
    requireArguments(arguments.length, 1, "FormData.getAll");
    const key = toUSVString(name);
    return this.#entries.filter((entry) => entry[0] === key).map((entry) => entry[1]);
  }
  has(name: string): boolean {
    requireArguments(arguments.length, 1, "FormData.has");
    const key = toUSVString(name);
    return this.#entries.some((entry) => entry[0] === key);
  }
  set(name: string, value: unknown, filename: string | undefined = undefined): void {
    requireArguments(arguments.length, 2, "FormData.set");
    const entry = makeEntry(name, value, filename, "FormData.set");
    const first = this.#entries.findIndex((other) => other[0] === entry[0]);
    if (first < 0) {
      this.#entries.push(entry);
      return;
    }
    this.#entries = this.#entries.filter((other, i) => i <= first || other[0] !== entry[0]);
    this.#entries[first] = entry;
  }
}
defineInterface(FormData, "FormData");
definePairIterable(FormData, "FormData", (form) => formEntries(form));

/** "Create an entry". */
function makeEntry(name: string, value: unknown, filename: string | undefined, what: string): Entry {
  const key = toUSVString(name);
  if (!isBlob(value)) {
    if (filename !== undefined) throw new TypeError(`${what}: a filename was given, but argument 2 is not a Blob`);
    return [key, toUSVString(value)];
  }
  if (value instanceof File && filename === undefined) return [key, value];
  const fileName = filename === undefined ? "blob" : toUSVString(filename);
  const options = { type: value.type, lastModified: value instanceof File ? value.lastModified : undefined };
  return [key, new File([value], fileName, options)];
}

/** A form as a `multipart/form-data` body. */
export function encodeMultipart(form: FormData): { bytes: Uint8Array<ArrayBuffer>; type: string } {
  const random = new Uint8Array(host.randomBytes(12));
  const boundary = `----WakeWorkerFormBoundary${[...random].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  const pieces: Uint8Array[] = [];
  const escape = (text: string): string => text.replace(/\n/g, "%0A").replace(/\r/g, "%0D").replace(/"/g, "%22");
  const normalize = (text: string): string => text.replace(/\r\n|\r|\n/g, "\r\n");
  for (const [name, value] of formEntries(form)) {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${escape(normalize(name))}"`;
    if (typeof value === "string") {
      pieces.push(utf8Encode(`${head}\r\n\r\n${normalize(value)}\r\n`));
    } else {
      const type = value.type === "" ? "application/octet-stream" : value.type;
      pieces.push(utf8Encode(`${head}; filename="${escape(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`), blobBytes(value), CRLF);
    }
  }
  pieces.push(utf8Encode(`--${boundary}--\r\n`));
  return { bytes: joinBytes(pieces), type: `multipart/form-data; boundary=${boundary}` };
}

const CRLF = new Uint8Array([13, 10]);

/** Where `needle` starts in `bytes` at or after `from`, or −1. */
function indexOfBytes(bytes: Uint8Array, needle: Uint8Array, from: number): number {
  const first = needle[0] as number;
  for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) {
    let i = 1;
    while (i < needle.length && bytes[at + i] === needle[i]) i += 1;
    if (i === needle.length) return at;
  }
  return -1;
}

/** Parses a `multipart/form-data` body; TypeError if it is malformed. */
export function decodeMultipart(bytes: Uint8Array, boundary: string): FormData {
  const malformed = (): never => {
    throw new TypeError("formData: the body is not well-formed multipart/form-data");
  };
  const form = new FormData();
  const delimiter = utf8Encode(`--${boundary}`);
  let position = indexOfBytes(bytes, delimiter, 0);
  if (position < 0) malformed();
  for (;;) {
    position += delimiter.length;
    if (bytes[position] === 45 && bytes[position + 1] === 45) return form;
    if (bytes[position] !== 13 || bytes[position + 1] !== 10) malformed();
    position += 2;
    const headEnd = bytes[position] === 13 && bytes[position + 1] === 10 ? position - 2 : indexOfBytes(bytes, HEAD_END, position);
    if (headEnd < 0) malformed();
    const head = utf8Decode(bytes.subarray(position, Math.max(position, headEnd)), true);
    const bodyStart = headEnd + 4;
    const bodyEnd = indexOfBytes(bytes, joinBytes([CRLF, delimiter]), bodyStart - 2);
    if (bodyEnd < 0) malformed();
    addPart(form, head, bytes.slice(bodyStart, Math.max(bodyStart, bodyEnd)), malformed);
    position = bodyEnd + 2;
  }
}

const HEAD_END = new Uint8Array([13, 10, 13, 10]);

function addPart(form: FormData, head: string, body: Uint8Array<ArrayBuffer>, malformed: () => never): void {
  let name: string | null = null;
  let filename: string | null = null;
  let type = "text/plain";
  const unescape = (text: string): string => text.replace(/%0A/gi, "\n").replace(/%0D/gi, "\r").replace(/%22/g, '"');
  for (const line of head.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon < 0) malformed();
    const value = line.slice(colon + 1).trim();
    switch (line.slice(0, colon).trim().toLowerCase()) {
      case "content-disposition": {
        if (!/^form-data\s*(;|$)/i.test(value)) malformed();
        const nameMatch = /;\s*name="([^"]*)"/i.exec(value);
        const fileMatch = /;\s*filename="([^"]*)"/i.exec(value);
        if (nameMatch !== null) name = unescape(nameMatch[1] as string);
        if (fileMatch !== null) filename = unescape(fileMatch[1] as string);
        break;
      }
      case "content-type":
        type = value;
        break;
      default:
    }
  }
  if (name === null) malformed();
  form.append(name as unknown as string, filename === null ? utf8Decode(body, true) : new File([new Blob([body])], filename, { type }));
}
