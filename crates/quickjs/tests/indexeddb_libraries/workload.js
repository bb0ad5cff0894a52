// What scripts do with IndexedDB all day, timed: the same in a worker of the runtime, over fake-indexeddb in such a worker,
// and in a page of a browser. `scripts/bench indexeddb` compares them.

import "./immediate.js";
import { indexedDB as inMemory } from "fake-indexeddb";

const RECORDS = 1000;
const COMMITS = 20;

const record = (id, text) => ({ id, text: `${text} `.padEnd(150, "v"), at: 1_700_000_000_000 + id, done: false });
const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
const complete = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });

/** Microseconds for each of `count` things. */
async function timed(count, body) {
  const begin = performance.now();
  await body();
  return ((performance.now() - begin) * 1000) / count;
}

/** Samples of each operation, in microseconds: of a side, `own` or `fake`, in so many rounds. */
async function measure(side, rounds) {
  const factory = side === "fake" ? inMemory : self.indexedDB;
  await done(factory.deleteDatabase("bench"));
  const opening = factory.open("bench", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("s");
  const db = await done(opening);
  const begin = (mode, durability) => {
    const transaction = db.transaction("s", mode, { durability });
    return [transaction, transaction.objectStore("s")];
  };
  const put = (first, durability, text) => async () => {
    const [transaction, store] = begin("readwrite", durability);
    for (let i = 0; i < RECORDS; i += 1) store.put(record(i, text), first + i);
    await complete(transaction);
  };
  const commit = (durability, text) => async () => {
    for (let i = 0; i < COMMITS; i += 1) {
      const [transaction, store] = begin("readwrite", durability);
      store.put(record(i, text), i);
      await complete(transaction);
    }
  };
  const read = (body) => async () => {
    const [transaction, store] = begin("readonly", "default");
    const finished = complete(transaction);
    body(store);
    await finished;
  };
  const get = read((store) => {
    for (let i = 0; i < RECORDS; i += 1) done(store.get(i));
  });
  const cursor = read((store) => {
    let left = RECORDS;
    const request = store.openCursor();
    request.onsuccess = () => {
      left -= 1;
      if (left > 0) request.result.continue();
    };
  });
  const getAll = read((store) => {
    store.getAll(null, RECORDS).onsuccess = (event) => {
      if (event.target.result.length !== RECORDS) throw new Error("there are fewer records");
    };
  });
  const operations = {
    "put, relaxed": [RECORDS, (n) => put((2 * n + 1) * RECORDS, "relaxed", n)],
    "put, strict": [RECORDS, (n) => put((2 * n + 2) * RECORDS, "strict", n)],
    "put over, relaxed": [RECORDS, (n) => put(0, "relaxed", n)],
    "commit, strict": [COMMITS, (n) => commit("strict", n)],
    "commit, relaxed": [COMMITS, (n) => commit("relaxed", n)],
    get: [RECORDS, () => get],
    cursor: [RECORDS, () => cursor],
    getAll: [RECORDS, () => getAll],
  };
  await put(0, "relaxed", "first")();
  const samples = {};
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, [count, body]] of Object.entries(operations)) (samples[name] ??= []).push(await timed(count, body(round)));
  }
  db.close();
  return samples;
}
globalThis.measure = measure;

if (typeof WorkerGlobalScope !== "undefined") {
  addEventListener("message", (event) => {
    const [side, rounds] = event.data.split(" ");
    event.waitUntil(measure(side, Number(rounds)).then((samples) => console.log(JSON.stringify(samples)), (error) => console.log(String(error?.stack ?? error))));
  });
}
