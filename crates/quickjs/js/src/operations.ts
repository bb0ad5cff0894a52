// Asynchronous operations of the host that end with one `settled` hook.

import { drawId, jsonParse } from "#boundary";

interface Waiting {
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

const waiting = new Map<number, Waiting>();

/** Starts an operation; the promise gets the value as parsed JSON, or the host's error. */
export function startOperation(start: (id: number) => void): Promise<unknown> {
  const id = drawId();
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    start(id);
  });
}

/** The `settled` hook. */
export function operationSettled(id: number, error: string | null, value: string | null): void {
  const operation = waiting.get(id);
  if (operation === undefined) return;
  waiting.delete(id);
  if (error !== null) operation.reject(hostError(jsonParse(error)));
  else operation.resolve(value === null || value === "" ? undefined : jsonParse(value));
}

/** The exception for an error record of the host: TypeError and RangeError by name, else a DOMException. */
export function hostError(record: unknown): Error {
  const { name, message } = (typeof record === "object" && record !== null ? record : {}) as { name?: unknown; message?: unknown };
  const text = typeof message === "string" ? message : String(record);
  if (name === "TypeError") return new TypeError(text);
  if (name === "RangeError") return new RangeError(text);
  return new DOMException(text, typeof name === "string" && name !== "Error" ? name : "UnknownError") as unknown as Error;
}

/** Web IDL promise operations: what the body throws becomes a rejection (R11). */
export function promiseOperation<T>(body: () => Promise<T>): Promise<T> {
  try {
    return body();
  } catch (error) {
    return Promise.reject(error) as Promise<T>;
  }
}

