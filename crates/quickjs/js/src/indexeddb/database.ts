// IDBDatabase (Indexed Database API 3.0, "The IDBDatabase interface").

import { host, jsonStringify } from "#boundary";
import { defineEventHandlers, EventTarget } from "../event-target.ts";
import { callHost } from "../operations.ts";
import { defineInterface, internal, isObject, requireArguments, requireInternal, toDictionary, toDOMString, toEnumeration } from "../webidl.ts";
import { fail } from "./errors.ts";
import { toKeyPath } from "./keys.ts";
import { type IDBObjectStore, setStoreRenamer } from "./object-store.ts";
import { andThen, ask } from "./operation.ts";
import { rememberSchema, type StoreMeta } from "./schema.ts";
import { type DOMStringList, sortedNames } from "./string-list.ts";
import { becameActive, executeSilently, IDBTransaction, requireActive, schedule, storeHandle, transactionState, type TransactionState } from "./transaction.ts";
import { keyPathJson } from "./writing.ts";

/** What the algorithms know of a connection. */
export interface DatabaseState {
  readonly connection: number;
  readonly name: string;
  version: number;
  stores: Map<string, StoreMeta>;
  isClosing: boolean;
  upgrade: IDBTransaction | null;
  /** Transactions by id, until they have finished. */
  readonly live: Map<number, IDBTransaction>;
}

/** The state of a connection. */
export let databaseState: (database: IDBDatabase) => DatabaseState;

export class IDBDatabase extends EventTarget {
  #state: DatabaseState;

  static {
    databaseState = (database) => database.#state;
  }

  constructor(token: unknown = undefined, state: unknown = undefined) {
    requireInternal(token);
    super();
    this.#state = state as DatabaseState;
  }

