// Random programs over IndexedDB, carried out by the worker's own implementation and by fake-indexeddb in the same
// engine; everything that a script can observe must be equal. The seeds are FIRST_SEED to FIRST_SEED + PROGRAMS - 1.

import * as fake from "fake-indexeddb";

const own = { indexedDB: self.indexedDB, IDBKeyRange: self.IDBKeyRange };

/** A generator of numbers (mulberry32). */
function randomOf(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (n) => Math.floor(next() * n);
  return { below, chance: (p) => next() < p, pick: (list) => list[below(list.length)] };
}

// fake-indexeddb takes an empty view for a detached one, so the empty binary key is a buffer here.
const KEYS = [
  () => 0, () => 1, () => 2, () => 3, () => -1.5, () => Infinity, () => 4, () => 5, () => "", () => "a", () => "b", () => "a\u0000", () => "\ud800", () => "\uffff",
  () => new Date(0), () => new Date(5), () => new ArrayBuffer(0), () => new Uint8Array([0, 1]), () => new Uint8Array([255]).buffer,
  () => [], () => [1], () => [1, "a"], () => [[], 2], () => [new Date(1)],
];
const BAD_KEYS = [() => NaN, () => null, () => ({}), () => true, () => new Date(NaN), () => [undefined], () => undefined];
const DIRECTIONS = ["next", "nextunique", "prev", "prevunique"];

const key = (r) => (r.chance(0.04) ? r.pick(BAD_KEYS) : r.pick(r.chance(0.7) ? KEYS.slice(0, 8) : KEYS))();
function value(r) {
  const record = { n: r.below(50) };
  if (r.chance(0.8)) record.id = key(r);
  // A member that is undefined is a missing one to the specification, but not to fake-indexeddb.
  if (record.id === undefined) delete record.id;
  if (r.chance(0.8)) record.x = key(r);
  if (r.chance(0.5)) record.deep = { y: key(r) ?? 0 };
  if (r.chance(0.5)) record.list = Array.from({ length: r.below(4) }, () => key(r));
  // Not null: fake-indexeddb thinks that a generated key can be put into it.
  return r.chance(0.06) ? r.pick([1, "text", [1, 2], undefined]) : record;
}

function show(item) {
  if (item === undefined) return "undefined";
  if (item === null || typeof item === "boolean") return String(item);
  if (typeof item === "number") return Object.is(item, -0) ? "-0" : String(item);
  if (typeof item === "string") return JSON.stringify(item);
  if (item instanceof Date) return `Date(${item.getTime()})`;
  if (item instanceof ArrayBuffer) return `Buffer(${[...new Uint8Array(item)]})`;
  if (ArrayBuffer.isView(item)) return `View(${[...item]})`;
  if ("lowerOpen" in item) return `${item.lowerOpen ? "(" : "["}${show(item.lower)} to ${show(item.upper)}${item.upperOpen ? ")" : "]"}`;
  if (Array.isArray(item)) return `[${item.map(show).join()}]`;
  if ("primaryKey" in item && "key" in item) return `(${show(item.key)} ${show(item.primaryKey)} ${"value" in item ? show(item.value) : ""})`;
  return `{${Object.keys(item).map((name) => `${name}:${show(item[name])}`).join()}}`;
}

function rangeOf(r, api) {
  const choice = r.below(7);
  if (choice === 0) return undefined;
  if (choice <= 2) return key(r);
  const open = r.chance(0.5);
  if (choice === 3) return api.IDBKeyRange.lowerBound(r.pick(KEYS)(), open);
  if (choice === 4) return api.IDBKeyRange.upperBound(r.pick(KEYS)(), open);
  const [a, b] = [r.pick(KEYS)(), r.pick(KEYS)()];
  const order = api.indexedDB.cmp(a, b);
  if (order === 0) return api.IDBKeyRange.only(a);
  return api.IDBKeyRange.bound(order < 0 ? a : b, order < 0 ? b : a, open, r.chance(0.5));
}

