// IDBTransaction (Indexed Database API 3.0, "Transactions" and "The IDBTransaction interface"): requests one after the other, then commit or abort.

import { host } from "#boundary";
import { afterMicrotasks, setMicrotasksEnd } from "#tasks";
import { queueTask } from "#timers";
import { Event, eventState } from "../event.ts";
import { defineEventHandlers, EventTarget } from "../event-target.ts";
import { defineInterface, internal, requireArguments, requireInternal, toDOMString } from "../webidl.ts";
import type { IDBDatabase } from "./database.ts";
import { exception, fail } from "./errors.ts";
import { IDBObjectStore } from "./object-store.ts";
import { ask, carryOut, type Outcome } from "./operation.ts";
import { fire, type IDBRequest, makeRequest, requestState, settle } from "./request.ts";
import type { StoreMeta } from "./schema.ts";
import { type DOMStringList, sortedNames } from "./string-list.ts";

export type Mode = "readonly" | "readwrite" | "versionchange";

interface Item {
  /** Null for the commit, and for what a change of the schema does in its turn. */
  request: IDBRequest | null;
  operation: () => Outcome<unknown>;
}

/** Stands for the commit while it is carried out. */
const COMMIT: Item = { request: null, operation: () => ask(() => undefined) };

/** What the algorithms know of a transaction. */
export interface TransactionState {
  readonly id: number;
  readonly db: IDBDatabase;
  readonly mode: Mode;
  readonly durability: string;
  /** The names of its stores; for an upgrade those of the database. */
  names: () => Iterable<string>;
  findStore: (name: string) => StoreMeta | undefined;
  lifecycle: "active" | "inactive" | "committing" | "finished";
  error: DOMException | null;
  isStarted: boolean;
  isScheduled: boolean;
  /** What is being carried out: the host has not answered yet. */
  running: Item | null;
  readonly queue: Item[];
  readonly handles: Map<StoreMeta, IDBObjectStore>;
  /** Called when it is over, after its last event: for an upgrade, the open request goes on. */
  finished: (committed: boolean) => void;
  /** For an upgrade: gives the schema back. */
  revert: () => void;
}

/** The state of a transaction. */
export let transactionState: (transaction: IDBTransaction) => TransactionState;

export class IDBTransaction extends EventTarget {
  #state: TransactionState;

  static {
    transactionState = (transaction) => transaction.#state;
  }

  constructor(token: unknown = undefined, state: unknown = undefined) {
    requireInternal(token);
    super();
    this.#state = state as TransactionState;
  }

