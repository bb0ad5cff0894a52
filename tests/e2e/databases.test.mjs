// Pages in real browsers have the databases of their workers: an outbox that a page writes with an unmodified library is
// sent by the worker.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before } from "node:test";
import { chromium } from "playwright-core";
import puppeteer from "puppeteer-core";
import { test } from "./limited.mjs";
import { App, browserPath, CHROMIUM_FLAGS } from "./program.mjs";

const PAGE = `<!doctype html><meta charset="utf-8"><title>outbox</title><script src="idb.js"></script><script src="page.js"></script>`;

const PAGE_SCRIPT = `
const opened = () => idb.openDB("app", 1, {
  upgrade(db) {
    db.createObjectStore("outbox", { keyPath: "id", autoIncrement: true }).createIndex("by-text", "text");
  },
});
async function ready() {
  await navigator.serviceWorker.register("sw.js");
  return await navigator.serviceWorker.ready;
}
async function write(...texts) {
  const registration = await navigator.serviceWorker.getRegistration() ?? await ready();
  const db = await opened();
  const transaction = db.transaction("outbox", "readwrite");
  for (const text of texts) transaction.store.add({ text, at: new Date(0), bytes: new Uint8Array([1, 2, 255]), more: new Map([["key", 12n]]) });
  await transaction.done;
  db.close();
  await registration.sync.register("outbox");
}
async function left() {
  const db = await opened();
  const count = await db.count("outbox");
  db.close();
  return count;
}
`;

const WORKER = `
importScripts("idb.js");
addEventListener("sync", (event) => event.waitUntil(send()));
async function send() {
  const db = await idb.openDB("app", 1);
  for (const message of await db.getAllFromIndex("outbox", "by-text")) {
    const what = [message.id, message.text, message.at.getTime(), message.bytes[2], message.more.get("key") === 12n];
    const response = await fetch("/inbox", { method: "POST", body: JSON.stringify(what) });
    if (!response.ok) throw new Error("not sent");
    await db.delete("outbox", message.id);
  }
  db.close();
}
let kept;
addEventListener("message", (event) => event.waitUntil("develop" in event.data ? develop(event) : keep(event)));
async function develop(event) {
  const db = await idb.openDB("app", 1);
  const { picture, list } = await db.get("outbox", event.data.develop);
  const bytes = new Uint8Array(await picture.arrayBuffer());
  const seen = [picture instanceof File, picture.name, picture.type, picture.lastModified, bytes.length, bytes.every((byte) => byte === 7)];
  seen.push(list[0] === list[1], list[0] instanceof File, await list[0].text());
  const key = await db.add("outbox", { text: "made", made: new File(["développé"], "m.txt", { type: "text/plain", lastModified: 6 }) });
  db.close();
  event.source.postMessage({ seen, key });
}
async function keep(event) {
  kept = await idb.openDB("shared", 1, {
    upgrade: (db) => void db.createObjectStore("s"),
    blocking: (current, wanted) => {
      event.source.postMessage({ current, wanted });
      setTimeout(() => kept.close(), event.data.closesAfter);
    },
  });
  event.source.postMessage("open");
}
`;

/** What the browsers' drivers have in common. @typedef {{ goto(url: string): Promise<unknown>, evaluate(f: string): Promise<any>, close(): Promise<void> }} Tab */

/** @type {Record<string, { newTab(): Promise<Tab>, close(): Promise<void> }>} */
const browsers = {};
/** @type {Record<string, string>} */
let files = {};

