// Calls of the host whose failures become the exceptions that scripts see.

import { hostError } from "../operations.ts";

/** Calls the host; what it throws is a DOMException or TypeError for the script. */
export function callHost<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (typeof error === "object" && error !== null && (error as { hostError?: unknown }).hostError === true) throw hostError(error);
    throw error;
  }
}
