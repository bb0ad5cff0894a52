// AbortController and AbortSignal (DOM standard, section 3).

import { Event, eventState } from "./event.ts";
import { defineEventHandlers, dispatch, EventTarget, setSignalFollower } from "./event-target.ts";
import { startInternalTimer } from "./timers.ts";
import { defineInterface, internal, requireArguments, requireInternal, toEnforcedInteger, toSequence } from "./webidl.ts";

interface SignalState {
  aborted: boolean;
  reason: unknown;
  algorithms: (() => void)[];
  /** Signals that abort with this one. */
  dependents: Set<AbortSignal>;
  /** The signals that this one depends on. */
  sources: AbortSignal[];
}

let stateOf: (signal: AbortSignal) => SignalState;
/** True if the value is an AbortSignal. */
export let isAbortSignal: (value: unknown) => value is AbortSignal;

export class AbortSignal extends EventTarget {
  #state: SignalState = { aborted: false, reason: undefined, algorithms: [], dependents: new Set(), sources: [] };

  static {
    stateOf = (signal) => signal.#state;
    isAbortSignal = (value): value is AbortSignal => typeof value === "object" && value !== null && #state in value;
  }

  constructor(token: unknown = undefined) {
    requireInternal(token);
    super();
  }

  static abort(reason: unknown = undefined): AbortSignal {
    const signal = new AbortSignal(internal);
    signal.#state.aborted = true;
    signal.#state.reason = reason === undefined ? defaultReason() : reason;
    return signal;
  }
  static timeout(milliseconds: number): AbortSignal {
    requireArguments(arguments.length, 1, "AbortSignal.timeout");
    const delay = toEnforcedInteger(milliseconds, "AbortSignal.timeout");
    const signal = new AbortSignal(internal);
    startInternalTimer(delay, () => {
      signalAbort(signal, new DOMException("The operation timed out.", "TimeoutError"));
    });
    return signal;
  }
  static any(signals: Iterable<AbortSignal>): AbortSignal {
    requireArguments(arguments.length, 1, "AbortSignal.any");
    const sources = toSequence(
      signals,
      (item) => {
        if (!isAbortSignal(item)) throw new TypeError("AbortSignal.any: an item of the sequence is not an AbortSignal");
        return item;
      },
      "AbortSignal.any: argument 1",
    );
    return dependentSignal(sources);
  }
  get aborted(): boolean {
    return this.#state.aborted;
  }
  get reason(): unknown {
    return this.#state.reason;
  }
  throwIfAborted(): void {
    if (this.#state.aborted) throw this.#state.reason;
  }
}
defineInterface(AbortSignal, "AbortSignal");
defineEventHandlers(AbortSignal.prototype, ["abort"]);

export class AbortController {
  #signal = new AbortSignal(internal);
  get signal(): AbortSignal {
    return this.#signal;
  }
  abort(reason: unknown = undefined): void {
    signalAbort(this.#signal, reason);
  }
}
defineInterface(AbortController, "AbortController");

function defaultReason(): DOMException {
  return new DOMException("The operation was aborted.", "AbortError");
}

/** A signal that aborts as soon as one of `sources` does. */
export function dependentSignal(sources: readonly AbortSignal[]): AbortSignal {
  const result = new AbortSignal(internal);
  const aborted = sources.find((source) => stateOf(source).aborted);
  if (aborted !== undefined) {
    const state = stateOf(result);
    state.aborted = true;
    state.reason = stateOf(aborted).reason;
    return result;
  }
  // Only signals that nothing depends on through others are sources: a chain of requests and clones stays flat.
  const roots = new Set(sources.flatMap((source) => (stateOf(source).sources.length > 0 ? stateOf(source).sources : [source])));
  stateOf(result).sources = [...roots];
  for (const root of roots) stateOf(root).dependents.add(result);
  return result;
}

/** Ends what `dependentSignal` began, when nobody can notice any more; a source that lives long forgets the signal. */
export function releaseDependentSignal(signal: AbortSignal): void {
  const state = stateOf(signal);
  for (const source of state.sources) stateOf(source).dependents.delete(signal);
}

/** DOM "add an algorithm": runs at once when the signal aborts, before its event. False if it is aborted already. */
export function addAbortAlgorithm(signal: AbortSignal, algorithm: () => void): boolean {
  const state = stateOf(signal);
  if (state.aborted) return false;
  state.algorithms.push(algorithm);
  return true;
}

/** Undoes `addAbortAlgorithm`. */
export function removeAbortAlgorithm(signal: AbortSignal, algorithm: () => void): void {
  const { algorithms } = stateOf(signal);
  const index = algorithms.indexOf(algorithm);
  if (index >= 0) algorithms.splice(index, 1);
}

setSignalFollower((signal, remove) => {
  if (!isAbortSignal(signal)) throw new TypeError("addEventListener: options.signal is not an AbortSignal");
  return addAbortAlgorithm(signal, remove);
});

/** DOM "signal abort": marks all dependents first, then runs the algorithms and events of each. */
export function signalAbort(signal: AbortSignal, reason: unknown): void {
  const state = stateOf(signal);
  if (state.aborted) return;
  const final = reason === undefined ? defaultReason() : reason;
  const aborted = [signal];
  // Dependents of dependents follow, each once; the list grows while it is walked.
  for (const current of aborted) {
    stateOf(current).aborted = true;
    stateOf(current).reason = final;
    for (const dependent of stateOf(current).dependents) {
      if (!stateOf(dependent).aborted && !aborted.includes(dependent)) aborted.push(dependent);
    }
    stateOf(current).dependents = new Set();
  }
  for (const current of aborted) {
    const { algorithms } = stateOf(current);
    stateOf(current).algorithms = [];
    for (const algorithm of algorithms) algorithm();
    const event = new Event("abort");
    eventState(event).trusted = true;
    dispatch(current, event);
  }
}