/** One request of a program on a store or one of its indexes. */
function request(r, api, store, log, tag) {
  const attempt = (target, method, ...args) => {
    log.push(`${tag}: ${target.name}.${method}(${args.map(show)})`);
    let made;
    try {
      made = target[method](...args);
    } catch (error) {
      log.push(`${tag} throws ${error.name}`);
      return;
    }
    // fake-indexeddb keeps what a put that violates an index has done so far; only an abort undoes it there.
    const prevent = r.chance(0.6) && store.indexNames.length === 0;
    made.onsuccess = () => log.push(`${tag} = ${show(made.result)}`);
    made.onerror = (event) => {
      log.push(`${tag} fails ${made.error.name}`);
      if (prevent) {
        event.preventDefault();
        event.stopPropagation();
      }
    };
  };
  const names = [...store.indexNames];
  const source = names.length > 0 && r.chance(0.4) ? store.index(r.pick(names)) : store;
  const count = r.chance(0.5) ? r.below(4) : undefined;
  switch (r.below(16)) {
    case 0: case 1: case 2: case 3: {
      const given = r.chance(0.5) ? key(r) : undefined;
      const record = value(r);
      const method = r.chance(0.6) ? "put" : "add";
      return given === undefined ? attempt(store, method, record) : attempt(store, method, record, given);
    }
    case 4: return attempt(store, "delete", rangeOf(r, api));
    case 5: return r.chance(0.2) ? attempt(store, "clear") : attempt(source, "count", rangeOf(r, api));
    case 6: return attempt(source, "get", rangeOf(r, api));
    case 7: return attempt(source, "getKey", rangeOf(r, api));
    case 8: case 9: return attempt(source, "getAll", rangeOf(r, api), count);
    case 10: return attempt(source, "getAllKeys", rangeOf(r, api), count);
    case 11: return attempt(source, "getAllRecords", { query: rangeOf(r, api), count, direction: r.pick(DIRECTIONS) });
    default: return cursor(r, api, source, log, tag);
  }
}

/** Walks a cursor with random steps. */
function cursor(r, api, source, log, tag) {
  let made;
  const direction = r.pick(DIRECTIONS);
  const method = r.chance(0.7) ? "openCursor" : "openKeyCursor";
  try {
    const range = rangeOf(r, api);
    log.push(`${tag}: ${source.name}.${method}(${show(range)}, ${direction})`);
    made = source[method](range, direction);
  } catch (error) {
    log.push(`${tag} throws ${error.name}`);
    return;
  }
  let steps = 0;
  const fails = (what) => (event) => {
    log.push(`${tag} ${what} fails ${event.target.error.name}`);
    if (((source.objectStore ?? source).indexNames).length > 0) return;
    event.preventDefault();
    event.stopPropagation();
  };
  made.onerror = fails("cursor");
  made.onsuccess = () => {
    const at = made.result;
    if (at === null) {
      log.push(`${tag} ends`);
      return;
    }
    log.push(`${tag} at ${show(at.key)} ${show(at.primaryKey)} ${show(at.value)}`);
    steps += 1;
    if (steps > 12) return;
    const attempt = (what, act) => {
      log.push(`${tag} ${what}`);
      try {
        const inner = act();
        if (inner !== undefined) {
          inner.onsuccess = () => log.push(`${tag} ${what} = ${show(inner.result)}`);
          inner.onerror = fails(what);
        }
      } catch (error) {
        log.push(`${tag} ${what} throws ${error.name}`);
      }
    };
    if (r.chance(0.25)) attempt("update", () => at.update(r.chance(0.7) && at.value !== null && typeof at.value === "object" ? { ...at.value, x: key(r) } : value(r)));
    if (r.chance(0.15)) attempt("delete", () => at.delete());
    const move = r.below(10);
    if (move < 6) attempt("continue", () => at.continue());
    else if (move < 7) attempt("advance", () => at.advance(1 + r.below(3)));
    else if (move < 9) attempt("continue to", () => at.continue(key(r)));
    else attempt("continuePrimaryKey", () => at.continuePrimaryKey(key(r), key(r)));
  };
}

function schema(r, db, transaction, log) {
  for (let n = r.below(3) + (db.objectStoreNames.length === 0 ? 1 : 0); n > 0; n -= 1) {
    const options = r.pick([{}, { keyPath: "id" }, { autoIncrement: true }, { keyPath: "id", autoIncrement: true }, { keyPath: ["id", "n"] }, { keyPath: "deep.y" }]);
    try {
      db.createObjectStore(`s${r.below(4)}`, options);
    } catch (error) {
      log.push(`createObjectStore ${error.name} ${show(options)}`);
    }
  }
  for (const name of [...db.objectStoreNames]) {
    const store = transaction.objectStore(name);
    log.push(`${name} ${show(store.keyPath)} ${store.autoIncrement}`);
    while (r.chance(0.6)) {
      const path = r.pick(["x", "n", "list", "deep.y", ["x", "n"], ""]);
      try {
        store.createIndex(`i${r.below(3)}`, path, { unique: r.chance(0.3), multiEntry: r.chance(0.4) });
      } catch (error) {
        log.push(`createIndex ${error.name}`);
      }
    }
    if (r.chance(0.1) && store.indexNames.length > 0) store.deleteIndex(store.indexNames[0]);
  }
}

