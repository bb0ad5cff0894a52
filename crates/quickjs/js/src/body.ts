// Bodies of requests and responses (Fetch standard, sections 2.2.4 and 5.2-5.3).

import { blobBytes, blobFromBytes, isBlob, joinBytes } from "./blob.ts";
import { utf8Decode, utf8Encode } from "./encoding.ts";
import { decodeMultipart, encodeMultipart, FormData, isFormData } from "./form-data.ts";
import { isUrlSearchParams, parseUrlencoded } from "./url.ts";
import { bufferSourceBytes, isObject, toUSVString } from "./webidl.ts";
import { defineProperty, jsonParse, promiseReject, promiseResolve } from "./boundary.ts";
import type { ByteStream } from "./streams.ts";

/** A source of chunks that only we can see, such as the network. `pull` gives null at the end. */
export interface ChunkSource {
  pull(): Promise<Uint8Array<ArrayBuffer> | null>;
  cancel(reason: unknown): void;
  /** Why the chunks broke off, once that is known. */
  readonly failure?: { readonly error: unknown } | null;
  /** For a body of the host that nobody has begun to read: its id, to move it elsewhere past this side; null if that is too late. */
  handOn?(): number | null;
}

function streams(): typeof import("./streams.ts") {
  return require("./streams.ts") as typeof import("./streams.ts");
}

/**
 * A body: bytes, chunks that we pull, or a stream that a script holds. The stream object, and with it the streams
 * library, is made only when a script asks for `body`.
 */
export class Body {
  #bytes: Uint8Array<ArrayBuffer> | null;
  #source: ChunkSource | null;
  #stream: ByteStream | null;
  #used = false;

  private constructor(bytes: Uint8Array<ArrayBuffer> | null, source: ChunkSource | null, stream: ByteStream | null) {
    this.#bytes = bytes;
    this.#source = source;
    this.#stream = stream;
  }

  static fromBytes(bytes: Uint8Array<ArrayBuffer>): Body {
    return new Body(bytes, null, null);
  }
  static fromSource(source: ChunkSource): Body {
    return new Body(null, source, null);
  }
  static fromStream(stream: ByteStream): Body {
    return new Body(null, null, stream);
  }

  /** True if the body has no bytes of its own, so a request with it cannot be sent again. */
  get isStream(): boolean {
    return this.#bytes === null;
  }

  get used(): boolean {
    return this.#used || (this.#stream !== null && streams().isDisturbed(this.#stream));
  }

  /** Used, or being read by somebody right now. */
  get unusable(): boolean {
    return this.used || this.#stream?.locked === true;
  }

  /** The bytes, if they are at hand without waiting and nobody has begun to read. */
  get bytesAtHand(): Uint8Array<ArrayBuffer> | null {
    return this.#bytes !== null && this.#stream === null ? this.#bytes : null;
  }

  /** Takes the bytes to read them once, if they are at hand; the caller has checked `unusable` and does not change them. */
  takeBytes(): Uint8Array<ArrayBuffer> | null {
    const bytes = this.bytesAtHand;
    if (bytes !== null) this.#used = true;
    return bytes;
  }

  /** Why nothing can be read, if the body broke off before anybody began; it counts as read then. */
  takeFailure(): { readonly error: unknown } | null {
    const failure = this.#source?.failure ?? null;
    if (failure !== null) this.#used = true;
    return failure;
  }

