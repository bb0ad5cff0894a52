// Libraries over IndexedDB do their basic work. Runs after tests/js/assert.js.

import Dexie from "dexie";
import { deleteDB, openDB } from "idb";
import { clear, del, entries, get, set, setMany, update } from "idb-keyval";
import localforage from "localforage";
import PouchDB from "pouchdb-browser";

test("idb: upgrade, transaction, index, cursor iteration", async () => {
  const db = await openDB("idb", 1, {
    upgrade(db) {
      const store = db.createObjectStore("books", { keyPath: "isbn" });
      store.createIndex("author", "author");
    },
  });
  const transaction = db.transaction("books", "readwrite");
  await Promise.all([
    transaction.store.put({ isbn: 1, author: "b" }),
    transaction.store.put({ isbn: 2, author: "a" }),
    transaction.store.put({ isbn: 3, author: "b" }),
    transaction.done,
  ]);
  assertEquals((await db.getFromIndex("books", "author", "a")).isbn, 2);
  const seen = [];
  for await (const cursor of db.transaction("books").store.index("author").iterate(null, "prev")) seen.push(cursor.primaryKey);
  assertDeepEquals(seen, [3, 1, 2]);
  assertEquals(await db.count("books"), 3);
  db.close();
  await deleteDB("idb");
  assert(!(await indexedDB.databases()).some(({ name }) => name === "idb"));
});

test("idb-keyval: values by key", async () => {
  await set("a", { deep: [1, new Date(5)] });
  assertEquals((await get("a")).deep[1].getTime(), 5);
  await setMany([["b", 2], ["c", 3]]);
  await update("b", (value) => value + 40);
  await del("c");
  assertDeepEquals((await entries()).map(([key]) => key), ["a", "b"]);
  assertEquals(await get("b"), 42);
  await clear();
  assertDeepEquals(await entries(), []);
});

test("dexie: schema, queries, transactions, upgrade", async () => {
  let db = new Dexie("dexie");
  db.version(1).stores({ friends: "++id, name, age, *tags" });
  await db.friends.bulkAdd([
    { name: "Ann", age: 20, tags: ["x", "y"] },
    { name: "Bob", age: 30, tags: ["y"] },
    { name: "Cid", age: 40, tags: [] },
  ]);
  assertEquals(await db.friends.where("age").above(25).count(), 2);
  assertDeepEquals(await db.friends.where("tags").equals("y").primaryKeys(), [1, 2]);
  assertEquals((await db.friends.orderBy("age").reverse().first()).name, "Cid");
  await db.transaction("rw", db.friends, async () => {
    await db.friends.update(1, { age: 21 });
    await db.friends.where("name").startsWithIgnoreCase("B").delete();
  });
  await assertFails(db.transaction("rw", db.friends, async () => {
    await db.friends.clear();
    throw new Error("no");
  }));
  assertDeepEquals((await db.friends.toArray()).map(({ age }) => age), [21, 40]);
  db.close();
  db = new Dexie("dexie");
  db.version(2).stores({ friends: "++id, name, age", log: "++" }).upgrade((tx) => tx.table("friends").toCollection().modify({ seen: true }));
  assert((await db.friends.toArray()).every(({ seen }) => seen));
  await db.delete();
});

test("localforage: items, iteration, instances", async () => {
  const store = localforage.createInstance({ name: "forage", driver: localforage.INDEXEDDB });
  await store.setItem("a", new Uint8Array([1, 2]));
  await store.setItem("b", { n: 1 });
  assertEquals((await store.getItem("a"))[1], 2);
  const seen = [];
  await store.iterate((_, key) => void seen.push(key));
  assertDeepEquals(seen, ["a", "b"]);
  await store.removeItem("a");
  assertDeepEquals(await store.keys(), ["b"]);
  assertEquals(await store.length(), 1);
});

test("pouchdb: documents, conflicts, changes", async () => {
  const db = new PouchDB("pouch", { adapter: "idb" });
  const { rev } = await db.put({ _id: "a", n: 1 });
  await db.put({ _id: "a", _rev: rev, n: 2 });
  await assertFails(db.put({ _id: "a", _rev: rev, n: 3 }));
  await db.bulkDocs([{ _id: "b" }, { _id: "c" }]);
  assertEquals((await db.get("a")).n, 2);
  assertDeepEquals((await db.allDocs()).rows.map(({ id }) => id), ["a", "b", "c"]);
  await db.remove(await db.get("b"));
  assertEquals((await db.changes({ since: 0 })).results.length, 3);
  await db.destroy();
});

async function assertFails(promise) {
  let failed = false;
  await promise.catch(() => (failed = true));
  assert(failed, "the promise rejects");
}
