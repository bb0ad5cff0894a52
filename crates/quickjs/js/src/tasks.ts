// Tasks that Rust starts in this worker, and the microtask checkpoints inside them.

import { apply, host } from "./boundary.ts";
import { reportException } from "./report.ts";

let insideHook = false;
let callbackDepth = 0;
let draining = false;

/** What the callback that `callScript` called last returned; undefined if it threw. */
export let lastValue: unknown;

let atMicrotasksEnd: (() => void) | null = null;

/** Sets what happens at the end of every microtask checkpoint. */
export function setMicrotasksEnd(callback: () => void): void {
  atMicrotasksEnd = callback;
}

/** Calls something when the microtasks of the listeners that were just called have run. Here they have; see `callScript`. */
export function afterMicrotasks(callback: () => void): void {
  callback();
}

/** The `microtasksDone` hook. */
export function microtasksEnded(): void {
  atMicrotasksEnd?.();
}

/** Runs the body of a hook. Nothing may escape to Rust: what a script threw has been reported before. */
export function runHook<A extends unknown[]>(body: (...args: A) => void): (...args: A) => void {
  return (...args: A): void => {
    const outer = insideHook;
    insideHook = true;
    try {
      // Spreading would ask the script's iterator of arrays.
      apply(body, undefined, args);
    } catch (error) {
      reportException(error);
    } finally {
      insideHook = outer;
    }
  };
}

/**
 * Calls a script's callback; an exception is reported. Gives whether it threw; `lastValue` is what it returned. When no
 * other script is on the stack, the microtasks run afterwards (HTML "clean up after running script"): that is what lets
 * a microtask of one listener run before the next listener, and see the event's dispatch flag still set (R148).
 */
export function callScript(callback: Function, thisArgument: unknown, args: unknown[]): boolean {
  callbackDepth += 1;
  let threw = false;
  let value: unknown;
  try {
    value = apply(callback, thisArgument, args);
  } catch (exception) {
    threw = true;
    reportException(exception);
  } finally {
    callbackDepth -= 1;
  }
  if (insideHook && callbackDepth === 0 && !draining) {
    draining = true;
    insideHook = false;
    try {
      host.runMicrotasks();
    } finally {
      draining = false;
      insideHook = true;
      microtasksEnded();
    }
  }
  // Only now: the microtasks may have called other callbacks.
  lastValue = value;
  return threw;
}
