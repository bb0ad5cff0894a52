// IndexedDB: transactions, stores, indexes, cursors, and that what is committed is there again (Indexed Database API 3.0).

/** A promise for a request. */
function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** A promise for a transaction's end. */
function completion(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve("complete");
    transaction.onabort = () => reject(transaction.error ?? new Error("aborted"));
  });
}

let lastName = 0;
function freshName() {
  lastName += 1;
  return `db\ud800${lastName}`;
}

function open(name, version, upgrade = () => {}) {
  const request = indexedDB.open(name, version);
  request.onupgradeneeded = (event) => upgrade(request.result, request.transaction, event);
  return result(request);
}

test("interfaces and shape", () => {
  assert(indexedDB instanceof IDBFactory);
  assertEquals(Object.prototype.toString.call(indexedDB), "[object IDBFactory]");
  assertEquals(indexedDB.cmp([1, "a"], [1, "b"]), -1);
  assertEquals(IDBKeyRange.bound(1, 3, true).includes(1), false);
  assertThrows("DataError", () => indexedDB.cmp(undefined, 1));
  assertThrows("DataError", () => IDBKeyRange.only({}));
  assertThrows(TypeError, () => indexedDB.open());
  assertThrows(TypeError, () => indexedDB.open("x", 0));
  const event = new IDBVersionChangeEvent("x", { oldVersion: 1, newVersion: 2 });
  assert(event instanceof Event);
  assertDeepEquals([event.oldVersion, event.newVersion], [1, 2]);
});

test("upgrade, write, read", async () => {
  const name = freshName();
  const db = await open(name, 2, (db, transaction, event) => {
    assertDeepEquals([event.oldVersion, event.newVersion, transaction.mode], [0, 2, "versionchange"]);
    assert(event instanceof IDBVersionChangeEvent && event.isTrusted);
    const store = db.createObjectStore("s", { keyPath: "id" });
    store.createIndex("by", "n", { unique: true });
    db.createObjectStore("auto", { autoIncrement: true });
  });
  assert(db instanceof IDBDatabase && db instanceof EventTarget);
  assertDeepEquals([...db.objectStoreNames], ["auto", "s"]);
  const transaction = db.transaction(["s", "auto"], "readwrite");
  const store = transaction.objectStore("s");
  store.put({ id: 1, n: "one", date: new Date(5), bytes: new Uint8Array([1]) });
  store.add({ id: [2, "x"], n: "two" });
  const key = transaction.objectStore("auto").add("value");
  assertEquals(await completion(transaction), "complete");
  assertEquals(key.result, 1);
  assertThrows("InvalidStateError", () => transaction.objectStore("s"));
  assertThrows("TransactionInactiveError", () => store.get(1));
  const read = db.transaction("s").objectStore("s");
  const one = await result(read.get(1));
  assertDeepEquals([one.n, one.date.getTime(), one.bytes[0]], ["one", 5, 1]);
  assertEquals(await result(read.count()), 2);
  assertDeepEquals(await result(read.index("by").getAllKeys()), [1, [2, "x"]]);
  assertEquals((await result(read.index("by").get("two"))).id[1], "x");
  db.close();
});

test("closed and reopened, the database is read from its journal", async () => {
  const name = freshName();
  const db = await open(name, 1, (db) => {
    const store = db.createObjectStore("s", { keyPath: "id", autoIncrement: true });
    store.createIndex("multi", "list", { multiEntry: true });
  });
  const transaction = db.transaction("s", "readwrite", { durability: "strict" });
  const store = transaction.objectStore("s");
  for (let i = 0; i < 5; i += 1) store.add({ list: ["a", i], blob: new Blob([`b${i}`]) });
  store.delete(2);
  store.delete(IDBKeyRange.lowerBound(5));
  store.put({ id: 3, list: ["changed"] });
  await completion(transaction);
  db.close();
  await nextTask();
  const again = await open(name);
  assertEquals(again.version, 1);
  const read = again.transaction("s", "readwrite").objectStore("s");
  assertDeepEquals(await result(read.getAllKeys()), [1, 3, 4]);
  assertDeepEquals(await result(read.index("multi").getAllKeys("a")), [1, 4]);
  assertDeepEquals(await result(read.index("multi").getAllKeys("changed")), [3]);
  assertEquals(await (await result(read.get(4))).blob.text(), "b3");
  // The key generator goes on where it was, although the record with the highest key is gone.
  assertEquals(await result(read.add({ list: [] })), 6);
  assert((await indexedDB.databases()).some((info) => info.name === name && info.version === 1));
  again.close();
});