  get name(): string {
    return this.#state.name;
  }
  get version(): number {
    return this.#state.version;
  }
  get objectStoreNames(): DOMStringList {
    return sortedNames(this.#state.stores.keys());
  }

  transaction(storeNames: unknown, mode: unknown = "readonly", options: unknown = undefined): IDBTransaction {
    const state = this.#state;
    requireArguments(arguments.length, 1, "IDBDatabase.transaction");
    const names = isObject(storeNames) && Symbol.iterator in storeNames ? Array.from(storeNames as Iterable<unknown>, toDOMString) : [toDOMString(storeNames)];
    const wanted = mode === undefined ? "readonly" : toEnumeration(mode, ["readonly", "readwrite", "versionchange"] as const, "IDBDatabase.transaction");
    const given = toDictionary(options, "IDBTransactionOptions").durability;
    const durability = given === undefined ? "default" : toEnumeration(given, ["default", "strict", "relaxed"] as const, "IDBDatabase.transaction");
    if (state.upgrade !== null) fail("InvalidStateError", "transaction: an upgrade of the database is running");
    if (state.isClosing) fail("InvalidStateError", "transaction: the connection to the database is closed");
    const scope = [...new Set(names)];
    const metas = scope.map((name) => state.stores.get(name) ?? fail("NotFoundError", `transaction: the database has no object store "${name}"`));
    if (scope.length === 0) fail("InvalidAccessError", "transaction: no object store is named");
    if (wanted === "versionchange") throw new TypeError('transaction: the mode "versionchange" cannot be asked for');
    const drawn = callHost(() => host.idbBegin(state.connection, jsonStringify(metas.map(({ id }) => id)), wanted, durability === "strict"));
    const byName = new Map(metas.map((meta) => [meta.name, meta]));
    const transaction = new IDBTransaction(internal, {
      id: Math.abs(drawn),
      db: this,
      mode: wanted,
      durability,
      names: () => scope,
      findStore: (name) => byName.get(name),
      lifecycle: "active",
      error: null,
      isStarted: drawn > 0,
      isScheduled: false,
      running: null,
      queue: [],
      handles: new Map(),
      finished: () => state.live.delete(Math.abs(drawn)),
      revert: () => {},
    } satisfies TransactionState);
    state.live.set(Math.abs(drawn), transaction);
    becameActive(transaction);
    schedule(transaction);
    return transaction;
  }

  createObjectStore(name: unknown, options: unknown = undefined): IDBObjectStore {
    const state = this.#state;
    requireArguments(arguments.length, 1, "IDBDatabase.createObjectStore");
    const text = toDOMString(name);
    const members = toDictionary(options, "IDBObjectStoreParameters");
    const autoIncrement = Boolean(members.autoIncrement);
    const upgrade = requireUpgrade(state, "createObjectStore");
    const keyPath = members.keyPath === undefined || members.keyPath === null ? null : toKeyPath(members.keyPath);
    if (state.stores.has(text)) fail("ConstraintError", `createObjectStore: the database has an object store "${text}" already`);
    if (autoIncrement && keyPath !== null && (keyPath === "" || typeof keyPath !== "string")) {
      fail("InvalidAccessError", "createObjectStore: a key generator needs a key path that is neither empty nor a list");
    }
    const meta: StoreMeta = { id: 0, name: text, keyPath, autoIncrement, indexes: new Map(), stored: new Set(), isDeleted: false };
    state.stores.set(text, meta);
    const { id } = transactionState(upgrade);
    executeSilently(upgrade, () =>
      andThen(ask(() => host.idbCreateStore(id, jsonStringify(text), keyPathJson(keyPath), autoIncrement)), (drawn) => {
        meta.id = drawn;
      }),
    );
    return storeHandle(upgrade, meta);
  }

  deleteObjectStore(name: unknown): void {
    const state = this.#state;
    requireArguments(arguments.length, 1, "IDBDatabase.deleteObjectStore");
    const text = toDOMString(name);
    const upgrade = requireUpgrade(state, "deleteObjectStore");
    const meta = state.stores.get(text);
    if (meta === undefined) fail("NotFoundError", `deleteObjectStore: the database has no object store "${text}"`);
    state.stores.delete(text);
    meta.isDeleted = true;
    meta.indexes.clear();
    const { id } = transactionState(upgrade);
    executeSilently(upgrade, () => ask(() => host.idbDeleteStore(id, meta.id)));
  }

  close(): void {
    closeConnection(this.#state);
  }
}
defineInterface(IDBDatabase, "IDBDatabase");
defineEventHandlers(IDBDatabase.prototype, ["abort", "close", "error", "versionchange"]);

/** Closes a connection when its transactions have finished. */
export function closeConnection(state: DatabaseState): void {
  if (state.isClosing) return;
  state.isClosing = true;
  host.idbClose(state.connection);
}

function requireUpgrade(state: DatabaseState, what: string): IDBTransaction {
  if (state.upgrade === null) fail("InvalidStateError", `${what}: only an upgrade can change the object stores`);
  requireActive(state.upgrade);
  return state.upgrade;
}

setStoreRenamer(({ db }, meta, name) => {
  const { stores } = databaseState(db);
  stores.delete(meta.name);
  meta.name = name;
  stores.set(name, meta);
});

/** The transaction of an upgrade, which the engine has begun. */
export function makeUpgrade(database: IDBDatabase, id: number, oldVersion: number, finished: (committed: boolean) => void): IDBTransaction {
  const state = databaseState(database);
  const giveBack = rememberSchema(() => state.stores);
  const transaction = new IDBTransaction(internal, {
    id,
    db: database,
    mode: "versionchange",
    durability: "default",
    names: () => state.stores.keys(),
    findStore: (name) => state.stores.get(name),
    lifecycle: "inactive",
    error: null,
    isStarted: true,
    isScheduled: false,
    running: null,
    queue: [],
    handles: new Map(),
    finished: (committed) => {
      state.live.delete(id);
      finished(committed);
    },
    revert: () => {
      state.stores = giveBack();
      state.version = oldVersion;
      state.upgrade = null;
    },
  } satisfies TransactionState);
  state.live.set(id, transaction);
  state.upgrade = transaction;
  return transaction;
}
