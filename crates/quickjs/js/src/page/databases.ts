// The databases of a page's origin, which it shares with its workers: the IndexedDB classes of the workers over the
// gateway, in the place of the browser's.

import { setSignalFollower } from "../event-target.ts";
import { Event as SharedEvent } from "../event.ts";
import { EventTarget as SharedEventTarget } from "../event-target.ts";
import { indexedDB, interfaces, notice } from "../indexeddb/index.ts";
import { type Channel, connect } from "./host.ts";

export { provideSerializer } from "./clone.ts";
export { type Channel, lost, received } from "./host.ts";

/** Puts `indexedDB` and its interfaces on the global. */
export function shareDatabases(channel: Channel): void {
  connect(channel, notice);
  // Events and targets of ours are events and targets to `instanceof`.
  Object.setPrototypeOf(SharedEvent.prototype, Event.prototype);
  Object.setPrototypeOf(SharedEventTarget.prototype, EventTarget.prototype);
  setSignalFollower((signal, remove) => {
    const { aborted } = signal as unknown as AbortSignal;
    if (!aborted) (signal as unknown as AbortSignal).addEventListener("abort", remove, { once: true });
    return !aborted;
  });
  for (const [name, value] of Object.entries(interfaces)) {
    // The browser has lists of strings for other purposes too.
    if (name !== "DOMStringList") Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
  Object.defineProperty(globalThis, "indexedDB", { get: () => indexedDB, enumerable: true, configurable: true });
}
