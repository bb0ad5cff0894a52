// The one connection to the gateway. It comes back by itself: a page goes on working when `wakeworker serve` was
// stopped and started again.

import type { Call, GatewayMessage, Hello, Methods, PageMessage, Welcome } from "../protocol";
import { toException } from "./webidl.ts";

/** First and longest pause between two attempts to connect, in milliseconds. */
const RECONNECT_DELAY_MS = 100;
const RECONNECT_DELAY_MAX_MS = 5_000;
/** How long a promise may stay unsettled, in milliseconds (R38). */
const CALL_DURATION_MAX_MS = 60_000;
/** How many messages for workers wait for a connection; the oldest are dropped first. */
const WAITING_MESSAGES_MAX = 1_000;

interface PendingCall {
  message: Call;
  sent: boolean;
  resolve(value: never): void;
  reject(error: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

/** What the connection tells its owner. */
export interface ConnectionEvents {
  /** The first message of each connection. */
  hello(): Hello;
  welcome(message: Welcome): void;
  /** What depends on one connection is gone. */
  lost(): void;
  message(message: Exclude<GatewayMessage, Welcome>): void;
}

export class Connection {
  #url: string;
  #events: ConnectionEvents;
  #socket: WebSocket | null = null;
  #welcomed = false;
  #delay = RECONNECT_DELAY_MS;
  #retry: ReturnType<typeof setTimeout> | null = null;
  #closed = false;
  #nextId = 1;
  #calls = new Map<number, PendingCall>();
  #waiting: PageMessage[] = [];
  #hearsBroadcasts = false;

  constructor(url: string, events: ConnectionEvents) {
    this.#url = url;
    this.#events = events;
    // The page comes to the front, or the machine to a network: worth an attempt before the pause is over.
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => this.#hurry());
    addEventListener("pagehide", () => this.#leave());
    addEventListener("pageshow", (event) => {
      if (event.persisted) this.open();
    });
  }

  /** Connects, unless there is a connection. */
  open(): void {
    this.#closed = false;
    if (this.#socket !== null) return;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    let socket: WebSocket;
    try {
      socket = new WebSocket(this.#url);
    } catch {
      // A policy of the page forbids the address; calls end by their time limit, with an error that says so.
      return;
    }
    this.#socket = socket;
    socket.onopen = () => {
      if (this.#socket === socket) socket.send(JSON.stringify(this.#events.hello()));
    };
    socket.onmessage = (event) => {
      if (this.#socket === socket) this.#receive(String(event.data));
    };
    socket.onclose = () => {
      if (this.#socket === socket) this.#lost();
    };
  }

  /** Asks a question. Its promise settles in any case (R38); a question cut off by a lost connection is asked again. */
  call<M extends keyof Methods>(method: M, params: Methods[M]["params"]): Promise<Methods[M]["value"]> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const message = { type: "call", id, method, params } as Call;
      const timer = setTimeout(() => {
        this.#calls.delete(id);
        reject(
          new DOMException(
            `The WakeWorker gateway did not answer within ${CALL_DURATION_MAX_MS / 1000} seconds; is \`wakeworker serve\` running?`,
            "UnknownError",
          ),
        );
      }, CALL_DURATION_MAX_MS);
      const call: PendingCall = { message, sent: false, resolve, reject, timer };
      this.#calls.set(id, call);
      call.sent = this.#send(message);
    });
  }

  /** Sends a message for a worker, now or when there is a connection. */
  post(message: PageMessage): void {
    if (this.#send(message)) return;
    if (this.#waiting.length >= WAITING_MESSAGES_MAX) this.#waiting.shift();
    this.#waiting.push(message);
  }

  /** Tells something that only matters while there is a connection. */
  tell(message: PageMessage): void {
    this.#send(message);
  }

  /** Tells the gateway whether the page has a BroadcastChannel, now and after every new connection. */
  setHearsBroadcasts(hears: boolean): void {
    if (this.#hearsBroadcasts === hears) return;
    this.#hearsBroadcasts = hears;
    this.tell({ type: "broadcasts", hears });
  }

  #send(message: PageMessage): boolean {
    if (this.#socket === null || !this.#welcomed) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #receive(text: string): void {
    const message = JSON.parse(text) as GatewayMessage;
    switch (message.type) {
      case "welcome":
        this.#delay = RECONNECT_DELAY_MS;
        this.#welcomed = true;
        this.#events.welcome(message);
        this.#catchUp();
        break;
      case "result":
      case "failure":
        this.#settle(message);
        break;
      default:
        this.#events.message(message);
    }
  }

  #settle(message: Extract<GatewayMessage, { type: "result" | "failure" }>): void {
    const call = this.#calls.get(message.id);
    if (call === undefined) return;
    this.#calls.delete(message.id);
    clearTimeout(call.timer);
    if (message.type === "failure") call.reject(toException(message.name, message.message));
    else call.resolve(message.value as never);
  }

  /** Asks and says what was held up. Every method may be asked twice; see `#lost` for the one exception. */
  #catchUp(): void {
    if (this.#hearsBroadcasts) this.tell({ type: "broadcasts", hears: true });
    for (const call of this.#calls.values()) {
      call.sent = this.#send(call.message);
    }
    for (const message of this.#waiting.splice(0)) this.post(message);
  }

  #lost(): void {
    this.#socket = null;
    this.#welcomed = false;
    this.#events.lost();
    for (const [id, call] of this.#calls) {
      // Asked again, `unregister` would answer false although it was this page that did it.
      if (call.sent && call.message.method === "unregister") {
        this.#calls.delete(id);
        clearTimeout(call.timer);
        call.reject(
          new DOMException("The connection to the WakeWorker gateway was lost before it answered.", "AbortError"),
        );
      }
    }
    if (this.#closed) return;
    this.#retry = setTimeout(() => this.open(), this.#delay);
    this.#delay = Math.min(this.#delay * 2, RECONNECT_DELAY_MAX_MS);
  }

  #hurry(): void {
    if (this.#socket === null && !this.#closed && document.visibilityState === "visible") {
      this.#delay = RECONNECT_DELAY_MS;
      this.open();
    }
  }

  /** The document is going away, perhaps only into the back/forward cache. */
  #leave(): void {
    this.#closed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
    this.#socket?.close();
  }
}
