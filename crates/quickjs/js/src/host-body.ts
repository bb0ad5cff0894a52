// Bodies that cross the boundary in parts: those that the host gives, and those that it takes.

import type { ChunkSource } from "./body.ts";
import { host } from "./boundary.ts";
import { callHost } from "./operations.ts";

/** Bodies whose next part somebody waits for; they must not be collected as garbage meanwhile. */
const waiting = new Map<number, HostBody>();

// A script that drops a response without reading it holds its exchange no longer than the garbage collector takes.
const unread = new FinalizationRegistry(({ id, onEnd }: { id: number; onEnd: () => void }) => {
  onEnd();
  host.fetchAbort(id);
});

let wake: (body: HostBody) => void;

/** A body that the host gives. Read at the script's pace: the host holds back who sends it. */
export class HostBody implements ChunkSource {
  #id: number;
  #failure: { error: unknown } | null = null;
  #ended = false;
  #wake: (() => void) | null = null;
  #onEnd: () => void;
  // Not the body itself: the engine forgets a registration whose token goes with its target.
  #token = {};

  static {
    wake = (body) => {
      const resolve = body.#wake;
      body.#wake = null;
      resolve?.();
    };
  }

  /** `onEnd` is called once when nothing more is expected of the body. It must not hold whoever holds the body. */
  constructor(id: number, onEnd: () => void) {
    this.#id = id;
    this.#onEnd = onEnd;
    unread.register(this, { id, onEnd }, this.#token);
  }

  get failure(): { readonly error: unknown } | null {
    return this.#failure;
  }

  async pull(): Promise<Uint8Array<ArrayBuffer> | null> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure.error;
      if (this.#ended) return null;
      let part: ArrayBuffer | null | false;
      try {
        part = callHost(() => host.bodyPull(this.#id));
      } catch (error) {
        this.#failure = { error };
        this.#end();
        continue;
      }
      if (part === null) this.#end();
      else if (part !== false) return new Uint8Array(part);
      else await this.#readable();
    }
  }

  #readable(): Promise<void> {
    waiting.set(this.#id, this);
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Nobody wants the rest. */
  cancel(): void {
    if (this.#ended || this.#failure !== null) return;
    this.#end();
    host.fetchAbort(this.#id);
    wake(this);
  }

  /** The body breaks off with this error. */
  fail(error: unknown): void {
    if (this.#ended || this.#failure !== null) return;
    this.#failure = { error };
    this.#end();
    host.fetchAbort(this.#id);
    wake(this);
  }

  /**
   * Gives the body's id for the host to move it elsewhere, past this worker; null if it has ended or failed. The caller has
   * checked that nobody has begun to read.
   */
  handOn(): number | null {
    if (this.#ended || this.#failure !== null) return null;
    this.#ended = true;
    waiting.delete(this.#id);
    unread.unregister(this.#token);
    return this.#id;
  }

  #end(): void {
    this.#ended = true;
    waiting.delete(this.#id);
    unread.unregister(this.#token);
    this.#onEnd();
  }
}

/** The `bodyReadable` hook. */
export function bodyReadable(id: number): void {
  const body = waiting.get(id);
  waiting.delete(id);
  if (body !== undefined) wake(body);
}

interface Writer {
  /** Somebody waits for room. */
  room: ((wanted: boolean) => void) | null;
  gone: () => void;
}

const writers = new Map<number, Writer>();

/** The `bodyWritable` hook. */
export function bodyWritable(id: number, wanted: boolean): void {
  const writer = writers.get(id);
  if (writer === undefined) return;
  const { room } = writer;
  writer.room = null;
  if (!wanted) writer.gone();
  room?.(wanted);
}

/**
 * Writes a body to the host under an id that it knows, at the pace of whoever reads it there. If the
 * reader goes, the source is cancelled and `gone` called. The promise never rejects: a source that fails breaks the body off, with
 * the text that `describe` gives.
 */
export async function writeToHost(source: ChunkSource, id: number, gone: () => void, describe: (error: unknown) => string): Promise<void> {
  let left = false;
  const writer: Writer = {
    room: null,
    gone() {
      left = true;
      writers.delete(id);
      source.cancel(new DOMException("The reader of the body went away.", "AbortError"));
      gone();
    },
  };
  writers.set(id, writer);
  try {
    for (let chunk = await source.pull(); chunk !== null && !left; chunk = await source.pull()) {
      if (chunk.byteLength === 0) continue;
      const part = chunk;
      const room = callHost(() => host.bodyWrite(id, part));
      if (room === null) writer.gone();
      else if (!room) {
        await new Promise((resolve) => {
          writer.room = resolve;
        });
      }
      if (left) return;
    }
    host.bodyEnd(id, null);
  } catch (error) {
    host.bodyEnd(id, describe(error).toWellFormed());
    if (!left) source.cancel(error);
  } finally {
    writers.delete(id);
  }
}

