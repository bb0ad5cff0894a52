// Random programs over IndexedDB, carried out by the worker's own implementation and by fake-indexeddb in the same
// engine; everything that a script can observe must be equal. The seeds are FIRST_SEED to FIRST_SEED + PROGRAMS - 1.
// What the programs leave out, because fake-indexeddb departs from the specification there, is in
// docs/indexeddb-differences.md.

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
  () => -Infinity, () => Number.MAX_VALUE, () => 5e-324, () => 0.1, () => -(2 ** 53), () => 1e21,
  () => "\u0000", () => "\u0000a", () => "ab", () => "\ud83d\ude00", () => "\udc00\ud800", () => "length", () => "x".repeat(70),
  () => new Date(-8.64e15), () => new Date(8.64e15), () => new Uint8Array([0]), () => new Uint16Array([1, 2]), () => new Float64Array([1.5]),
  () => new DataView(new Uint8Array([9, 8, 7, 6]).buffer, 1, 2), () => new Uint8Array(new Uint8Array([5, 0, 255]).buffer, 1),
  () => [""], () => ["a", 1], () => [[[[]]]], () => [1, [2, [3]]], () => [new Uint8Array([1]), "b"], () => [0, new Date(0), "", new ArrayBuffer(1), []], () => [[1], 1],
];
const BAD_KEYS = [
  () => NaN, () => null, () => ({}), () => true, () => new Date(NaN), () => [undefined], () => undefined, () => 5n, () => [1, , 2], () => [[NaN]], () => /x/, () => new Map(), () => [{}],
  () => {
    const round = [1];
    round.push(round);
    return round;
  },
];
/** Contents that structured clone carries and no key path leads into. */
const CONTENTS = [
  () => new Map([[1, { a: [2] }]]), () => new Set(["s", 3]), () => new Date(7), () => /ab+c/gi, () => 12345678901234567890n, () => new Uint8Array([1, 2, 3]), () => new RangeError("out"),
  () => new Boolean(false), () => null, () => undefined, () => -0, () => [1, , 3], () => "\ud800", () => ({ nested: { deep: [] } }),
];
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
  if (r.chance(0.2)) record.content = r.pick(CONTENTS)();
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
  if (item instanceof DataView) return `DataView(${[...new Uint8Array(item.buffer, item.byteOffset, item.byteLength)]})`;
  if (ArrayBuffer.isView(item)) return `${item.constructor.name}(${[...item]})`;
  if (typeof item !== "object") return `${typeof item} ${String(item)}`;
  if (item instanceof Map) return `Map(${[...item].map(show)})`;
  if (item instanceof Set) return `Set(${[...item].map(show)})`;
  if (item instanceof Error || item instanceof RegExp || item instanceof Boolean) return `${item.constructor.name} ${String(item)}`;
  if ("lowerOpen" in item) return `${item.lowerOpen ? "(" : "["}${show(item.lower)} to ${show(item.upper)}${item.upperOpen ? ")" : "]"}`;
  if (Array.isArray(item)) return `[${Array.from({ length: item.length }, (_, i) => (i in item ? (item[i] === item ? "itself" : show(item[i])) : "hole")).join()}]`;
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
function request(r, api, store, log, tag, depth = 0) {
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
    // A third of the listeners goes on with another request, and a few throw, which aborts the transaction.
    const [follows, throws] = [depth < 3 && r.chance(0.3), r.chance(0.015)];
    made.onsuccess = () => {
      log.push(`${tag} = ${show(made.result)}`);
      if (follows) request(r, api, store, log, `${tag}+`, depth + 1);
      if (throws) throw new Error("a listener of the program throws");
    };
    made.onerror = (event) => {
      log.push(`${tag} fails ${made.error.name}`);
      if (prevent) {
        event.preventDefault();
        event.stopPropagation();
      }
      if (follows && prevent) request(r, api, store, log, `${tag}+`, depth + 1);
    };
  };
  const names = [...store.indexNames];
  let source = store;
  if (names.length > 0 && r.chance(0.4)) {
    try {
      source = store.index(r.pick(names));
    } catch (error) {
      log.push(`${tag} index throws ${error.name}`);
      return;
    }
  }
  const count = r.chance(0.5) ? r.below(4) : undefined;
  const options = () => ({ query: rangeOf(r, api), count, direction: r.pick(DIRECTIONS) });
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
    case 8: case 9: return r.chance(0.5) ? attempt(source, "getAll", rangeOf(r, api), count) : attempt(source, "getAll", options());
    case 10: return r.chance(0.5) ? attempt(source, "getAllKeys", rangeOf(r, api), count) : attempt(source, "getAllKeys", options());
    case 11: return attempt(source, "getAllRecords", options());
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
    if (r.chance(0.25)) attempt("update", () => at.update(r.chance(0.7) && at.value !== null && typeof at.value === "object" ? { ...at.value, x: key(r) } : (value(r) ?? 1)));
    if (r.chance(0.15)) attempt("delete", () => at.delete());
    const move = r.below(10);
    if (move < 6) attempt("continue", () => at.continue());
    else if (move < 7) attempt("advance", () => at.advance(1 + r.below(3)));
    else if (move < 9) attempt("continue to", () => at.continue(key(r)));
    else attempt("continuePrimaryKey", () => at.continuePrimaryKey(key(r), key(r)));
  };
}

