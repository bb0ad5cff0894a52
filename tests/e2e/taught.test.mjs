// The programs that the web teaches (crates/quickjs/tests/taught), pages and workers unmodified, in a real Chromium whose
// own Background Sync has no part in it.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before } from "node:test";
import { chromium } from "playwright-core";
import { test } from "./limited.mjs";
import { App, browserPath, CHROMIUM_FLAGS } from "./program.mjs";

const TAUGHT = "crates/quickjs/tests/taught";

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  const executablePath = browserPath("CHROMIUM", "run scripts/setup", "/usr/bin/chromium", "/usr/bin/chromium-browser");
  browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS });
});
after(() => browser?.close());

/** A server that accepts everything that is sent to it, and knows what that was. */
class Recorder {
  /** @type {{ path: string, body: string }[]} */
  requests = [];
  /** @type {(() => void)[]} */
  #waiting = [];
  #server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += chunk));
    request.on("end", () => {
      this.requests.push({ path: request.url ?? "", body });
      response.end("accepted");
      for (const wake of this.#waiting.splice(0)) wake();
    });
  });

  async listen() {
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", () => resolve(undefined)));
    const address = /** @type {import("node:net").AddressInfo} */ (this.#server.address());
    return `http://127.0.0.1:${address.port}`;
  }

  /** @param {number} count */
  async received(count) {
    while (this.requests.length < count) await new Promise((resolve) => this.#waiting.push(() => resolve(undefined)));
    return this.requests;
  }

  close() {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

/**
 * @param {string} app
 * @param {string[]} args
 * @param {(page: import("playwright-core").Page, site: App) => Promise<void>} body
 */
async function withPage(app, args, body) {
  const site = await App.open(`${TAUGHT}/${app}`, ...args);
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(site.origin);
    await body(page, site);
  } finally {
    await context.close();
    await site.close();
  }
}

// R40, R44, R95, R98, R137
test("headlines: request, verify by tag, remove", async () => {
  await withPage("periodic-news", ["--grant", "periodic-background-sync"], async (page, site) => {
    assert.equal(await page.evaluate("areHeadlinesAskedFor()"), false);
    assert.equal(await page.evaluate("askForHeadlines()"), "asked");
    assert.equal(await page.evaluate("areHeadlinesAskedFor()"), true);
    const [{ registrations }] = await site.ask("list");
    assert.deepEqual([registrations[0].tag, registrations[0].kind, registrations[0].min_interval_ms], ["headlines", "periodicsync", 86_400_000]);
    await page.evaluate("giveUpHeadlines()");
    assert.equal(await page.evaluate("areHeadlinesAskedFor()"), false);
  });
  await withPage("periodic-news", [], async (page) => {
    assert.equal(await page.evaluate("askForHeadlines()"), "refused: NotAllowedError");
  });
});

// R23, R39, R49, R62
test("mails: written offline, sent although the page is closed", async () => {
  const server = new Recorder();
  const url = await server.listen();
  try {
    await withPage("mail-outbox", ["--proxy", `/mails=${url}`], async (page, site) => {
      await page.evaluate("navigator.serviceWorker.ready.then(() => undefined)");
      await site.ask("offline", "on");
      await page.evaluate("putIntoOutbox('one')");
      await page.evaluate("putIntoOutbox('two')");
      assert.equal(await page.evaluate("areMailsGoingToBeSent()"), false);
      assert.equal(await page.evaluate("sendMailsLater()"), "asked");
      assert.equal(await page.evaluate("areMailsGoingToBeSent()"), true);
      await page.close();
      await site.ask("offline", "off");
      assert.deepEqual((await server.received(2)).map((mail) => mail.body), ["one", "two"]);
    });
  } finally {
    server.close();
  }
});

// R23, R27, R28
test("syncs: at once with a network, one for each tag without", async () => {
  const server = new Recorder();
  const url = await server.listen();
  try {
    await withPage("first-sync", ["--proxy", `/work=${url}`], async (page, site) => {
      await page.evaluate("requestSync('work-now')");
      assert.deepEqual((await server.received(1)).map((work) => work.path), ["/work/work-now"]);
      await site.ask("offline", "on");
      await page.evaluate("Promise.all(Array.from({ length: 5 }, () => requestSync('work-same')))");
      await page.evaluate("Promise.all(Array.from({ length: 5 }, (_, n) => requestSync(`work-${n}`)))");
      await site.ask("offline", "off");
      const done = (await server.received(7)).map((work) => work.path.replace("/work/", "")).sort();
      assert.deepEqual(done, ["work-0", "work-1", "work-2", "work-3", "work-4", "work-now", "work-same"]);
      const [{ registrations }] = await site.ask("list");
      assert.ok(registrations.every((/** @type {{ state: string }} */ entry) => entry.state === "firing"), "nothing waits any more");
    });
  } finally {
    server.close();
  }
});
