// `syncdone`: how a page learns that a sync of its origin has ended (R248). Off unless the host switches it on.
//
//   registration.addEventListener("syncdone", (event) => …)    event: SyncDoneEvent

import type { SyncDone } from "../protocol";
import { extensions } from "./extensions.ts";
import { KEY, exposeInterface, finishInterface, fromUnits, requireKey } from "./webidl.ts";

/** Fired at a ServiceWorkerRegistration in each of its pages when an event of one of its sync registrations has ended. */
export class SyncDoneEvent extends Event {
  #done: SyncDone;

  constructor(...args: unknown[]) {
    requireKey(args, "SyncDoneEvent");
    super("syncdone");
    this.#done = args[1] as SyncDone;
  }

  /** Which API: `sync` or `periodicsync`. */
  get kind(): "sync" | "periodicsync" {
    return this.#done.kind;
  }

  get tag(): string {
    return fromUnits(this.#done.tag);
  }

  get result(): "succeeded" | "failed" {
    return this.#done.reason === null ? "succeeded" : "failed";
  }

  /** Why it failed: `rejected`, `timed-out`, `terminated`, `start-failed`, `script-error` …; null if it succeeded. */
  get reason(): string | null {
    return this.#done.reason;
  }

  /** Whether another attempt follows. */
  get willRetry(): boolean {
    return this.#done.willRetry;
  }
}

export function createSyncDoneEvent(done: SyncDone): SyncDoneEvent {
  return new SyncDoneEvent(KEY, done);
}

finishInterface(SyncDoneEvent, "SyncDoneEvent");
if (extensions.syncDone) exposeInterface(SyncDoneEvent, "SyncDoneEvent");