test("schema changes are kept: rename, delete, new index", async () => {
  const name = freshName();
  let db = await open(name, 1, (db) => {
    db.createObjectStore("old").put("v", "k");
    db.createObjectStore("gone").put(1, 1);
  });
  db.close();
  await nextTask();
  db = await open(name, 2, (db, transaction) => {
    const store = transaction.objectStore("old");
    store.name = "new";
    store.put("w", "k2");
    db.deleteObjectStore("gone");
    db.createObjectStore("gone").put("fresh", 9);
    store.createIndex("i", "", { unique: false });
  });
  db.close();
  await nextTask();
  db = await open(name);
  assertDeepEquals([db.version, ...db.objectStoreNames], [2, "gone", "new"]);
  const transaction = db.transaction(["new", "gone"]);
  assertDeepEquals(await result(transaction.objectStore("new").getAll()), ["v", "w"]);
  assertDeepEquals(await result(transaction.objectStore("new").index("i").getAllKeys("w")), ["k2"]);
  assertDeepEquals(await result(transaction.objectStore("gone").getAllKeys()), [9]);
  db.close();
});

test("abort undoes everything, also on disk", async () => {
  const name = freshName();
  let db = await open(name, 1, (db) => db.createObjectStore("s", { autoIncrement: true }).add("kept"));
  const transaction = db.transaction("s", "readwrite");
  const store = transaction.objectStore("s");
  store.add("lost");
  store.clear();
  const events = [];
  transaction.addEventListener("abort", (event) => events.push(event.type, event.target === transaction));
  db.addEventListener("abort", (event) => events.push("bubbled", event.currentTarget === db));
  store.add("lost too").onsuccess = () => transaction.abort();
  await new Promise((resolve) => (transaction.onabort = resolve));
  await nextTask();
  assertDeepEquals(events, ["abort", true, "bubbled", true]);
  assertEquals(transaction.error, null);
  assertDeepEquals(await result(db.transaction("s").objectStore("s").getAll()), ["kept"]);
  db.close();
  await nextTask();
  await assertRejects("AbortError", () => open(name, 2, (db, transaction) => {
    db.createObjectStore("never");
    transaction.abort();
  }));
  db = await open(name);
  assertDeepEquals([db.version, ...db.objectStoreNames], [1, "s"]);
  assertDeepEquals(await result(db.transaction("s").objectStore("s").getAll()), ["kept"]);
  db.close();
});

test("an aborted upgrade leaves the stores that it made without indexes", async () => {
  let store;
  const opening = open(freshName(), 1, (db, transaction) => {
    store = db.createObjectStore("s");
    store.createIndex("i", "n");
    transaction.abort();
  });
  await assertRejects("AbortError", () => opening);
  assertDeepEquals([...store.indexNames], []);
});

test("after commit(), an exception of a listener changes nothing, and a failed request aborts without being asked", async () => {
  const db = await open(freshName(), 1, (db) => db.createObjectStore("s"));
  addEventListener("error", (event) => event.preventDefault(), { once: true });
  const written = db.transaction("s", "readwrite");
  written.objectStore("s").put("value", 1).onsuccess = () => {
    throw new Error("thrown in vain");
  };
  written.commit();
  assertEquals(await completion(written), "complete");

  const failing = db.transaction("s", "readwrite");
  const request = failing.objectStore("s").add("again", 1);
  const seen = [];
  request.onerror = (event) => {
    seen.push(request.error.name);
    event.preventDefault();
  };
  failing.commit();
  await new Promise((resolve) => (failing.onabort = resolve));
  assertDeepEquals([seen, failing.error.name], [["AbortError"], "ConstraintError"]);
  assertEquals(await result(db.transaction("s").objectStore("s").get(1)), "value");
});

