// Text and compression as transform streams (Encoding, sections 7.4 and 7.5; Compression Streams).

import * as polyfill from "web-streams-polyfill";
import { host } from "./boundary.ts";
import { TextDecoder, utf8Encode } from "./encoding.ts";
import { hostError } from "./operations.ts";
import { bufferSourceBytes, defineInterface, requireArguments, toDOMString, toEnumeration } from "./webidl.ts";

type Controller = polyfill.TransformStreamDefaultController<unknown>;
type Stream = polyfill.TransformStream<unknown, unknown>;

export class TextDecoderStream {
  #decoder: TextDecoder;
  #stream: Stream;

  constructor(label: string = "utf-8", options: unknown = undefined) {
    const decoder = new TextDecoder(label, options);
    this.#decoder = decoder;
    const pass = (controller: Controller, text: string): void => {
      if (text !== "") controller.enqueue(text);
    };
    this.#stream = new polyfill.TransformStream({
      transform: (chunk, controller) => {
        // `decode()` without an argument is lawful, a chunk that is undefined is not.
        if (chunk === undefined) throw new TypeError("TextDecoderStream: a chunk is neither an ArrayBuffer nor a view of one");
        pass(controller, decode(decoder, chunk, { stream: true }));
      },
      flush: (controller) => pass(controller, decode(decoder, undefined, undefined)),
    });
  }
  get encoding(): string {
    return this.#decoder.encoding;
  }
  get fatal(): boolean {
    return this.#decoder.fatal;
  }
  get ignoreBOM(): boolean {
    return this.#decoder.ignoreBOM;
  }
  get readable(): object {
    return this.#stream.readable;
  }
  get writable(): object {
    return this.#stream.writable;
  }
}
defineInterface(TextDecoderStream, "TextDecoderStream");

const decodeOperation = TextDecoder.prototype.decode;

/** `decoder.decode()`, whatever the script did to the prototype. */
function decode(decoder: TextDecoder, chunk: unknown, options: unknown): string {
  return Reflect.apply(decodeOperation, decoder, [chunk, options]) as string;
}

export class TextEncoderStream {
  #stream: Stream;

  constructor() {
    // A surrogate at the end of a chunk waits for the other half at the beginning of the next one.
    let lead = "";
    this.#stream = new polyfill.TransformStream({
      transform(chunk, controller) {
        const text = lead + toDOMString(chunk);
        const last = text.charCodeAt(text.length - 1);
        lead = last >= 0xd800 && last <= 0xdbff ? text.slice(-1) : "";
        const whole = text.slice(0, text.length - lead.length);
        if (whole !== "") controller.enqueue(utf8Encode(whole.toWellFormed()));
      },
      flush(controller) {
        if (lead !== "") controller.enqueue(utf8Encode("\ufffd"));
      },
    });
  }
  get encoding(): string {
    void this.#stream;
    return "utf-8";
  }
  get readable(): object {
    return this.#stream.readable;
  }
  get writable(): object {
    return this.#stream.writable;
  }
}
defineInterface(TextEncoderStream, "TextEncoderStream");

const FORMATS = ["deflate", "deflate-raw", "gzip"] as const;

// A codec whose streams the script forgets is freed with what connects them.
const forgotten = new FinalizationRegistry<number>((codec) => host.codecClose(codec));

/** A stream that pushes its chunks through a codec of the host. */
function codecStream(format: unknown, compress: boolean, what: string): Stream {
  const name = toEnumeration(format, FORMATS, what);
  const open = (): number => {
    try {
      return host.codecOpen(name, compress);
    } catch (error) {
      throw hostError(error);
    }
  };
  const codec = open();
  const push = (bytes: Uint8Array, last: boolean, controller: Controller): void => {
    try {
      host.codecWrite(codec, bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength, last);
      for (let part = host.codecRead(codec); part.byteLength > 0; part = host.codecRead(codec)) controller.enqueue(new Uint8Array(part));
    } catch (error) {
      host.codecClose(codec);
      throw hostError(error);
    }
  };
  const transformer = {
    transform(chunk: unknown, controller: Controller) {
      const bytes = bufferSourceBytes(chunk);
      if (bytes === null) throw new TypeError(`${what}: a chunk is neither an ArrayBuffer nor a view of one`);
      push(bytes, false, controller);
    },
    flush(controller: Controller) {
      push(new Uint8Array(0), true, controller);
      host.codecClose(codec);
    },
    cancel() {
      host.codecClose(codec);
    },
  };
  forgotten.register(transformer, codec);
  return new polyfill.TransformStream(transformer);
}

export class CompressionStream {
  #stream: Stream;
  constructor(format: unknown) {
    requireArguments(arguments.length, 1, "CompressionStream constructor");
    this.#stream = codecStream(format, true, "CompressionStream");
  }
  get readable(): object {
    return this.#stream.readable;
  }
  get writable(): object {
    return this.#stream.writable;
  }
}
defineInterface(CompressionStream, "CompressionStream");

export class DecompressionStream {
  #stream: Stream;
  constructor(format: unknown) {
    requireArguments(arguments.length, 1, "DecompressionStream constructor");
    this.#stream = codecStream(format, false, "DecompressionStream");
  }
  get readable(): object {
    return this.#stream.readable;
  }
  get writable(): object {
    return this.#stream.writable;
  }
}
defineInterface(DecompressionStream, "DecompressionStream");