before(async () => {
  const library = await readFile(new URL("node_modules/idb/build/umd.js", import.meta.url), "utf8");
  files = { "index.html": PAGE, "idb.js": library, "page.js": PAGE_SCRIPT, "sw.js": WORKER };
  const chromiumPath = browserPath("CHROMIUM", "run scripts/setup", "/usr/bin/chromium", "/usr/bin/chromium-browser");
  const chromiumBrowser = await chromium.launch({ executablePath: chromiumPath, args: CHROMIUM_FLAGS });
  browsers.Chromium = { newTab: async () => await chromiumBrowser.newPage(), close: () => chromiumBrowser.close() };
  const firefoxPath = browserPath("FIREFOX", "run scripts/setup", "/usr/bin/firefox-esr", "/usr/bin/firefox");
  const firefox = await puppeteer.launch({ browser: "firefox", executablePath: firefoxPath, headless: true });
  browsers.Firefox = { newTab: async () => await firefox.newPage(), close: () => firefox.close() };
});
after(() => Promise.all(Object.values(browsers).map((browser) => browser.close())));

/** A server that keeps what it is sent. */
async function inbox() {
  /** @type {string[]} */
  const received = [];
  /** @type {(() => void)[]} */
  const waiting = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += chunk));
    request.on("end", () => {
      received.push(body);
      response.end("ok");
      for (const wake of waiting.splice(0)) wake();
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: () => server.close(),
    /** @param {number} count */
    async has(count) {
      while (received.length < count) await new Promise((resolve) => waiting.push(() => resolve(undefined)));
      return received.map((body) => JSON.parse(body));
    },
  };
}

for (const name of ["Chromium", "Firefox"]) {
  test(`${name}: the worker sends what a page has written with idb`, async () => {
    const server = await inbox();
    const app = await App.open(files, "--proxy", `/inbox=${server.url}`);
    try {
      const tab = await newTab(name, app);
      await tab.evaluate("ready().then(() => {})");
      await app.ask("offline", "on");
      await tab.evaluate(`write("first", "second")`);
      assert.equal(await tab.evaluate("left()"), 2, "the outbox is kept");
      await tab.close();
      await app.ask("offline", "off");
      assert.deepEqual(await server.has(2), [[1, "first", 0, 255, true], [2, "second", 0, 255, true]]);

      const again = await newTab(name, app);
      await again.evaluate(`write("third")`);
      assert.deepEqual((await server.has(3))[2], [3, "third", 0, 255, true]);
      await again.evaluate(`(async () => { while (await left() > 0); })()`);
    } finally {
      await app.close();
      server.close();
    }
  });

  test(`${name}: Blobs and Files go both ways, up to a limit`, async () => {
    const app = await App.open(files);
    try {
      const tab = await newTab(name, app);
      const [seen, made, refused, count] = await tab.evaluate(`(async () => {
        const { active } = await ready();
        const db = await opened();
        const picture = new File([new Uint8Array(300_000).fill(7)], "päper.bin", { type: "image/x", lastModified: 5 });
        const same = new Blob(["twice"]);
        const key = await db.add("outbox", { text: "picture", picture, list: [same, same] });
        const told = new Promise((resolve) => (navigator.serviceWorker.onmessage = (event) => resolve(event.data)));
        active.postMessage({ develop: key });
        const { seen, key: answer } = await told;
        const { made } = await db.get("outbox", answer);
        const huge = new Blob([new Uint8Array(30 << 20)]);
        const refused = await db.add("outbox", { text: "huge", huge }).catch((error) => [error.name, error.message]);
        return [seen, [made instanceof File, made.name, made.type, made.lastModified, await made.text()], refused, await db.count("outbox")];
      })()`);
      assert.deepEqual(seen, [true, "päper.bin", "image/x", 5, 300_000, true, true, false, "twice"]);
      assert.deepEqual(made, [true, "m.txt", "text/plain", 6, "développé"]);
      assert.equal(refused[0], "UnknownError");
      assert.match(refused[1], /store it in parts/);
      assert.equal(count, 2, "the connection and what is stored are whole");
    } finally {
      await app.close();
    }
  });

  test(`${name}: a page asks a worker to let go, and waits for it`, async () => {
    const app = await App.open(files);
    try {
      const tab = await newTab(name, app);
      const seen = await tab.evaluate(`(async () => {
        const heard = [];
        let opened;
        const isOpen = new Promise((resolve) => (opened = resolve));
        navigator.serviceWorker.onmessage = (event) => (event.data === "open" ? opened() : heard.push(event.data));
        (await ready()).active.postMessage({ closesAfter: 50 });
        await isOpen;
        const db = await idb.openDB("shared", 2, { blocked: (current, wanted) => heard.push(["blocked", current, wanted]) });
        return [db.version, [...db.objectStoreNames], heard];
      })()`);
      assert.deepEqual(seen.slice(0, 2), [2, ["s"]]);
      assert.deepEqual(seen[2].filter((/** @type {any} */ each) => Array.isArray(each)), [["blocked", 1, 2]]);
      assert.deepEqual(seen[2].filter((/** @type {any} */ each) => !Array.isArray(each)), [{ current: 1, wanted: 2 }]);
    } finally {
      await app.close();
    }
  });

  test(`${name}: what a page was writing when it vanished is undone`, async () => {
    const app = await App.open(files);
    try {
      const [vanishing, staying] = [await newTab(name, app), await newTab(name, app)];
      await vanishing.evaluate(`(async () => {
        const db = await opened();
        const store = db.transaction("outbox", "readwrite").store;
        await store.add({ text: "lost" });
        // Never ends: there is always one more request.
        (async () => { for (;;) await store.get(1); })();
      })()`);
      const written = staying.evaluate(`opened().then((db) => db.add("outbox", { text: "kept" }))`);
      await vanishing.close();
      assert.equal(await written, 1, "the key generator knows nothing of the other");
      assert.deepEqual(await staying.evaluate(`opened().then((db) => db.getAll("outbox")).then((all) => all.map(({ text }) => text))`), ["kept"]);
    } finally {
      await app.close();
    }
  });
}

