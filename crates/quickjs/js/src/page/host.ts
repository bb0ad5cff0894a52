// The host functions of IndexedDB (host.d.ts) for a page: each is a question to the gateway, which answers in order.
//
// A question is `[id, operation, argument …]`, its answer `[id, null, value]` or `[id, {name, message}]`; what happens
// in between comes as notices, which are objects. Transactions have numbers of the page's own, because `transaction()`
// gives one before the gateway has.

import { exception } from "../indexeddb/errors.ts";
import { Pending } from "../indexeddb/operation.ts";
import { fromText, toText } from "./clone.ts";
import { wantMicrotasksEnd } from "./tasks.ts";

/** The way to the gateway. */
export interface Channel {
  /** Sends a question, now or when there is a connection. */
  send(question: string): void;
  /** The largest question, in bytes; the gateway ends the connection of a page that sends a larger one. */
  readonly questionBytesMax: number;
}

interface Failure {
  name: string;
  message: string;
}

/** A transaction as the gateway knows it: its number there, or why there is none. */
type Remote = { id: number } | { failure: DOMException };

let channel: Channel | null = null;
let deliver: (notice: string) => void = () => {};
let lastQuestion = 0;
let lastTransaction = 0;
const questions = new Map<number, Pending<unknown>>();
const remotes = new Map<number, Remote>();
/** The page's numbers of transactions, by the gateway's. */
const locals = new Map<number, number>();
/** Transactions that have started before the answer said what their number is. */
const early = new Set<number>();
/** Open requests that were not answered yet, and connections. */
const requests = new Set<number>();
const connections = new Set<number>();

/** Sets the way to the gateway, and who hears notices. */
export function connect(way: Channel, hear: (notice: string) => void): void {
  channel = way;
  deliver = hear;
}

/** Something came from the gateway. */
export function received(text: string): void {
  const message = JSON.parse(text) as [number, Failure | null, unknown] | Notice;
  if (!Array.isArray(message)) {
    heard(message);
    return;
  }
  const [id, failure, value] = message;
  const question = questions.get(id);
  questions.delete(id);
  if (failure === null) question?.fulfil(value);
  else question?.fail(exception(failure.name, failure.message));
}

/** The connection is lost, and with it everything that was open. */
export function lost(): void {
  const error = { name: "AbortError", message: "the connection to the WakeWorker gateway was lost" };
  remotes.clear();
  locals.clear();
  early.clear();
  const [wereOpen, wereAsked, unanswered] = [[...connections], [...requests], [...questions.values()]];
  connections.clear();
  requests.clear();
  questions.clear();
  // Connections first: their transactions are aborted, and what was asked for them has no meaning any more.
  for (const connection of wereOpen) deliver(JSON.stringify({ kind: "closed", connection, reason: error.message }));
  for (const request of wereAsked) deliver(JSON.stringify({ kind: "failed", request, error }));
  for (const question of unanswered) question.fail(exception(error.name, error.message));
}

interface Notice {
  kind: string;
  request?: number;
  connection?: number;
  transaction?: number;
}

function heard(notice: Notice): void {
  const { kind, request, connection, transaction } = notice;
  if (kind === "started") {
    const local = locals.get(transaction as number);
    if (local === undefined) early.add(transaction as number);
    else started(local);
    return;
  }
  if (request !== undefined && kind !== "blocked") requests.delete(request);
  if (kind === "opened" || kind === "upgradeNeeded") connections.add(connection as number);
  if (kind === "closed") connections.delete(connection as number);
  if (kind === "upgradeNeeded") {
    const local = drawTransaction();
    remember(local, transaction as number);
    notice.transaction = local;
  }
  deliver(JSON.stringify(notice));
}

function started(transaction: number): void {
  deliver(JSON.stringify({ kind: "started", transaction }));
}

function drawTransaction(): number {
  lastTransaction += 1;
  return lastTransaction;
}

function remember(local: number, id: number): void {
  remotes.set(local, { id });
  locals.set(id, local);
}

function ask<T>(operation: string, ...args: unknown[]): Pending<T> {
  const pending = new Pending<T>();
  lastQuestion += 1;
  const question = JSON.stringify([lastQuestion, operation, ...args]);
  const bytesMax = channel?.questionBytesMax ?? 0;
  if (isLonger(question, bytesMax)) {
    pending.fail(exception("UnknownError", `the value with its key is larger than what a page can store at once (${bytesMax} bytes as text): store it in parts`));
    return pending;
  }
  questions.set(lastQuestion, pending as Pending<unknown>);
  channel?.send(question);
  return pending;
}

/** Whether a text has more bytes; a unit has three at most. */
function isLonger(text: string, bytesMax: number): boolean {
  if (text.length * 3 <= bytesMax) return false;
  return text.length > bytesMax || new TextEncoder().encode(text).length > bytesMax;
}

