// The task queue of IndexedDB: the worker's own.

import { startInternalTimer } from "../timers.ts";

export { queueTask } from "../timers.ts";

/** How often a blocked upgrade or deletion looks whether the other connections are closed. */
const BLOCKED_POLL_MS = 10;

/** Runs `poll` after a while, so that waiting for other connections does not keep the worker busy. */
export function pollLater(poll: () => void): void {
  startInternalTimer(BLOCKED_POLL_MS, poll);
}
