// fetch() over the host's HTTP client (Fetch standard, section 5.6).

import { addAbortAlgorithm, releaseDependentSignal, removeAbortAlgorithm } from "./abort.ts";
import { Body, type ChunkSource } from "./body.ts";
import { drawId, host, jsonParse, jsonStringify } from "./boundary.ts";
import { Request, requestRecord } from "./request.ts";
import { makeResponse, type ResponseRecord } from "./response.ts";
import { requireArguments } from "./webidl.ts";

interface Pending {
  head(record: ResponseRecord): void;
  chunk(bytes: ArrayBuffer | null): void;
  failed(message: string): void;
}

const pending = new Map<number, Pending>();

/** Responses that nobody can read any more: the request ends, and what has arrived of the body is given back. */
const unread = new FinalizationRegistry<number>((id) => {
  if (pending.delete(id)) host.fetchAbort(id);
});

/** The `fetchHead` hook. */
export function fetchHead(id: number, head: string): void {
  pending.get(id)?.head(jsonParse(head) as ResponseRecord);
}
/** The `fetchChunk` hook. */
export function fetchChunk(id: number, chunk: ArrayBuffer | null): void {
  pending.get(id)?.chunk(chunk);
}
/** The `fetchFailed` hook. */
export function fetchFailed(id: number, message: string): void {
  pending.get(id)?.failed(message);
}

/** `fetch(input, init)`: every failure is a rejection. */
export async function fetch(input: unknown, init: unknown = undefined): Promise<unknown> {
  requireArguments(arguments.length, 1, "fetch");
  const request = new Request(input, init);
  const { signal } = request;
  signal.throwIfAborted();
  const record = requestRecord(request);
  let bytes: Uint8Array<ArrayBuffer> | null = null;
  if (record.body !== null) {
    bytes = record.body.bytesAtHand;
    if (bytes === null) {
      bytes = await record.body.readAll();
      signal.throwIfAborted();
    }
  }
  const id = drawId();
  const { method, url, headers, mode, credentials, cache, redirect, referrer, referrerPolicy, integrity, keepalive, destination } = record;
  const head = jsonStringify({ method, url, headers, mode, credentials, cache, redirect, referrer, referrerPolicy, integrity, keepalive, destination });

  return new Promise((resolve, reject) => {
    const body = new ResponseBody(id);
    let answered = false;
    const abort = (): void => {
      pending.delete(id);
      host.fetchAbort(id);
      if (answered) body.fail(signal.reason);
      else reject(signal.reason);
    };
    const finished = (): void => {
      pending.delete(id);
      removeAbortAlgorithm(signal, abort);
      releaseDependentSignal(signal);
    };
    body.finished = finished;
    pending.set(id, {
      head(response) {
        answered = true;
        const hasBody = method !== "HEAD" && ![101, 103, 204, 205, 304].includes(response.status);
        resolve(makeResponse({ ...response, body: hasBody ? Body.fromSource(new UnreadBody(id, body)) : null }, true));
        // Without a body nobody will ever pull, and the operation ends here.
        if (!hasBody) {
          finished();
          host.fetchAbort(id);
        }
      },
      chunk(chunk) {
        body.chunk(chunk);
      },
      failed(message) {
        finished();
        if (answered) body.fail(new TypeError(`the response's body failed: ${message}`));
        else reject(new TypeError(`fetch of ${url} failed: ${message}`));
      },
    });
    addAbortAlgorithm(signal, abort);
    host.fetch(id, head, bytes === null ? null : bytes.slice().buffer);
  });
}

/** The only way to a response's chunks for whoever reads it. When nobody holds it any more, nobody will read. */
class UnreadBody implements ChunkSource {
  #body: ResponseBody;

  constructor(id: number, body: ResponseBody) {
    this.#body = body;
    unread.register(this, id);
  }

  pull(): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.#body.pull();
  }
  cancel(): void {
    this.#body.cancel();
  }
}

/** The chunks of a response as the host delivers them, one for each pull. */
class ResponseBody implements ChunkSource {
  #id: number;
  #waiting: { resolve: (chunk: Uint8Array<ArrayBuffer> | null) => void; reject: (error: unknown) => void } | null = null;
  #failure: { error: unknown } | null = null;
  #ended = false;
  finished: () => void = () => {};

  constructor(id: number) {
    this.#id = id;
  }

  pull(): Promise<Uint8Array<ArrayBuffer> | null> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== null) {
        reject(this.#failure.error);
      } else if (this.#ended) {
        resolve(null);
      } else {
        this.#waiting = { resolve, reject };
        host.fetchPull(this.#id);
      }
    });
  }
  cancel(): void {
    if (this.#ended || this.#failure !== null) return;
    this.#ended = true;
    this.finished();
    host.fetchAbort(this.#id);
  }
  chunk(bytes: ArrayBuffer | null): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (bytes === null) {
      this.#ended = true;
      this.finished();
    }
    waiting?.resolve(bytes === null ? null : new Uint8Array(bytes));
  }
  fail(error: unknown): void {
    this.#failure = { error };
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(error);
  }
}
