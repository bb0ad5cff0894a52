// The streams classes (web-streams-polyfill), loaded when first needed, and byte streams over our own sources.

import * as polyfill from "web-streams-polyfill";

export const names = [
  "ReadableStream",
  "ReadableStreamDefaultReader",
  "ReadableStreamBYOBReader",
  "ReadableStreamDefaultController",
  "ReadableByteStreamController",
  "ReadableStreamBYOBRequest",
  "WritableStream",
  "WritableStreamDefaultWriter",
  "WritableStreamDefaultController",
  "TransformStream",
  "TransformStreamDefaultController",
  "ByteLengthQueuingStrategy",
  "CountQueuingStrategy",
] as const;

// The library still has an attribute that the standard has dropped.
Reflect.deleteProperty(polyfill.WritableStreamDefaultController.prototype, "abortReason");

// Its iterators have a prototype that inherits from Object, and a method that the one of the language would give them.
const iteratorPrototype = Object.getPrototypeOf(new polyfill.ReadableStream().values()) as object;
Object.setPrototypeOf(iteratorPrototype, Object.getPrototypeOf(Object.getPrototypeOf(async function* () {}.prototype)));
Reflect.deleteProperty(iteratorPrototype, Symbol.asyncIterator);

/** The interface object of that name. */
export function streamInterface(name: (typeof names)[number]): unknown {
  return polyfill[name];
}

export type ByteStream = polyfill.ReadableStream<Uint8Array>;
export type ByteReader = polyfill.ReadableStreamDefaultReader<Uint8Array>;

const { ReadableStream } = polyfill;
const { getReader, cancel, tee } = ReadableStream.prototype as unknown as Record<"getReader" | "cancel" | "tee", Function>;

/** True if the value is one of our streams. */
export function isReadableStream(value: unknown): value is ByteStream {
  return value instanceof ReadableStream;
}

/** True once anything was read from the stream or it was cancelled. The polyfill keeps the standard's slot as a property. */
export function isDisturbed(stream: ByteStream): boolean {
  return (stream as unknown as { _disturbed: boolean })._disturbed;
}

/** `stream.getReader()`, whatever the script did to the prototype. */
export function readerOf(stream: ByteStream): ByteReader {
  return Reflect.apply(getReader, stream, []) as ByteReader;
}

/** `stream.cancel(reason)`; its outcome concerns nobody. */
export function cancelStream(stream: ByteStream, reason: unknown): void {
  (Reflect.apply(cancel, stream, [reason]) as Promise<void>).catch(() => {});
}

/** `stream.tee()`. */
export function teeStream(stream: ByteStream): [ByteStream, ByteStream] {
  return Reflect.apply(tee, stream, []) as [ByteStream, ByteStream];
}

/** A byte stream that has ended. */
export function emptyStream(): ByteStream {
  return new ReadableStream({ type: "bytes", start: (controller) => controller.close() }) as ByteStream;
}

/** A byte stream; `pull` gives the next chunk or null at the end. */
export function byteStream(pull: () => Promise<Uint8Array | null>, cancelled: (reason: unknown) => void): ByteStream {
  return new ReadableStream({
    type: "bytes",
    async pull(controller: polyfill.ReadableByteStreamController) {
      let chunk = await pull();
      // A byte stream refuses empty chunks; the next one may have bytes.
      while (chunk !== null && chunk.byteLength === 0) chunk = await pull();
      if (chunk === null) {
        controller.close();
        controller.byobRequest?.respond(0);
      } else {
        controller.enqueue(chunk as Uint8Array<ArrayBuffer>);
      }
    },
    cancel(reason: unknown) {
      cancelled(reason);
    },
  }) as ByteStream;
}
