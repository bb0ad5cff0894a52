// BroadcastChannel of a page that the origin's service workers are part of. Pages of one browser hear each other through the
// browser's own channels, which also reach its dedicated workers; the gateway passes messages on to the service workers and
// brings theirs.

import { deserialize, serialize } from "./data.ts";
import { gateway } from "./gateway.ts";
import { HandlerAttribute, exposeInterface, finishInterface } from "./webidl.ts";

const BrowserChannel = globalThis.BroadcastChannel;

const open = new Map<string, Set<BroadcastChannel>>();

/** Hands over a message of a service worker. */
export let receiveBroadcast: (name: string, data: string) => void;

export class BroadcastChannel extends EventTarget {
  #browser: globalThis.BroadcastChannel;
  #closed = false;
  #onmessage = new HandlerAttribute(this, "message");
  #onmessageerror = new HandlerAttribute(this, "messageerror");

  constructor(name: string) {
    if (arguments.length === 0) {
      throw new TypeError("Failed to construct 'BroadcastChannel': 1 argument required, but only 0 present.");
    }
    super();
    this.#browser = new BrowserChannel(name);
    this.#browser.onmessage = (event) => this.#deliver(() => event.data);
    this.#browser.onmessageerror = () => this.dispatchEvent(new MessageEvent("messageerror", { origin: location.origin }));
    const same = open.get(this.#browser.name) ?? new Set();
    open.set(this.#browser.name, same.add(this));
    gateway().setHearsBroadcasts(true);
  }

  get name(): string {
    return this.#browser.name;
  }

  postMessage(message: unknown): void {
    const browser = this.#browser;
    if (arguments.length === 0) {
      throw new TypeError("Failed to execute 'postMessage' on 'BroadcastChannel': 1 argument required, but only 0 present.");
    }
    // A closed channel throws here.
    browser.postMessage(message);
    let data: string;
    try {
      data = serialize(message, []);
    } catch {
      // What the browser can clone and a worker cannot have, such as a blob, stays among the pages.
      return;
    }
    gateway().post({ type: "broadcast", name: JSON.stringify(browser.name), data });
  }

  close(): void {
    this.#browser.close();
    this.#closed = true;
    const same = open.get(this.#browser.name);
    same?.delete(this);
    if (same?.size === 0) open.delete(this.#browser.name);
    if (open.size === 0) gateway().setHearsBroadcasts(false);
  }

  get onmessage(): EventListener | null {
    return this.#onmessage.value;
  }

  set onmessage(handler: unknown) {
    this.#onmessage.value = handler;
  }

  get onmessageerror(): EventListener | null {
    return this.#onmessageerror.value;
  }

  set onmessageerror(handler: unknown) {
    this.#onmessageerror.value = handler;
  }

  #deliver(read: () => unknown): void {
    if (this.#closed) return;
    let event: MessageEvent;
    try {
      event = new MessageEvent("message", { data: read(), origin: location.origin });
    } catch {
      event = new MessageEvent("messageerror", { origin: location.origin });
    }
    this.dispatchEvent(event);
  }

  static {
    receiveBroadcast = (name, data) => {
      for (const channel of [...(open.get(JSON.parse(name) as string) ?? [])]) channel.#deliver(() => deserialize(data));
    };
  }
}

finishInterface(BroadcastChannel, "BroadcastChannel");

/** Puts the class in the place of the browser's. */
export function replaceBroadcastChannel(): void {
  exposeInterface(BroadcastChannel, "BroadcastChannel");
}