  /** What the `body` attribute shows. */
  get stream(): ByteStream {
    if (this.#stream === null) {
      const source = this.#source ?? chunksOf(this.#bytes ?? new Uint8Array(0));
      const isEmpty = this.#source === null && this.#bytes?.byteLength === 0;
      this.#stream = isEmpty
        ? streams().emptyStream()
        : streams().byteStream(
            () => source.pull(),
            (reason) => source.cancel(reason),
          );
      if (this.#used) void streams().readerOf(this.#stream).cancel();
    }
    return this.#stream;
  }

  /** Takes the body to read it once; the caller has checked `unusable`. */
  takeSource(): ChunkSource {
    if (this.#stream !== null) {
      const reader = streams().readerOf(this.#stream);
      this.#used = true;
      return {
        async pull() {
          const { done, value } = await reader.read();
          if (done) return null;
          if (!(value instanceof Uint8Array)) throw new TypeError("a chunk of the body's stream is not a Uint8Array");
          return value as Uint8Array<ArrayBuffer>;
        },
        cancel(reason) {
          reader.cancel(reason).catch(() => {});
        },
      };
    }
    this.#used = true;
    return this.#source ?? chunksOf(this.#bytes ?? new Uint8Array(0));
  }

  /** All bytes, in an array of the caller's own. */
  async readAll(): Promise<Uint8Array<ArrayBuffer>> {
    const atHand = this.bytesAtHand;
    if (atHand !== null) {
      this.#used = true;
      return atHand.slice();
    }
    const source = this.takeSource();
    const chunks: Uint8Array[] = [];
    for (let chunk = await source.pull(); chunk !== null; chunk = await source.pull()) chunks.push(chunk);
    return joinBytes(chunks);
  }

  /** Fetch "clone a body". */
  clone(): Body {
    const atHand = this.bytesAtHand;
    if (atHand !== null) return Body.fromBytes(atHand);
    if (this.#stream === null && this.#source !== null) {
      const [mine, copy] = teeSource(this.#source);
      this.#source = mine;
      return Body.fromSource(copy);
    }
    const [mine, copy] = streams().teeStream(this.stream);
    this.#stream = mine;
    this.#source = null;
    this.#bytes = null;
    return Body.fromStream(copy);
  }

  /** Moves the content to a new body and leaves this one used, as `new Request(request)` does. */
  transfer(): Body {
    const moved = new Body(this.#bytes, this.#source, null);
    if (this.#stream !== null) {
      const source = this.takeSource();
      moved.#bytes = null;
      moved.#source = source;
    }
    this.#used = true;
    return moved;
  }

  /** The reader lost interest. */
  cancel(reason: unknown): void {
    if (this.#stream !== null) {
      if (!this.#stream.locked) streams().cancelStream(this.#stream, reason);
    } else {
      this.#source?.cancel(reason);
    }
  }
}

/** Two sources with the content of one, without the streams library. What one reads waits in memory for the other. */
function teeSource(source: ChunkSource): [ChunkSource, ChunkSource] {
  type Branch = { queue: Uint8Array<ArrayBuffer>[]; cancelled: boolean };
  const branches: [Branch, Branch] = [
    { queue: [], cancelled: false },
    { queue: [], cancelled: false },
  ];
  let ended = false;
  let failure: { error: unknown } | null = null;
  let pulling: Promise<void> | null = null;
  const pullOnce = async (): Promise<void> => {
    try {
      const chunk = await source.pull();
      if (chunk === null) ended = true;
      // Each branch may hand its chunk on for good, so they do not share memory.
      else for (const branch of branches) if (!branch.cancelled) branch.queue.push(branch === branches[0] ? chunk : chunk.slice());
    } catch (error) {
      failure = { error };
    } finally {
      pulling = null;
    }
  };
  const makeSource = (branch: Branch): ChunkSource => ({
    async pull() {
      for (;;) {
        const chunk = branch.queue.shift();
        if (chunk !== undefined) return chunk;
        if (failure !== null) throw (failure as { error: unknown }).error;
        if (ended || branch.cancelled) return null;
        pulling ??= pullOnce();
        await pulling;
      }
    },
    cancel(reason) {
      branch.cancelled = true;
      branch.queue = [];
      if (branches.every(({ cancelled }) => cancelled)) source.cancel(reason);
    },
  });
  return [makeSource(branches[0]), makeSource(branches[1])];
}

function chunksOf(bytes: Uint8Array<ArrayBuffer>): ChunkSource {
  let rest: Uint8Array<ArrayBuffer> | null = bytes.byteLength === 0 ? null : bytes.slice();
  return {
    pull() {
      const chunk = rest;
      rest = null;
      return promiseResolve(chunk);
    },
    cancel() {
      rest = null;
    },
  };
}

/** Fetch "extract a body": the body and the Content-Type that goes with it. */
export function extractBody(value: unknown, keepalive: boolean = false): { body: Body; type: string | null } {
  if (isBlob(value)) return { body: Body.fromBytes(blobBytes(value)), type: value.type === "" ? null : value.type };
  const bytes = bufferSourceBytes(value);
  if (bytes !== null) return { body: Body.fromBytes(new Uint8Array(bytes)), type: null };
  if (isFormData(value)) {
    const encoded = encodeMultipart(value);
    return { body: Body.fromBytes(encoded.bytes), type: encoded.type };
  }
  if (isUrlSearchParams(value)) {
    return { body: Body.fromBytes(utf8Encode(value.toString())), type: "application/x-www-form-urlencoded;charset=UTF-8" };
  }
  if (isObject(value) && "getReader" in value && streams().isReadableStream(value)) {
    if (keepalive) throw new TypeError("a request with keepalive cannot have a stream as its body");
    if (streams().isDisturbed(value) || value.locked) throw new TypeError("the stream given as body is locked or was already read");
    return { body: Body.fromStream(value), type: null };
  }
  return { body: Body.fromBytes(utf8Encode(toUSVString(value))), type: "text/plain;charset=UTF-8" };
}

/** What Request and Response share. */
export interface BodyOwner {
  body: Body | null;
  /** The essence and parameters of its Content-Type, or null. */
  contentType(): string | null;
}

const FORMATS = ["arrayBuffer", "blob", "bytes", "formData", "json", "text"] as const;

export type BodyFormat = (typeof FORMATS)[number];

/** The methods of the mixin Body. */
export type BodyMethods = { [format in BodyFormat]: () => Promise<unknown> };

/**
 * Gives a class the methods of the mixin Body, before its interface is defined. `owner` throws if its argument is no
 * instance; that rejects, as every failure does. What is known to fail has been rejected when a method returns.
 */
export function includeBody(prototype: object, owner: (instance: unknown) => BodyOwner): void {
  for (const format of FORMATS) {
    const { [format]: value } = {
      [format](this: unknown): Promise<unknown> {
        try {
          return consumeBody(owner(this), format);
        } catch (error) {
          return promiseReject(error);
        }
      },
    };
    defineProperty(prototype, format, { value, writable: true, configurable: true });
  }
}

/** Fetch "consume body". */
async function consumeBody(owner: BodyOwner, format: BodyFormat): Promise<unknown> {
  const { body } = owner;
  if (body !== null && body.unusable) {
    throw new TypeError(body.used ? "the body was already read" : "the body is locked by a reader");
  }
  const failure = body?.takeFailure() ?? null;
  if (failure !== null) throw failure.error;
  const bytes = body === null ? new Uint8Array(0) : await body.readAll();
  switch (format) {
    case "arrayBuffer":
      return bytes.buffer;
    case "bytes":
      return bytes;
    case "text":
      return utf8Decode(bytes);
    case "json":
      return jsonParse(utf8Decode(bytes));
    case "blob":
      return blobFromBytes(bytes, blobType(owner.contentType()));
    default:
      return parseForm(bytes, owner.contentType());
  }
}

/** A Content-Type as a Blob shows it: the essence in lower case, the parameters as they are; empty if it is none. */
function blobType(contentType: string | null): string {
  const match = /^\s*([^\s/;,]+\/[^\s/;,]+)\s*(;.*)?$/.exec(contentType ?? "");
  if (match === null) return "";
  const parameters = (match[2] ?? "").split(";").map((part) => part.trim()).filter((part) => part !== "");
  return [(match[1] as string).toLowerCase(), ...parameters].join(";");
}

function parseForm(bytes: Uint8Array, contentType: string | null): FormData {
  const essence = (contentType?.split(";")[0] ?? "").trim().toLowerCase();
  if (essence === "multipart/form-data") {
    const match = /;\s*boundary=(?:"([^"]*)"|([^;\s]*))/i.exec(contentType as string);
    const boundary = match?.[1] ?? match?.[2] ?? "";
    if (boundary === "") throw new TypeError("formData: the Content-Type has no boundary");
    return decodeMultipart(bytes, boundary);
  }
  if (essence === "application/x-www-form-urlencoded") {
    const form = new FormData();
    for (const [name, value] of parseUrlencoded(utf8Decode(bytes, true))) form.append(name, value);
    return form;
  }
  throw new TypeError(`formData: the Content-Type "${contentType ?? ""}" is neither multipart/form-data nor application/x-www-form-urlencoded`);
}
