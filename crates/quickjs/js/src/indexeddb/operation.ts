// What a request does when its turn comes: a generator that asks the host. The host of a worker answers at once; that of
// a page has to ask the gateway, and the operation goes on when the answer is there.

import { callHost } from "../operations.ts";
import { exception } from "./errors.ts";

/** An answer that is still on its way. */
export class Pending<T> {
  #outcome: { value: T } | { error: unknown } | null = null;
  #waiting: { fulfilled: (value: T) => void; failed: (error: unknown) => void } | null = null;

  fulfil(value: T): void {
    this.#outcome = { value };
    this.#waiting?.fulfilled(value);
  }
  fail(error: unknown): void {
    this.#outcome = { error };
    this.#waiting?.failed(error);
  }
  /** Calls one of the functions once, now or later. */
  whenSettled(fulfilled: (value: T) => void, failed: (error: unknown) => void): void {
    if (this.#outcome === null) this.#waiting = { fulfilled, failed };
    else if ("error" in this.#outcome) failed(this.#outcome.error);
    else fulfilled(this.#outcome.value);
  }
}

export type Operation<T> = Generator<Pending<unknown>, T, unknown>;

/** Asks the host something; its failures become DOMExceptions. */
export function* ask<T>(call: () => T): Operation<T> {
  const answer: unknown = callHost(call);
  return (answer instanceof Pending ? yield answer as Pending<unknown> : answer) as T;
}

/** Carries an operation out; `done` is called once, with an error or null. */
export function carryOut<T>(operation: Operation<T>, done: (error: DOMException | null, result: T | undefined) => void): void {
  const go = (step: () => IteratorResult<Pending<unknown>, T>): void => {
    let next: IteratorResult<Pending<unknown>, T>;
    try {
      next = step();
    } catch (thrown) {
      done(thrown instanceof DOMException ? thrown : exception("UnknownError", String(thrown)), undefined);
      return;
    }
    if (next.done === true) {
      done(null, next.value);
      return;
    }
    next.value.whenSettled(
      (value) => go(() => operation.next(value)),
      (error) => go(() => operation.throw(error)),
    );
  };
  go(() => operation.next());
}