/** Carries a program out and gives what it saw. */
async function run(seed, api, name) {
  const r = randomOf(seed);
  const log = [];
  const ended = (transaction, tag) =>
    new Promise((resolve) => {
      const end = (how) => {
        log.push(`${tag} ${how} ${transaction.error?.name}`);
        resolve(how);
      };
      transaction.oncomplete = () => end("complete");
      transaction.onabort = () => end("abort");
    });
  let aborted = false;
  const versions = 1 + r.below(2);
  for (let version = 1; version <= versions; version += 1) {
    const opened = await new Promise((resolve) => {
      const open = api.indexedDB.open(name, version);
      open.onupgradeneeded = (event) => {
        log.push(`upgrade ${event.oldVersion} ${event.newVersion}`);
        schema(r, open.result, open.transaction, log);
        for (const store of [...open.result.objectStoreNames]) {
          for (let n = r.below(4); n > 0; n -= 1) request(r, api, open.transaction.objectStore(store), log, `u${n}`);
        }
        if (r.chance(0.1)) open.transaction.abort();
        else if (r.chance(0.2)) schema(r, open.result, open.transaction, log);
      };
      open.onsuccess = () => resolve(open.result);
      open.onerror = () => resolve(log.push(`open fails ${open.error.name}`));
    });
    if (typeof opened === "number") break;
    const names = [...opened.objectStoreNames];
    log.push(`stores ${names}`);
    for (let t = 0; t < 1 + r.below(3) && names.length > 0 && !aborted; t += 1) {
      const mode = r.chance(0.75) ? "readwrite" : "readonly";
      const scope = r.chance(0.5) ? names : [r.pick(names)];
      const transaction = opened.transaction(scope, mode);
      const end = ended(transaction, `t${t}`);
      for (let n = 0, all = 1 + r.below(8); n < all; n += 1) request(r, api, transaction.objectStore(r.pick(scope)), log, `t${t}.${n}`);
      if (r.chance(0.08)) transaction.abort();
      else if (r.chance(0.1)) transaction.commit();
      // fake-indexeddb does not give key generators back when a transaction aborts, so nothing is compared afterwards.
      aborted = (await end) === "abort";
    }
    for (const store of names) {
      const transaction = opened.transaction(store);
      const all = transaction.objectStore(store);
      const keys = all.getAllKeys();
      const values = all.getAll();
      const indexes = [...all.indexNames].map((index) => [index, all.index(index).getAllKeys()]);
      await ended(transaction, "dump");
      log.push(`${store}: ${show(keys.result)} ${show(values.result)} ${indexes.map(([index, found]) => `${index} ${show(found.result)}`)}`);
    }
    opened.close();
    if (aborted) break;
  }
  await new Promise((resolve) => {
    const deletion = api.indexedDB.deleteDatabase(name);
    deletion.onsuccess = deletion.onerror = () => resolve(log.push(`deleted ${deletion.error?.name}`));
  });
  return log;
}

/** Gives fake-indexeddb a task for each step: nested timers wait four milliseconds, an event of our own does not. */
async function provideTasks() {
  const db = await new Promise((resolve) => {
    const open = own.indexedDB.open("tasks");
    open.onupgradeneeded = () => open.result.createObjectStore("s");
    open.onsuccess = () => resolve(open.result);
  });
  self.setImmediate = (run) => {
    db.transaction("s").objectStore("s").count().onsuccess = () => run();
  };
}

test("random programs see the same", async () => {
  await provideTasks();
  for (let seed = FIRST_SEED; seed < FIRST_SEED + PROGRAMS; seed += 1) {
    if (TRACED) console.log(`seed ${seed}`);
    const mine = await run(seed, own, `p${seed}`);
    if (TRACED) console.log(`own side ended:\n${mine.join("\n")}`);
    const theirs = await run(seed, fake, `p${seed}`);
    for (let i = 0; i < Math.max(mine.length, theirs.length); i += 1) {
      if (mine[i] === theirs[i]) continue;
      throw new Error(`SEED=${seed}, line ${i}: own "${mine[i]}", fake-indexeddb "${theirs[i]}"\n${mine.slice(TRACED ? 0 : Math.max(0, i - 12), i).join("\n")}`);
    }
  }
});