test("constraint errors abort, unless they are prevented", async () => {
  const db = await open(freshName(), 1, (db) => db.createObjectStore("s", { keyPath: "id" }).createIndex("u", "u", { unique: true }));
  let transaction = db.transaction("s", "readwrite");
  transaction.objectStore("s").add({ id: 1, u: "a" });
  const request = transaction.objectStore("s").add({ id: 2, u: "a" });
  request.onerror = (event) => {
    assertEquals(request.error.name, "ConstraintError");
    assertEquals(request.error.constructor, DOMException);
    event.preventDefault();
    event.stopPropagation();
  };
  transaction.objectStore("s").add({ id: 3, u: "b" });
  assertEquals(await completion(transaction), "complete");
  assertDeepEquals(await result(db.transaction("s").objectStore("s").getAllKeys()), [1, 3]);
  transaction = db.transaction("s", "readwrite");
  transaction.objectStore("s").add({ id: 4 });
  transaction.objectStore("s").add({ id: 1 });
  await assertRejects("ConstraintError", () => completion(transaction));
  assertDeepEquals(await result(db.transaction("s").objectStore("s").getAllKeys()), [1, 3]);
  db.close();
});

test("an exception in a handler aborts the transaction and is reported", async () => {
  const db = await open(freshName(), 1, (db) => db.createObjectStore("s"));
  const reported = [];
  const onError = (event) => {
    reported.push(event.error.message);
    event.preventDefault();
  };
  addEventListener("error", onError);
  const transaction = db.transaction("s", "readwrite");
  transaction.objectStore("s").put(1, 1).onsuccess = () => {
    throw new Error("from onsuccess");
  };
  await assertRejects("AbortError", () => completion(transaction));
  removeEventListener("error", onError);
  assertDeepEquals(reported, ["from onsuccess"]);
  assertEquals(await result(db.transaction("s").objectStore("s").count()), 0);
  db.close();
});

test("promises keep a transaction alive: await between requests", async () => {
  const db = await open(freshName(), 1, (db) => db.createObjectStore("s"));
  const transaction = db.transaction("s", "readwrite");
  const store = transaction.objectStore("s");
  await result(store.put("a", 1));
  await null;
  await result(store.put("b", 2));
  const finished = completion(transaction);
  assertEquals(await result(store.get(1)), "a");
  assertEquals(await finished, "complete");
  assertThrows("TransactionInactiveError", () => store.get(1));
  db.close();
});

test("cursors: directions, update, delete, continue to a key", async () => {
  const db = await open(freshName(), 1, (db) => {
    const store = db.createObjectStore("s");
    for (let i = 1; i <= 5; i += 1) store.put({ v: i % 2 }, i);
    store.createIndex("v", "v");
  });
  const walk = (request, step) =>
    new Promise((resolve, reject) => {
      const seen = [];
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const cursor = request.result;
        if (cursor === null) return resolve(seen);
        seen.push(cursor.primaryKey);
        (step ?? ((c) => c.continue()))(cursor);
      };
    });
  const store = () => db.transaction("s", "readwrite").objectStore("s");
  assertDeepEquals(await walk(store().openCursor()), [1, 2, 3, 4, 5]);
  assertDeepEquals(await walk(store().openKeyCursor(IDBKeyRange.bound(2, 4), "prev")), [4, 3, 2]);
  assertDeepEquals(await walk(store().index("v").openCursor(null, "nextunique")), [2, 1]);
  assertDeepEquals(await walk(store().openCursor(), (cursor) => cursor.continue(cursor.key + 2)), [1, 3, 5]);
  assertDeepEquals(await walk(store().openCursor(), (cursor) => cursor.advance(4)), [1, 5]);
  await walk(store().openCursor(), (cursor) => {
    if (cursor.key === 2) cursor.delete();
    else cursor.update({ v: cursor.key * 10 });
    cursor.continue();
  });
  assertDeepEquals(await result(store().getAll()), [{ v: 10 }, { v: 30 }, { v: 40 }, { v: 50 }]);
  db.close();
});

