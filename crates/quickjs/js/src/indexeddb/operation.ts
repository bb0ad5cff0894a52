// What a request does when its turn comes: it asks the host. The host of a worker answers at once; that of a page has to
// ask the gateway, and what the request does next follows when the answer is there.

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

/** An answer, or one that is still on its way. */
export type Outcome<T> = T | Pending<T>;

/** Asks the host something; its failures become DOMExceptions. */
export function ask<T>(call: () => T): Outcome<T> {
  return callHost(call);
}

/** What follows an answer: now, or when it is there. */
export function andThen<T, R>(outcome: Outcome<T>, next: (value: T) => Outcome<R>): Outcome<R> {
  if (!(outcome instanceof Pending)) return next(outcome);
  const following = new Pending<R>();
  carryOut(() => outcome, (error, value) => {
    if (error !== null) following.fail(error);
    else carryOut(() => next(value as T), (failure, result) => (failure === null ? following.fulfil(result as R) : following.fail(failure)));
  });
  return following;
}

/** Takes steps until one answers false. */
export function repeat(step: () => Outcome<boolean>): Outcome<void> {
  for (;;) {
    const outcome = step();
    // Only an answer that has to be waited for makes the stack deeper.
    if (outcome instanceof Pending) return andThen(outcome, (goesOn) => (goesOn ? repeat(step) : undefined));
    if (!outcome) return;
  }
}

/** Carries an operation out; `done` is called once, with an error or null. */
export function carryOut<T>(operation: () => Outcome<T>, done: (error: DOMException | null, result: T | undefined) => void): void {
  let outcome: Outcome<T>;
  try {
    outcome = operation();
  } catch (thrown) {
    done(toException(thrown), undefined);
    return;
  }
  if (outcome instanceof Pending) {
    outcome.whenSettled(
      (value) => done(null, value),
      (thrown) => done(toException(thrown), undefined),
    );
  } else {
    done(null, outcome);
  }
}

function toException(thrown: unknown): DOMException {
  return thrown instanceof DOMException ? thrown : exception("UnknownError", String(thrown));
}
