// IndexedDB's events are ordinary events, fired through their transaction and database.

import { type Event, eventState } from "../event.ts";
import { dispatch, type EventTarget } from "../event-target.ts";

export { Event as default } from "../event.ts";

const paths = new WeakMap<Event, readonly EventTarget[]>();

/** Sets the ancestors of the event's target, outermost first. */
export function setPath(event: Event, path: readonly EventTarget[]): void {
  paths.set(event, path);
}

/** Fires a trusted event; true if a listener threw (which has been reported). */
export function fire(target: EventTarget, event: Event): boolean {
  eventState(event).trusted = true;
  return dispatch(target, event, (paths.get(event) ?? []).toReversed());
}

/** Like `fire`, but throws if a listener threw, which aborts the transaction. */
export function fireOrThrow(target: EventTarget, event: Event): void {
  if (fire(target, event)) throw new Error("a listener threw an exception");
}