const STORES = [
  {}, { keyPath: "id" }, { autoIncrement: true }, { keyPath: "id", autoIncrement: true }, { keyPath: ["id", "n"] }, { keyPath: "deep.y" }, { keyPath: "deep.z", autoIncrement: true },
  { keyPath: "" }, { keyPath: ["x"] }, { keyPath: "", autoIncrement: true }, { keyPath: ["x"], autoIncrement: true }, { keyPath: "not a path" }, { keyPath: [] },
];
const INDEX_PATHS = ["x", "n", "list", "deep.y", ["x", "n"], "", "list.length", ["id", "deep.y"], "nowhere", "a b", []];

/** Changes of the schema by an upgrade. */
function schema(r, db, transaction, log) {
  const attempt = (what, act) => {
    try {
      act();
    } catch (error) {
      log.push(`${what} throws ${error.name}`);
    }
  };
  for (let n = r.below(3) + (db.objectStoreNames.length === 0 ? 1 : 0); n > 0; n -= 1) {
    const options = r.chance(0.85) ? r.pick(STORES.slice(0, 7)) : r.pick(STORES);
    const name = `s${r.below(4)}`;
    attempt(`createObjectStore ${name} ${show(options)}`, () => db.createObjectStore(name, options));
  }
  for (const name of [...db.objectStoreNames]) {
    const store = transaction.objectStore(name);
    log.push(`${name} ${show(store.keyPath)} ${store.autoIncrement}`);
    while (r.chance(0.6)) {
      const path = r.chance(0.85) ? r.pick(INDEX_PATHS.slice(0, 8)) : r.pick(INDEX_PATHS);
      const [index, options] = [`i${r.below(3)}`, { unique: r.chance(0.3), multiEntry: r.chance(0.4) }];
      attempt(`createIndex ${index} ${show(path)} ${show(options)}`, () => {
        const made = store.createIndex(index, path, options);
        log.push(`${made.name} ${show(made.keyPath)} ${made.unique} ${made.multiEntry}`);
      });
    }
    if (r.chance(0.1)) attempt("deleteIndex", () => store.deleteIndex(store.indexNames[0] ?? "none"));
    log.push(`indexes ${[...store.indexNames]}`);
  }
  if (r.chance(0.1)) attempt("deleteObjectStore", () => db.deleteObjectStore(r.pick([...db.objectStoreNames, "none"])));
  if (r.chance(0.15)) {
    const from = r.pick([...db.objectStoreNames, "none"]);
    attempt(`rename ${from}`, () => {
      const store = transaction.objectStore(from);
      if (store.indexNames.length > 0 && r.chance(0.5)) store.index(store.indexNames[0]).name = `i${r.below(4)}`;
      else store.name = `s${r.below(5)}`;
    });
  }
}