/** An answer in another form. */
function mapped<T, R>(answer: Pending<T>, map: (value: T) => R): Pending<R> {
  const pending = new Pending<R>();
  answer.whenSettled(
    (value) => {
      let result: R;
      try {
        result = map(value);
      } catch (error) {
        pending.fail(error);
        return;
      }
      pending.fulfil(result);
    },
    (error) => pending.fail(error),
  );
  return pending;
}

/** Asks something about a transaction. */
function askFor<T>(local: number, operation: string, ...args: unknown[]): Pending<T> {
  const remote = remotes.get(local);
  if (remote !== undefined && "id" in remote) return ask(operation, remote.id, ...args);
  const none = new Pending<T>();
  none.fail(remote?.failure ?? exception("AbortError", "the connection to the WakeWorker gateway was lost"));
  return none;
}

/** Stores a record, when the content of its blobs has been read. */
function put(transaction: number, store: number, key: string, value: ArrayBuffer, ...rest: unknown[]): Pending<void> {
  const text = toText(value);
  if (typeof text === "string") return askFor(transaction, "idbPut", store, key, text, ...rest);
  const pending = new Pending<void>();
  const failed = (error: unknown): void => pending.fail(error);
  void text.then((ready) => askFor<void>(transaction, "idbPut", store, key, ready, ...rest).whenSettled((done) => pending.fulfil(done), failed), failed);
  return pending;
}

/** Asks for the end of a transaction. */
function end(local: number, operation: "idbCommit" | "idbAbort"): Pending<void> {
  const answer = askFor<void>(local, operation);
  forget(local);
  return answer;
}

function forget(local: number): void {
  const remote = remotes.get(local);
  if (remote !== undefined && "id" in remote) locals.delete(remote.id);
  remotes.delete(local);
}

/** Asks to open or delete a database. */
function askForDatabase(request: number, operation: string, ...args: unknown[]): void {
  requests.add(request);
  ask(operation, request, ...args).whenSettled(
    () => {},
    (error) => {
      const { name, message } = error as DOMException;
      if (requests.delete(request)) deliver(JSON.stringify({ kind: "failed", request, error: { name, message } }));
    },
  );
}

const ignore = (): void => {};

/** Begins a transaction; its number is negative, because it waits for its notice. */
function begin(connection: number, ...args: unknown[]): number {
  const local = drawTransaction();
  ended.delete(local);
  ask<number>("idbBegin", connection, ...args).whenSettled(
    (drawn) => {
      const id = Math.abs(drawn);
      remember(local, id);
      const runs = drawn > 0 || early.delete(id);
      if (ended.delete(local)) end(local, "idbAbort").whenSettled(ignore, ignore);
      else if (runs) started(local);
    },
    (failure) => {
      remotes.set(local, { failure: failure as DOMException });
      if (!ended.delete(local)) started(local);
    },
  );
  return -local;
}

/** Transactions that were aborted before the gateway gave them a number. */
const ended = new Set<number>();

function abort(local: number): void {
  if (remotes.has(local)) end(local, "idbAbort").whenSettled(ignore, ignore);
  else ended.add(local);
}

// The classes are typed for hosts that answer at once; `ask` of operation.ts takes both kinds of answers.
const functions = {
  now: () => performance.now(),
  idbWantCleanUp: wantMicrotasksEnd,
  idbOpen: (request: number, name: string, version: number | null) => askForDatabase(request, "idbOpen", name, version),
  idbDeleteDatabase: (request: number, name: string) => askForDatabase(request, "idbDeleteDatabase", name),
  idbVersionChangeFired: (connection: number) => ask("idbVersionChangeFired", connection).whenSettled(ignore, ignore),
  idbClose: (connection: number) => {
    if (connections.delete(connection)) ask("idbClose", connection).whenSettled(ignore, ignore);
  },
  idbBegin: begin,
  idbAbort: abort,
  idbCommit: (transaction: number) => end(transaction, "idbCommit"),
  idbDatabases: () => ask("idbDatabases"),
  idbScan: (transaction: number, scan: string) => mapped(askFor<[string, ...string[]]>(transaction, "idbScan", scan), ([keys, ...values]) => [keys, ...values.map(fromText)]),
  idbPut: put,
  ...Object.fromEntries(
    [
      "idbCount", "idbGenerateKey", "idbDelete", "idbCreateStore", "idbDeleteStore", "idbRenameStore", "idbCreateIndex", "idbDeleteIndex", "idbRenameIndex",
      "idbIndexRecord",
    ].map((operation) => [operation, (transaction: number, ...args: unknown[]) => askFor(transaction, operation, ...args)]),
  ),
};

export const host = functions as unknown as Host;
