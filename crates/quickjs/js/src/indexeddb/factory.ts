// IDBFactory (Indexed Database API 3.0, "The IDBFactory interface"), and what the host says about open requests and connections.

import { drawId, host, jsonParse, jsonStringify } from "#boundary";
import { afterMicrotasks } from "#tasks";
import { Event } from "../event.ts";
import { callHost, hostError } from "../operations.ts";
import { defineInterface, internal, requireArguments, requireInternal, toDOMString, toEnforcedInteger } from "../webidl.ts";
import { closeConnection, databaseState, IDBDatabase, makeUpgrade } from "./database.ts";
import { exception } from "./errors.ts";
import { compareKeys, requireKey } from "./keys.ts";
import { ask, carryOut } from "./operation.ts";
import { fire, IDBOpenDBRequest, requestState, settle } from "./request.ts";
import { readSchema, type SchemaRecord } from "./schema.ts";
import { abortTransaction, schedule, transactionState } from "./transaction.ts";
import { IDBVersionChangeEvent } from "./version-change-event.ts";

const pending = new Map<number, { request: IDBOpenDBRequest; name: string }>();
const connections = new Map<number, IDBDatabase>();

export class IDBFactory {
  #ready = true;
  constructor(token: unknown = undefined) {
    requireInternal(token);
  }

  open(name: unknown, version: unknown = undefined): IDBOpenDBRequest {
    void this.#ready;
    requireArguments(arguments.length, 1, "IDBFactory.open");
    const text = toDOMString(name);
    const wanted = version === undefined ? null : toEnforcedInteger(version, "IDBFactory.open: the version");
    if (wanted === 0) throw new TypeError("IDBFactory.open: the version must be at least 1");
    return openRequest(text, (id) => host.idbOpen(id, jsonStringify(text), wanted));
  }
  deleteDatabase(name: unknown): IDBOpenDBRequest {
    void this.#ready;
    requireArguments(arguments.length, 1, "IDBFactory.deleteDatabase");
    const text = toDOMString(name);
    return openRequest(text, (id) => host.idbDeleteDatabase(id, jsonStringify(text)));
  }
  async databases(): Promise<unknown> {
    void this.#ready;
    return new Promise((resolve, reject) => {
      carryOut(() => ask(() => host.idbDatabases()), (error, all) => (error === null ? resolve(jsonParse(all as string)) : reject(error)));
    });
  }
  cmp(first: unknown, second: unknown): number {
    void this.#ready;
    requireArguments(arguments.length, 2, "IDBFactory.cmp");
    return compareKeys(requireKey(first, "IDBFactory.cmp"), requireKey(second, "IDBFactory.cmp"));
  }
}
defineInterface(IDBFactory, "IDBFactory");

function openRequest(name: string, start: (id: number) => void): IDBOpenDBRequest {
  const request = new IDBOpenDBRequest(internal);
  const id = drawId();
  pending.set(id, { request, name });
  callHost(() => start(id));
  return request;
}

type Notice = { request: number; connection: number; transaction: number; old: number; new: number | null; schema: SchemaRecord; error: unknown; reason?: string };

function connect({ connection, schema }: Notice, name: string): IDBDatabase {
  const database = new IDBDatabase(internal, {
    connection,
    name,
    version: schema.version,
    stores: readSchema(schema),
    isClosing: false,
    upgrade: null,
    live: new Map(),
  });
  for (const [id, other] of connections) {
    const { isClosing, live } = databaseState(other);
    if (isClosing && live.size === 0) connections.delete(id);
  }
  connections.set(connection, database);
  return database;
}

function failRequest(request: IDBOpenDBRequest, error: DOMException): void {
  settle(request, undefined, error);
  fire(request, new Event("error", { bubbles: true, cancelable: true }));
}

const notices: Record<string, (notice: Notice) => void> = {
  opened(notice) {
    const { request, name } = take(notice);
    settle(request, connect(notice, name), null);
    fire(request, new Event("success"));
  },
  upgradeNeeded(notice) {
    const { request, name } = take(notice);
    const database = connect(notice, name);
    const state = databaseState(database);
    const transaction = makeUpgrade(database, notice.transaction, notice.old, (committed) => {
      state.upgrade = null;
      requestState(request).transaction = null;
      if (committed && !state.isClosing) {
        fire(request, new Event("success"));
        return;
      }
      closeConnection(state);
      connections.delete(notice.connection);
      failRequest(request, exception("AbortError", committed ? "the connection was closed during the upgrade" : "the upgrade was aborted"));
    });
    settle(request, database, null);
    requestState(request).transaction = transaction;
    const lifecycle = transactionState(transaction);
    lifecycle.lifecycle = "active";
    const threw = fire(request, new IDBVersionChangeEvent("upgradeneeded", { oldVersion: notice.old, newVersion: notice.schema.version }));
    afterMicrotasks(() => {
      if ((lifecycle.lifecycle as string) === "active") lifecycle.lifecycle = "inactive";
      if (threw) abortTransaction(transaction, exception("AbortError", "a listener threw an exception"));
      else schedule(transaction);
    });
  },
  blocked(notice) {
    const waiting = pending.get(notice.request);
    if (waiting !== undefined) fire(waiting.request, new IDBVersionChangeEvent("blocked", { oldVersion: notice.old, newVersion: notice.new }));
  },
  deleted(notice) {
    const { request } = take(notice);
    settle(request, undefined, null);
    fire(request, new IDBVersionChangeEvent("success", { oldVersion: notice.old, newVersion: null }));
  },
  failed(notice) {
    failRequest(take(notice).request, hostError(notice.error) as unknown as DOMException);
  },
  versionChange(notice) {
    const database = connections.get(notice.connection);
    if (database !== undefined && !databaseState(database).isClosing) {
      fire(database, new IDBVersionChangeEvent("versionchange", { oldVersion: notice.old, newVersion: notice.new }));
    }
    afterMicrotasks(() => host.idbVersionChangeFired(notice.connection));
  },
  started(notice) {
    for (const database of connections.values()) {
      const transaction = databaseState(database).live.get(notice.transaction);
      if (transaction === undefined) continue;
      transactionState(transaction).isStarted = true;
      schedule(transaction);
    }
  },
  closed(notice) {
    const database = connections.get(notice.connection);
    if (database === undefined) return;
    const state = databaseState(database);
    state.isClosing = true;
    connections.delete(notice.connection);
    for (const transaction of [...state.live.values()]) abortTransaction(transaction, exception("AbortError", notice.reason ?? "the data of the origin was cleared"));
    fire(database, new Event("close"));
  },
};

function take({ request }: Notice): { request: IDBOpenDBRequest; name: string } {
  const waiting = pending.get(request);
  if (waiting === undefined) throw new Error(`the open request ${request} is not waiting`);
  pending.delete(request);
  return waiting;
}

/** The `idbNotice` hook. */
export function notice(json: string): void {
  const record = jsonParse(json) as Notice & { kind: string };
  notices[record.kind]?.(record);
}

/** `self.indexedDB`. */
export const indexedDB = new IDBFactory(internal);