/** Resolves with how a transaction ends. */
function ended(transaction, log, tag) {
  return new Promise((resolve) => {
    const end = (how) => {
      log.push(`${tag} ${how} ${transaction.error?.name}`);
      resolve(how);
    };
    transaction.oncomplete = () => end("complete");
    transaction.onabort = () => end("abort");
    transaction.onerror = (event) => log.push(`${tag} hears of ${event.target.error?.name}`);
  });
}

// Nothing is compared after these lines.
/** fake-indexeddb asks listeners about errors of a transaction that is committing. */
const FAILED_COMMIT = "a request of a committing transaction fails";
/** fake-indexeddb leaves key generators, and entries of unique indexes, as an aborted transaction made them. */
const SPOILED = "later transactions see what an abort left";

/** Transactions of a connection that may wait for each other; each has its own numbers and its own log. */
async function transactions(r, api, db, log, tag) {
  const names = [...db.objectStoreNames];
  const ends = [];
  const logs = [];
  for (let t = 0, all = 1 + r.below(3); t < all && names.length > 0; t += 1) {
    const own = randomOf(r.below(2 ** 32));
    const mine = [];
    logs.push(mine);
    const mode = own.chance(0.75) ? "readwrite" : "readonly";
    const scope = own.chance(0.5) ? names : [own.pick(names)];
    const transaction = db.transaction(scope, mode, own.chance(0.2) ? { durability: own.pick(["strict", "relaxed", "default"]) } : {});
    mine.push(`${mode} ${[...transaction.objectStoreNames]} ${transaction.durability}`);
    const end = ended(transaction, mine, `${tag}.t${t}`);
    ends.push(end);
    for (let n = 0, count = 1 + own.below(8); n < count; n += 1) request(own, api, transaction.objectStore(own.pick(scope)), mine, `${tag}.t${t}.${n}`);
    if (own.chance(0.08)) transaction.abort();
    else if (own.chance(0.1)) {
      transaction.commit();
      end.then((how) => how === "abort" && mine.unshift(FAILED_COMMIT));
    } else continue;
    for (const [what, act] of [["commit", () => transaction.commit()], ["store", () => transaction.objectStore(scope[0])], ["put", () => transaction.objectStore(scope[0]).get(1)]]) {
      // fake-indexeddb refuses stores of a transaction that is committing.
      if (transaction.error === null && what !== "commit") continue;
      try {
        act();
        mine.push(`${what} is allowed`);
      } catch (error) {
        mine.push(`${what} throws ${error.name}`);
      }
    }
  }
  const outcomes = await Promise.all(ends);
  const first = outcomes.indexOf("abort") + 1 || logs.length;
  for (const mine of logs.slice(0, first)) log.push(...mine);
  if (first < logs.length) log.push(SPOILED);
  return outcomes.includes("abort");
}

/** Everything that is in a database. */
async function dump(db, log) {
  for (const store of [...db.objectStoreNames]) {
    const transaction = db.transaction(store);
    const all = transaction.objectStore(store);
    const keys = all.getAllKeys();
    const values = all.getAll();
    const indexes = [...all.indexNames].map((index) => [index, all.index(index).getAllKeys()]);
    await ended(transaction, log, "dump");
    log.push(`${store}: ${show(keys.result)} ${show(values.result)} ${indexes.map(([index, found]) => `${index} ${show(found.result)}`)}`);
  }
}

/** An open request that has ended: with a connection, or with undefined. */
function opened(request, log, tag) {
  return new Promise((resolve) => {
    request.onblocked = (event) => log.push(`${tag} blocked ${event.oldVersion} ${event.newVersion}`);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => {
      log.push(`${tag} fails ${request.error.name}`);
      resolve(undefined);
    };
  });
}