test("versionchange, blocked, deleteDatabase", async () => {
  const name = freshName();
  const first = await open(name, 1, (db) => db.createObjectStore("s"));
  const log = [];
  first.onversionchange = (event) => {
    log.push("versionchange", event.newVersion);
    setTimeout(() => first.close(), 0);
  };
  const request = indexedDB.open(name, 2);
  request.onblocked = (event) => log.push("blocked", event.oldVersion);
  const second = await result(request);
  assertDeepEquals(log, ["versionchange", 2, "blocked", 1]);
  second.close();
  await assertRejects("VersionError", () => open(name, 1));
  const deletion = indexedDB.deleteDatabase(name);
  await result(deletion);
  assert(!(await indexedDB.databases()).some((info) => info.name === name));
  const fresh = await open(name, 1, (db) => assertEquals(db.objectStoreNames.length, 0));
  fresh.close();
  await result(indexedDB.deleteDatabase("never existed"));
});

test("errors before a request is made", async () => {
  const db = await open(freshName(), 1, (db) => {
    db.createObjectStore("s", { keyPath: "id" });
    assertThrows("ConstraintError", () => db.createObjectStore("s"));
    assertThrows("SyntaxError", () => db.createObjectStore("bad", { keyPath: "a b" }));
  });
  assertThrows("InvalidStateError", () => db.createObjectStore("late"));
  assertThrows("NotFoundError", () => db.transaction("none"));
  assertThrows("InvalidAccessError", () => db.transaction([]));
  const store = db.transaction("s").objectStore("s");
  assertThrows("ReadOnlyError", () => store.put({ id: 1 }));
  const writable = db.transaction("s", "readwrite").objectStore("s");
  assertThrows("DataError", () => writable.put({}));
  assertThrows("DataError", () => writable.put({ id: 1 }, 1));
  assertThrows("DataCloneError", () => writable.put({ id: 1, f() {} }));
  assertThrows("DataError", () => writable.get(undefined));
  assertThrows("NotFoundError", () => writable.index("none"));
  db.close();
});

test("a few thousand records in one transaction", async () => {
  const name = freshName();
  const db = await open(name, 1, (db) => db.createObjectStore("s"));
  const transaction = db.transaction("s", "readwrite");
  for (let i = 0; i < 3000; i += 1) transaction.objectStore("s").put({ text: `record ${i}` }, i);
  await completion(transaction);
  db.close();
  await nextTask();
  const again = await open(name);
  const all = await result(again.transaction("s").objectStore("s").getAll(IDBKeyRange.bound(1000, 1002)));
  assertDeepEquals(all.map((record) => record.text), ["record 1000", "record 1001", "record 1002"]);
  again.close();
});

test("blobs are read when they are asked for, and outlive their record", async () => {
  const database = await new Promise((resolve, reject) => {
    const opening = indexedDB.open("blobs", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("s");
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
  const run = (mode, use) =>
    new Promise((resolve, reject) => {
      const transaction = database.transaction("s", mode);
      const request = use(transaction.objectStore("s"));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    });
  const blob = new Blob(["0123456789"], { type: "text/x" });
  const file = new File([blob.slice(2, 5)], "n", { type: "a/b", lastModified: 7 });
  await run("readwrite", (store) => store.put({ blob, again: blob, file }, 1));
  const found = await run("readonly", (store) => store.get(1));
  assertEquals(found.blob, found.again);
  assertDeepEquals([found.blob.size, found.blob.type, found.file instanceof File, found.file.name, found.file.lastModified, found.file.size], [10, "text/x", true, "n", 7, 3]);
  await run("readwrite", (store) => store.delete(1));
  assertEquals(await run("readonly", (store) => store.count()), 0);
  assertEquals(await found.blob.slice(3, -3).text(), "3456");
  assertDeepEquals([...(await found.file.bytes())], [50, 51, 52]);
  assertEquals(await new Response(found.blob.stream()).text(), "0123456789");
  // What was read from the store can be stored and cloned like any other blob.
  await run("readwrite", (store) => store.put(found, 2));
  assertEquals(await structuredClone(await run("readonly", (store) => store.get(2))).file.text(), "234");
  database.close();
});

test("everything that is stored is kept, and counted", async () => {
  assertEquals(await navigator.storage.persisted(), true);
  assert(!("persist" in navigator.storage), "only windows may ask (Storage, section 7)");
  const { usage, quota } = await navigator.storage.estimate();
  assert(usage >= 0 && quota >= usage);
});