  get objectStoreNames(): DOMStringList {
    return sortedNames(this.#state.names());
  }
  get mode(): Mode {
    return this.#state.mode;
  }
  get durability(): string {
    return this.#state.durability;
  }
  get db(): IDBDatabase {
    return this.#state.db;
  }
  get error(): DOMException | null {
    return this.#state.error;
  }
  objectStore(name: unknown): IDBObjectStore {
    const state = this.#state;
    requireArguments(arguments.length, 1, "IDBTransaction.objectStore");
    const text = toDOMString(name);
    if (state.lifecycle === "finished") fail("InvalidStateError", "objectStore: the transaction has finished");
    const meta = state.findStore(text);
    if (meta === undefined) fail("NotFoundError", `objectStore: the transaction has no object store "${text}"`);
    return storeHandle(this, meta);
  }
  commit(): void {
    const state = this.#state;
    if (state.lifecycle !== "active") fail("InvalidStateError", "commit: the transaction is not active");
    state.lifecycle = "committing";
    schedule(this);
  }
  abort(): void {
    const state = this.#state;
    if (state.lifecycle === "committing" || state.lifecycle === "finished") fail("InvalidStateError", "abort: the transaction has finished or is committing");
    abortTransaction(this, null);
  }
}
defineInterface(IDBTransaction, "IDBTransaction");
defineEventHandlers(IDBTransaction.prototype, ["abort", "complete", "error"]);

/** The one object that stands for a store in a transaction. */
export function storeHandle(transaction: IDBTransaction, meta: StoreMeta): IDBObjectStore {
  const { handles } = transactionState(transaction);
  let handle = handles.get(meta);
  if (handle === undefined) {
    handle = new IDBObjectStore(internal, transaction, meta);
    handles.set(meta, handle);
  }
  return handle;
}

/** Throws unless requests can be made. */
export function requireActive(transaction: IDBTransaction): TransactionState {
  const state = transactionState(transaction);
  if (state.lifecycle !== "active") fail("TransactionInactiveError", "the transaction is not active: it has finished, or no event of it is being handled");
  return state;
}

/** "Asynchronously execute a request". */
export function execute(transaction: IDBTransaction, source: object, operation: () => Outcome<unknown>, request: IDBRequest = makeRequest(source, transaction)): IDBRequest {
  transactionState(transaction).queue.push({ request, operation });
  schedule(transaction);
  return request;
}

/** Does something in its turn; a failure aborts the transaction. */
export function executeSilently(transaction: IDBTransaction, operation: () => Outcome<unknown>): void {
  transactionState(transaction).queue.push({ request: null, operation });
  schedule(transaction);
}

/** Lets the transaction go on with the next task. */
export function schedule(transaction: IDBTransaction): void {
  const state = transactionState(transaction);
  if (!state.isStarted || state.isScheduled || state.running !== null || state.lifecycle === "finished") return;
  state.isScheduled = true;
  queueTask(() => {
    state.isScheduled = false;
    proceed(transaction, state);
  });
}

function proceed(transaction: IDBTransaction, state: TransactionState): void {
  if (state.lifecycle === "finished") return;
  // No script is running, whatever was left.
  if (state.lifecycle === "active") state.lifecycle = "inactive";
  const item = state.queue.shift();
  if (item === undefined) {
    commit(transaction, state);
    return;
  }
  state.running = item;
  carryOut(item.operation, (error, result) => {
    state.running = null;
    // It was aborted while the host was at work, and the request has heard of it.
    if (state.lifecycle !== "finished") conclude(transaction, state, item, error, result);
  });
}

/** What comes after a request or change of the schema: the next one, or the commit. */
function goOn(transaction: IDBTransaction, state: TransactionState): void {
  if (state.lifecycle === "finished") return;
  if (state.queue.length > 0) schedule(transaction);
  else commit(transaction, state);
}

function conclude(transaction: IDBTransaction, state: TransactionState, item: Item, error: DOMException | null, result: unknown): void {
  const { request } = item;
  if (request === null) {
    if (error !== null) abortTransaction(transaction, error);
    goOn(transaction, state);
    return;
  }
  // "Asynchronously execute a request", step 5.3: a script that has committed is not asked about errors any more.
  if (error !== null && state.lifecycle === "committing") {
    state.queue.unshift(item);
    abortTransaction(transaction, error);
    return;
  }
  settle(request, result, error);
  const event = error === null ? new Event("success") : new Event("error", { bubbles: true, cancelable: true });
  if (state.lifecycle === "inactive") state.lifecycle = "active";
  const threw = fire(request, event, [transaction, state.db]);
  afterMicrotasks(() => {
    // A listener may have committed or aborted; then it does not matter what the others did.
    if (state.lifecycle === "active") {
      state.lifecycle = "inactive";
      if (threw) abortTransaction(transaction, exception("AbortError", "a listener threw an exception"));
      else if (error !== null && !eventState(event).canceled) abortTransaction(transaction, error);
    }
    goOn(transaction, state);
  });
}

function commit(transaction: IDBTransaction, state: TransactionState): void {
  state.lifecycle = "committing";
  state.running = COMMIT;
  carryOut(() => ask(() => host.idbCommit(state.id)), (error) => {
    state.running = null;
    // The data of the origin may have been cleared meanwhile.
    if ((state.lifecycle as string) === "finished") return;
    if (error !== null) {
      abortTransaction(transaction, error);
      return;
    }
    state.lifecycle = "finished";
    fire(transaction, new Event("complete"), [state.db]);
    afterMicrotasks(() => state.finished(true));
  });
}

/** "Abort a transaction": undone at once, told in a task. */
export function abortTransaction(transaction: IDBTransaction, error: DOMException | null): void {
  const state = transactionState(transaction);
  if (state.lifecycle === "finished") return;
  state.lifecycle = "finished";
  state.error = error;
  try {
    host.idbAbort(state.id);
  } catch {
    // A commit that failed has ended it already.
  }
  state.revert();
  const unfinished = state.running === null ? state.queue.splice(0) : [state.running, ...state.queue.splice(0)];
  const requests = unfinished.flatMap(({ request }) => (request === null ? [] : [request]));
  for (const request of requests) requestState(request).isDone = true;
  queueTask(() => {
    for (const request of requests) {
      settle(request, undefined, exception("AbortError", "the transaction was aborted before the request was carried out"));
      fire(request, new Event("error", { bubbles: true, cancelable: true }), [transaction, state.db]);
    }
    fire(transaction, new Event("abort", { bubbles: true }), [state.db]);
    state.finished(false);
  });
}

const created: IDBTransaction[] = [];

/** A transaction that a script has made: active until the script has returned and its microtasks have run. */
export function becameActive(transaction: IDBTransaction): void {
  created.push(transaction);
  host.idbWantCleanUp();
}

// HTML: "clean up Indexed Database transactions", the last step of a microtask checkpoint.
setMicrotasksEnd(() => {
  for (const transaction of created.splice(0)) {
    const state = transactionState(transaction);
    if (state.lifecycle === "active") state.lifecycle = "inactive";
  }
});
