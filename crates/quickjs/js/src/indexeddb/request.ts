// IDBRequest and IDBOpenDBRequest (Indexed Database API 3.0, "The IDBRequest interface"), and how events reach them.

import { type Event, eventState } from "../event.ts";
import { defineEventHandlers, dispatch, EventTarget } from "../event-target.ts";
import { defineInterface, internal, requireInternal } from "../webidl.ts";
import { fail } from "./errors.ts";
import type { IDBTransaction } from "./transaction.ts";

/** What the algorithms know of a request. */
export interface RequestState {
  isDone: boolean;
  result: unknown;
  error: DOMException | null;
  source: object | null;
  transaction: IDBTransaction | null;
}

/** The state of a request. */
export let requestState: (request: IDBRequest) => RequestState;

export class IDBRequest extends EventTarget {
  #state: RequestState = { isDone: false, result: undefined, error: null, source: null, transaction: null };

  static {
    requestState = (request) => request.#state;
  }

  constructor(token: unknown = undefined) {
    requireInternal(token);
    super();
  }

  get result(): unknown {
    const { isDone, result } = this.#state;
    if (!isDone) fail("InvalidStateError", "the request has no result yet");
    return result;
  }
  get error(): DOMException | null {
    const { isDone, error } = this.#state;
    if (!isDone) fail("InvalidStateError", "the request has no result yet");
    return error;
  }
  get source(): object | null {
    return this.#state.source;
  }
  get transaction(): IDBTransaction | null {
    return this.#state.transaction;
  }
  get readyState(): string {
    return this.#state.isDone ? "done" : "pending";
  }
}
defineInterface(IDBRequest, "IDBRequest");
defineEventHandlers(IDBRequest.prototype, ["success", "error"]);

export class IDBOpenDBRequest extends IDBRequest {}
defineInterface(IDBOpenDBRequest, "IDBOpenDBRequest");
defineEventHandlers(IDBOpenDBRequest.prototype, ["blocked", "upgradeneeded"]);

/** A request for something of a transaction. */
export function makeRequest(source: object, transaction: IDBTransaction): IDBRequest {
  const request = new IDBRequest(internal);
  const state = requestState(request);
  state.source = source;
  state.transaction = transaction;
  return request;
}

/** Fires a trusted event through the ancestors, nearest first; true if a listener threw. */
export function fire(target: EventTarget, event: Event, ancestors: readonly EventTarget[] = []): boolean {
  eventState(event).trusted = true;
  return dispatch(target, event, ancestors);
}

/** Sets the outcome of a request. */
export function settle(request: IDBRequest, result: unknown, error: DOMException | null): void {
  const state = requestState(request);
  state.isDone = true;
  state.result = error === null ? result : undefined;
  state.error = error;
}
