// What happens to exceptions that no script catches (HTML "report an exception").

import { host } from "./boundary.ts";
import { describeError } from "./inspect.ts";

/** Fires `error` at the global; true if a listener cancelled it. Set by global.ts, which knows the global. */
type ErrorDispatcher = (error: unknown, message: string) => boolean;

let dispatchError: ErrorDispatcher = () => false;
let reporting = false;

/** Connects the global's `error` event. */
export function setErrorDispatcher(dispatcher: ErrorDispatcher): void {
  dispatchError = dispatcher;
}

/** The one line that `ErrorEvent.message` shows. */
function messageOf(error: unknown): string {
  try {
    if (error instanceof Error) return `Uncaught ${error.name}: ${error.message}`;
    return `Uncaught ${String(error)}`;
  } catch {
    return "Uncaught exception";
  }
}

/** Reports an exception: first to the `error` listeners, then, unless one cancelled it, to the host's log. */
export function reportException(error: unknown): void {
  if (!reporting) {
    reporting = true;
    try {
      if (dispatchError(error, messageOf(error))) return;
    } finally {
      reporting = false;
    }
  }
  host.reportException("exception", describeError(error).toWellFormed());
}
