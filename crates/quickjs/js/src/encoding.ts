// TextEncoder and TextDecoder (encoding.spec.whatwg.org) over the host's converters.

import { host } from "./boundary.ts";
import { callHost } from "./operations.ts";
import { bufferSourceBytes, defineInterface, requireArguments, toDictionary, toDOMString, toUSVString } from "./webidl.ts";

/** A well-formed string as UTF-8. */
export function utf8Encode(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(host.utf8Encode(text));
}

/** "UTF-8 decode": malformed sequences become U+FFFD; a byte order mark is dropped unless `keepBom`. */
export function utf8Decode(bytes: Uint8Array, keepBom: boolean = false): string {
  if (bytes.length === 0) return "";
  const decoder = host.decoderOpen("utf-8", false, keepBom);
  return host.decoderDecode(decoder, bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength, true) ?? "";
}

export class TextEncoder {
  // Private state only for the brand check.
  #encoding = "utf-8";

  get encoding(): string {
    return this.#encoding;
  }
  encode(input: string = ""): Uint8Array<ArrayBuffer> {
    void this.#encoding;
    return utf8Encode(toUSVString(input));
  }
  encodeInto(source: string, destination: Uint8Array): { read: number; written: number } {
    void this.#encoding;
    requireArguments(arguments.length, 2, "TextEncoder.encodeInto");
    const text = toUSVString(source);
    if (!(destination instanceof Uint8Array)) {
      throw new TypeError("TextEncoder.encodeInto: argument 2 is not a Uint8Array");
    }
    let read = 0;
    let written = 0;
    for (const character of text) {
      const code = character.codePointAt(0) as number;
      const size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
      if (written + size > destination.length) break;
      if (size === 1) {
        destination[written] = code;
      } else {
        for (let i = size - 1; i > 0; i -= 1) destination[written + i] = 0x80 | ((code >> (6 * (size - 1 - i))) & 0x3f);
        destination[written] = (0xf00 >> size) & 0xff | (code >> (6 * (size - 1)));
      }
      written += size;
      read += character.length;
    }
    return { read, written };
  }
}
defineInterface(TextEncoder, "TextEncoder");

// A decoder that the script forgets while it streams is freed with the wrapper.
const forgotten = new FinalizationRegistry<number>((decoder) => host.decoderClose(decoder));

export class TextDecoder {
  #encoding: string;
  #fatal: boolean;
  #ignoreBom: boolean;
  #open: number | null = null;
  // Not the decoder itself: the engine forgets a registration whose token goes with its target.
  #token = {};

  constructor(label: string = "utf-8", options: unknown = undefined) {
    const name = toDOMString(label);
    const members = toDictionary(options, "TextDecoderOptions");
    const encoding = host.encodingName(name.toWellFormed());
    if (encoding === null || encoding === "replacement") {
      throw new RangeError(`TextDecoder: "${name}" is not the label of an encoding`);
    }
    this.#encoding = encoding.toLowerCase();
    this.#fatal = Boolean(members.fatal);
    this.#ignoreBom = Boolean(members.ignoreBOM);
  }
  get encoding(): string {
    return this.#encoding;
  }
  get fatal(): boolean {
    return this.#fatal;
  }
  get ignoreBOM(): boolean {
    return this.#ignoreBom;
  }
  decode(input: unknown = undefined, options: unknown = undefined): string {
    const bytes = input === undefined ? new Uint8Array(0) : bufferSourceBytes(input);
    if (bytes === null) throw new TypeError("TextDecoder.decode: argument 1 is neither an ArrayBuffer nor a view of one");
    const stream = Boolean(toDictionary(options, "TextDecodeOptions").stream);
    if (this.#open === null && !stream && bytes.byteLength === 0) return "";
    const decoder = this.#open ?? callHost(() => host.decoderOpen(this.#encoding, this.#fatal, this.#ignoreBom));
    if (stream && this.#open === null) forgotten.register(this, decoder, this.#token);
    this.#open = stream ? decoder : null;
    const text = host.decoderDecode(decoder, bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength, !stream);
    if (text === null) {
      this.#forget(decoder, stream);
      throw new TypeError(`TextDecoder.decode: the bytes are not valid ${this.#encoding}`);
    }
    if (!stream) forgotten.unregister(this.#token);
    return text;
  }

  /** After a fatal error the next call starts anew. */
  #forget(decoder: number, stream: boolean): void {
    this.#open = null;
    forgotten.unregister(this.#token);
    if (stream) host.decoderClose(decoder);
  }
}
defineInterface(TextDecoder, "TextDecoder");