test("Chromium: the classes are the standard's, and the operator can leave the page its own", async () => {
  const app = await App.open(files);
  const own = await App.open(files, "--no-shared-storage");
  const isNative = `Object.getOwnPropertyDescriptor(IDBFactory.prototype, "open").value.toString().includes("[native code]")`;
  try {
    const tab = await newTab("Chromium", app);
    assert.equal(await tab.evaluate(isNative), false);
    const facts = await tab.evaluate(`(async () => {
      const db = await opened();
      const native = idb.unwrap(db);
      const events = [];
      native.addEventListener("error", (event) => events.push(event.target instanceof IDBRequest, event.isTrusted, event instanceof Event));
      const transaction = db.transaction("outbox", "readwrite");
      transaction.store.add({ id: 1 });
      transaction.store.add({ id: 1 }).catch(() => events.push("rejected"));
      await transaction.done.catch((error) => events.push(error.name));
      const blob = await db.add("outbox", { at: new Error("kept").message }).then((key) => db.get("outbox", key));
      return [events, native instanceof EventTarget, (await indexedDB.databases()), blob.at, await db.count("outbox")];
    })()`);
    assert.deepEqual(facts.slice(1), [true, [{ name: "app", version: 1 }], "kept", 1]);
    assert.deepEqual(facts[0].slice(0, 3), [true, true, true]);
    assert.deepEqual(new Set(facts[0].slice(3)), new Set(["rejected", "AbortError"]));
    const left = await newTab("Chromium", own);
    assert.equal(await left.evaluate(isNative), true);
    const closing = await left.evaluate(`new Promise((resolve) => {
      const socket = new WebSocket("/.wakeworker/socket?databases");
      socket.onopen = () => socket.send(JSON.stringify({ protocol: 1, topOrigin: null }));
      socket.onclose = (event) => resolve([event.code, event.reason]);
    })`);
    assert.deepEqual(closing, [1008, "storage is not shared"]);
  } finally {
    await app.close();
    await own.close();
  }
});

/**
 * @param {string} browser
 * @param {App} app
 */
async function newTab(browser, app) {
  const tab = await /** @type {any} */ (browsers[browser]).newTab();
  tab.on("pageerror", (/** @type {unknown} */ error) => console.error(error));
  await tab.goto(app.origin);
  return /** @type {Tab} */ (tab);
}
