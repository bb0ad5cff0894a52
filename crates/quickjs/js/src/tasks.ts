// Tasks that Rust starts in this worker, and the microtask checkpoints inside them.

import { host } from "./boundary.ts";
import { reportException } from "./report.ts";

let insideHook = false;
let callbackDepth = 0;
let draining = false;

/** Runs the body of a hook. Nothing may escape to Rust: what a script threw has been reported before. */
export function runHook<A extends unknown[]>(body: (...args: A) => void): (...args: A) => void {
  return (...args: A): void => {
    const outer = insideHook;
    insideHook = true;
    try {
      body(...args);
    } catch (error) {
      reportException(error);
    } finally {
      insideHook = outer;
    }
  };
}

/**
 * Calls a script's callback; an exception is reported and given back. When no other script is on the stack, the
 * microtasks run afterwards (HTML "clean up after running script"): that is what lets a microtask of one listener run
 * before the next listener, and see the event's dispatch flag still set (R148).
 */
export function callScript(callback: Function, thisArgument: unknown, args: unknown[]): { value: unknown; threw: boolean; error: unknown } {
  callbackDepth += 1;
  let value: unknown;
  let threw = false;
  let error: unknown;
  try {
    value = Reflect.apply(callback, thisArgument, args);
  } catch (exception) {
    threw = true;
    error = exception;
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
    }
  }
  return { value, threw, error };
}