/** Carries a program out and gives what it saw. */
async function run(seed, api, name) {
  const r = randomOf(seed);
  const log = [];
  const versions = 1 + r.below(3);
  const wanted = [];
  let other;
  for (let version = 1; version <= versions; version += 1) {
    const open = api.indexedDB.open(name, version);
    open.onupgradeneeded = (event) => {
      log.push(`upgrade ${event.oldVersion} ${event.newVersion}`);
      schema(r, open.result, open.transaction, log);
      for (const store of [...open.result.objectStoreNames]) {
        for (let n = r.below(4); n > 0; n -= 1) request(r, api, open.transaction.objectStore(store), log, `u${n}`);
      }
      if (r.chance(0.1)) open.transaction.abort();
      else if (r.chance(0.2)) schema(r, open.result, open.transaction, log);
      else if (r.chance(0.03)) throw new Error("a listener of the program throws");
    };
    const db = await opened(open, log, `open ${version}`);
    if (db === undefined) break;
    log.push(`stores ${[...db.objectStoreNames]} of version ${db.version}`);
    // Another connection of the same version, which closes when it hears of a change, at once or when told to.
    other?.close();
    other = r.chance(0.3) ? await opened(api.indexedDB.open(name), log, "other") : undefined;
    const spoiled = (await transactions(r, api, db, log, "a")) || (other !== undefined && (await transactions(r, api, other, log, "b")));
    await dump(db, log);
    if (r.chance(0.1)) await opened(api.indexedDB.open(name, version - 1 || 1), log, "lower").then((lower) => lower?.close());
    if (other !== undefined) {
      const connection = other;
      const hears = r.below(2);
      connection.onversionchange = (event) => {
        log.push(`other hears ${event.oldVersion} ${event.newVersion}`);
        if (hears === 0) connection.close();
        else wanted.push(connection);
      };
    }
    db.close();
    try {
      db.transaction([...db.objectStoreNames]);
    } catch (error) {
      log.push(`transaction throws ${error.name}`);
    }
    if (spoiled) break;
    other?.close();
  }
  const deletion = api.indexedDB.deleteDatabase(name);
  const gone = opened(deletion, log, "deletion");
  const blocked = deletion.onblocked;
  deletion.onblocked = (event) => {
    blocked(event);
    for (const connection of wanted.splice(0)) connection.close();
  };
  await gone;
  log.push(`deleted ${deletion.error?.name}`);
  return log;
}

/**
 * Gives fake-indexeddb a task for each step: nested timers wait four milliseconds, the events of one transaction of our
 * own, which lasts as long as there are steps, do not.
 */
async function provideTasks() {
  const open = own.indexedDB.open("tasks");
  open.onupgradeneeded = () => open.result.createObjectStore("s");
  const db = await opened(open, [], "tasks");
  const steps = [];
  let store = null;
  const next = () => {
    store.count().onsuccess = () => {
      // One that throws would end the transaction.
      try {
        steps.shift()();
      } catch (error) {
        reportError(error);
      }
      if (steps.length > 0) next();
      else store = null;
    };
  };
  self.setImmediate = (run) => {
    steps.push(run);
    if (store !== null) return;
    store = db.transaction("s").objectStore("s");
    next();
  };
}

test("random programs see the same", async () => {
  await provideTasks();
  // What the programs' listeners throw is reported here; anything else is a failure.
  self.addEventListener("error", (event) => {
    if (String(event.error?.message).includes("a listener of the program throws")) event.preventDefault();
  });
  for (let seed = FIRST_SEED; seed < FIRST_SEED + PROGRAMS; seed += 1) {
    if (TRACED) console.log(`seed ${seed}`);
    const mine = await run(seed, own, `p${seed}`);
    if (TRACED) console.log(`own side ended:\n${mine.join("\n")}`);
    const theirs = await run(seed, fake, `p${seed}`);
    if (TRACED) console.log(`other side ended`);
    for (let i = 0; i < Math.max(mine.length, theirs.length) && mine[i] !== FAILED_COMMIT && mine[i] !== SPOILED; i += 1) {
      if (mine[i] === theirs[i]) continue;
      const side = (name, log) => `${name}:\n${log.slice(i, i + 5).join("\n")}`;
      const before = mine.slice(TRACED ? 0 : Math.max(0, i - 12), i).join("\n");
      throw new Error(`SEED=${seed}, line ${i}\n${before}\n${side("own", mine)}\n${side("fake-indexeddb", theirs)}`);
    }
  }
});
