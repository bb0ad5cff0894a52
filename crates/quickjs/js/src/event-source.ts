// EventSource (HTML, section 9.2) over the host's fetches.

import type { ChunkSource } from "./body.ts";
import { facts, host } from "./boundary.ts";
import { utf8Encode } from "./encoding.ts";
import { Event, MessageEvent } from "./event.ts";
import { EventStreamParser, type StreamEvent } from "./event-stream.ts";
import { defineEventHandlers, EventTarget, fire } from "./event-target.ts";
import { beginFetch } from "./fetch.ts";
import { listGet } from "./headers.ts";
import { callHost } from "./operations.ts";
import type { ResponseRecord } from "./response.ts";
import { queueTask, startInternalTimer, stopTimer } from "./timers.ts";
import { parseRelativeUrl, parseUrl } from "./url.ts";
import { defineInterface, requireArguments, toDictionary, toUSVString } from "./webidl.ts";

const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 2;

/** The reconnection time of a stream that tells none. */
const RETRY_MS = 3_000;
/** A stream that asks for less, and ends at once, would keep its server and this worker busy. */
const RETRY_MS_MIN = 100;
/** Attempts that fail one after the other wait longer each time, up to this. */
const BACK_OFF_MS_MAX = 60_000;
const DOUBLINGS_MAX = 16;
const DELAY_MS_MAX = 0x7fffffff;

export class EventSource extends EventTarget {
  #url: string;
  #withCredentials: boolean;
  #readyState = CONNECTING;
  #retry = RETRY_MS;
  #lastEventId = "";
  /** Attempts that failed since the connection was open. */
  #failures = 0;
  /** Ends what is going on: the exchange, or the wait for the next one. */
  #stop: () => void = () => {};

  constructor(url: string, init: unknown = undefined) {
    requireArguments(arguments.length, 1, "EventSource constructor");
    const text = toUSVString(url);
    const withCredentials = Boolean(toDictionary(init, "EventSourceInit").withCredentials);
    super();
    const parsed = parseRelativeUrl(text);
    if (parsed === null) throw new DOMException(`EventSource: "${text}" is not a valid URL`, "SyntaxError");
    this.#url = parsed.href;
    this.#withCredentials = withCredentials;
    this.#connect();
  }

  get url(): string {
    return this.#url;
  }
  get withCredentials(): boolean {
    return this.#withCredentials;
  }
  get readyState(): number {
    return this.#readyState;
  }
  close(): void {
    if (this.#readyState === CLOSED) return;
    this.#readyState = CLOSED;
    this.#stop();
  }

  #connect(): void {
    const headers: [string, string][] = [["accept", "text/event-stream"]];
    const id = headerValue(this.#lastEventId);
    if (id !== null) headers.push(["last-event-id", id]);
    const request = {
      method: "GET", url: this.#url, headers, mode: "cors", credentials: this.#withCredentials ? "include" : "same-origin", cache: "no-store",
      // Not the script has set the headers, so no server is asked whether it may.
      referrer: "about:client", unsafeRequest: false,
    };
    this.#stop = beginFetch(
      request,
      (response, body) => this.#answered(response, body),
      () => this.#reconnect(),
    );
  }

  #answered(response: ResponseRecord, body: ChunkSource): void {
    const problem = refusal(response);
    if (problem !== null) {
      body.cancel(undefined);
      this.#fail(problem);
      return;
    }
    this.#stop = () => body.cancel(undefined);
    this.#failures = 0;
    this.#readyState = OPEN;
    fire(this, new Event("open"));
    if (this.#isClosed()) return;
    void this.#read(body, parseUrl(response.url)?.origin ?? "");
  }

  /** Reads the stream to its end, an event a task; the next part is asked for when all of the last one was told. */
  async #read(body: ChunkSource, origin: string): Promise<void> {
    const parser = new EventStreamParser(this.#lastEventId, facts.connectionMessageBytesMax);
    let decoder: number | null = null;
    try {
      decoder = callHost(() => host.decoderOpen("utf-8", false, false));
      for (let chunk = await pull(body); chunk !== null; chunk = await pull(body)) {
        const text = host.decoderDecode(decoder, chunk.buffer, chunk.byteOffset, chunk.byteLength, false) ?? "";
        const events = parser.push(text);
        this.#lastEventId = parser.lastEventId;
        this.#retry = parser.retry ?? this.#retry;
        for (const event of events) {
          if (!this.#isClosed()) await this.#tell(event, origin);
        }
      }
      queueTask(() => this.#reconnect());
    } catch (error) {
      body.cancel(error);
      this.#fail((error as Error).message);
    } finally {
      if (decoder !== null) host.decoderClose(decoder);
    }
  }

  #tell({ type, data, lastEventId }: StreamEvent, origin: string): Promise<void> {
    return new Promise((resolve) => {
      queueTask(() => {
        if (!this.#isClosed()) fire(this, new MessageEvent(type, { data, origin, lastEventId }));
        resolve();
      });
    });
  }

  /** "Reestablish the connection". */
  #reconnect(): void {
    if (this.#isClosed()) return;
    this.#readyState = CONNECTING;
    const backOff = Math.min(this.#retry * 2 ** Math.min(this.#failures, DOUBLINGS_MAX), Math.max(this.#retry, BACK_OFF_MS_MAX));
    const delay = Math.min(Math.max(backOff, RETRY_MS_MIN), DELAY_MS_MAX);
    this.#failures += 1;
    fire(this, new Event("error"));
    if (this.#isClosed()) return;
    try {
      const timer = startInternalTimer(delay, () => this.#connect());
      this.#stop = () => stopTimer(timer);
    } catch (error) {
      this.#fail((error as Error).message);
    }
  }

  /** "Fail the connection": once failed, it does not try again. */
  #fail(problem: string): void {
    if (this.#isClosed()) return;
    this.#readyState = CLOSED;
    host.log("error", `EventSource: ${this.#url}: ${problem}`.toWellFormed());
    fire(this, new Event("error"));
  }

  /** A listener, or anything else that ran meanwhile, may have closed it. */
  #isClosed(): boolean {
    return this.#readyState === CLOSED;
  }
}
defineInterface(EventSource, "EventSource", { CONNECTING, OPEN, CLOSED });
defineEventHandlers(EventSource.prototype, ["open", "message", "error"]);

/** Why a response is no event stream, or null. */
function refusal({ status, headers }: ResponseRecord): string | null {
  if (status !== 200) return `the server answered ${status}, not 200`;
  const type = listGet(headers, "content-type") ?? "";
  const essence = (type.split(";")[0] as string).trim().toLowerCase();
  return essence === "text/event-stream" ? null : `the response's Content-Type is "${type}", not text/event-stream`;
}

/** An ID as the value of a header, in UTF-8; null for none, and for one that no header can carry. */
function headerValue(id: string): string | null {
  if (id === "" || /[\0-\x08\n-\x1f\x7f]/.test(id)) return null;
  let value = "";
  for (const byte of utf8Encode(id.toWellFormed())) value += String.fromCharCode(byte);
  return value;
}

/** The next part; null at the end, and where the stream breaks off: both are answered by another attempt. */
async function pull(body: ChunkSource): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    return await body.pull();
  } catch {
    return null;
  }
}
