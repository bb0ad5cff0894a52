// fetch() over the host's HTTP client (Fetch standard, section 5.6).

import { addAbortAlgorithm, releaseDependentSignal, removeAbortAlgorithm } from "./abort.ts";
import { Body } from "./body.ts";
import { drawId, host, jsonParse, jsonStringify } from "./boundary.ts";
import { listGet } from "./headers.ts";
import { HostBody, writeToHost } from "./host-body.ts";
import { describeError } from "./inspect.ts";
import { Request, type RequestRecord, requestRecord } from "./request.ts";
import { makeResponse, type ResponseRecord } from "./response.ts";
import { requireArguments } from "./webidl.ts";

interface Pending {
  head(record: ResponseRecord): void;
  failed(message: string): void;
  over(): void;
}

const pending = new Map<number, Pending>();

/** The `fetchHead` hook. */
export function fetchHead(id: number, head: string): void {
  pending.get(id)?.head(jsonParse(head) as ResponseRecord);
}
/** The `fetchFailed` hook. */
export function fetchFailed(id: number, message: string): void {
  pending.get(id)?.failed(message);
}
/** The `fetchOver` hook: a response's body has gone past this worker to its reader. */
export function fetchOver(id: number): void {
  pending.get(id)?.over();
}

/** Notes who waits for the answer that comes under an id: the head with the body, or why there is none. */
function awaitAnswer(id: number, answered: (response: ResponseRecord, body: HostBody) => void, failed: (message: string) => void): void {
  const finished = (): void => {
    pending.delete(id);
  };
  pending.set(id, {
    head(response) {
      // What is still expected of this request must not hold the response.
      pending.set(id, { head() {}, failed() {}, over: finished });
      answered(response, new HostBody(id, finished));
    },
    failed(message) {
      finished();
      failed(message);
    },
    over: finished,
  });
}

/** The answer of a request that the host has sent; `begin` gets the id under which it comes. */
export function receiveResponse(url: string, begin: (id: number) => void): Promise<unknown> {
  const id = drawId();
  return new Promise((resolve, reject) => {
    awaitAnswer(
      id,
      (response, body) => resolve(makeResponse({ ...response, body: Body.fromSource(body) }, true)),
      (message) => reject(new TypeError(`the request of ${url} failed: ${message}`)),
    );
    begin(id);
  });
}

/** Sends a request of the layer's own, without a body. Gives what gives it up as long as there is no answer. */
export function beginFetch(request: object, answered: (response: ResponseRecord, body: HostBody) => void, failed: (message: string) => void): () => void {
  const id = drawId();
  awaitAnswer(id, answered, failed);
  host.fetch(id, jsonStringify(request), null);
  return () => {
    pending.delete(id);
    host.fetchAbort(id);
  };
}

/** `fetch(input, init)`: every failure is a rejection. */
export async function fetch(input: unknown, init: unknown = undefined): Promise<unknown> {
  requireArguments(arguments.length, 1, "fetch");
  const request = new Request(input, init);
  const { signal } = request;
  const record = requestRecord(request);
  if (signal.aborted) {
    // "Abort the fetch() call": whoever writes the request's body hears of it as well.
    record.body?.cancel(signal.reason);
    throw signal.reason;
  }
  const id = drawId();
  return await new Promise((resolve, reject) => {
    // Both are let go of with the answer: a response that nobody holds any more gives up its exchange.
    let asking: { resolve: (response: unknown) => void; reject: (error: unknown) => void } | null = { resolve, reject };
    let body: WeakRef<HostBody> | null = null;
    const finished = (): void => {
      pending.delete(id);
      removeAbortAlgorithm(signal, abort);
      releaseDependentSignal(signal);
    };
    const abort = (): void => {
      finished();
      host.fetchAbort(id);
      asking?.reject(signal.reason);
      body?.deref()?.fail(signal.reason);
    };
    pending.set(id, {
      head(response) {
        const source = new HostBody(id, finished);
        body = new WeakRef(source);
        const hasBody = record.method !== "HEAD" && ![101, 103, 204, 205, 304].includes(response.status);
        // A body that is known to be empty has ended already: what becomes of the signal later does not concern it.
        const isEmpty = hasBody && listGet(response.headers, "content-length") === "0";
        const answerBody = !hasBody ? null : isEmpty ? Body.fromBytes(new Uint8Array(0)) : Body.fromSource(source);
        asking?.resolve(makeResponse({ ...response, body: answerBody }, true));
        asking = null;
        // Without a body nobody will ever pull, and the operation ends here.
        if (!hasBody || isEmpty) source.cancel();
      },
      failed(message) {
        finished();
        asking?.reject(new TypeError(`fetch of ${record.url} failed: ${message}`));
      },
      over: finished,
    });
    addAbortAlgorithm(signal, abort);
    send(id, record);
  });
}

/** Gives the request to the host, with its body whole, as a stream that this side writes, or past this side. */
function send(id: number, record: RequestRecord): void {
  const { method, url, headers, mode, credentials, cache, redirect, referrer, referrerPolicy, integrity, keepalive, destination, body } = record;
  const head = { method, url, headers, mode, credentials, cache, redirect, referrer, referrerPolicy, integrity, keepalive, destination };
  if (body === null) {
    host.fetch(id, jsonStringify(head), null);
    return;
  }
  const bytes = body.takeBytes();
  if (bytes !== null) {
    host.fetch(id, jsonStringify(head), bytes);
    return;
  }
  const source = body.takeSource();
  const given = source.handOn?.() ?? null;
  if (given !== null) {
    host.fetch(id, jsonStringify({ ...head, body: given }), null);
    return;
  }
  host.fetch(id, jsonStringify({ ...head, writes: true }), null);
  void writeToHost(source, id, () => {}, describeError);
}
