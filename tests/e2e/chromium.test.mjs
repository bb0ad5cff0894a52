// A page in a real Chromium has a worker that the host runs, and that sends although the page is gone.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { after, before } from "node:test";
import { chromium } from "playwright-core";
import { test } from "./limited.mjs";
import { browserPath, CHROMIUM_FLAGS, shots, Site } from "./program.mjs";

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  const executablePath = browserPath("CHROMIUM", "run scripts/setup", "/usr/bin/chromium", "/usr/bin/chromium-browser");
  browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS });
  await mkdir(shots, { recursive: true });
});
after(() => browser?.close());

for (const [name, options] of /** @type {const} */ ([
  ["desktop-light", { viewport: { width: 1100, height: 800 }, colorScheme: "light" }],
  ["phone-dark", { viewport: { width: 390, height: 780 }, colorScheme: "dark", deviceScaleFactor: 2 }],
])) {
  test(`Chromium, ${name}: a message outlives its page`, async () => {
    const site = await Site.open();
    const context = await browser.newContext(options);
    try {
      const page = await open(context, site.origin);
      const script = await page.evaluate(() => navigator.serviceWorker.controller?.scriptURL);
      assert.equal(script, new URL("sw.js", site.origin).href, "the page is controlled");

      await page.getByRole("button", { name: "👋" }).click();
      await site.inbox.line((line) => line.event === "received" && line.text === "👋");
      await page.locator(".own[data-state=sent]").first().waitFor();
      await page.getByLabel("Message", { exact: true }).fill("The ferry leaves in ten minutes. Are you on board?");
      await page.keyboard.press("Enter");
      await page.locator(".own[data-state=sent]").nth(1).waitFor();

      await site.ask("offline", "on");
      await page.getByLabel("Message", { exact: true }).fill("No signal below deck. You will read this once we are out again.");
      await page.keyboard.press("Enter");
      await page.getByRole("button", { name: "🚀" }).click();
      await page.locator(".own[data-state=pending]").nth(1).waitFor();
      await shoot(page, `${name}-pending`);
      await page.close();

      await site.ask("offline", "off");
      await site.inbox.line((line) => line.event === "received" && line.text.startsWith("No signal"));
      await site.inbox.line((line) => line.event === "received" && line.text === "🚀");

      const again = await open(context, site.origin);
      await again.locator(".own[data-state=sent]").nth(3).waitFor();
      assert.equal(await again.locator(".own:not([data-state=sent])").count(), 0, "nothing waits any more");
      await shoot(again, `${name}-sent`);
    } finally {
      await context.close();
      await site.close();
    }
  });
}

test("Chromium: a page outlives its host", async () => {
  const site = await Site.open();
  const context = await browser.newContext();
  try {
    const page = await open(context, site.origin);
    await site.ask("offline", "on");
    await page.getByRole("button", { name: "🌈" }).click();
    await page.locator(".own[data-state=pending]").waitFor();

    await site.host.kill();
    await site.startHost("--offline");
    await page.evaluate(async () => {
      const registration = /** @type {any} */ (await navigator.serviceWorker.ready);
      await registration.sync.register("by the same page");
    });
    const { registrations } = (await site.ask("list"))[0];
    const tags = registrations.map((/** @type {{ tag: string }} */ entry) => entry.tag).sort();
    assert.deepEqual(tags, ["by the same page", "workbox-background-sync:outbox"]);

    await site.ask("offline", "off");
    await page.locator(".own[data-state=sent]").waitFor();
    await page.getByRole("button", { name: "☕" }).click();
    await page.locator(".own[data-state=sent]").nth(1).waitFor();
    await site.inbox.line((line) => line.event === "received" && line.text === "☕");
  } finally {
    await context.close();
    await site.close();
  }
});

/**
 * Opens the page and waits for its controller.
 * @param {import("playwright-core").BrowserContext} context
 * @param {string} url
 */
async function open(context, url) {
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(error));
  await page.goto(url);
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  return page;
}

/**
 * @param {import("playwright-core").Page} page
 * @param {string} name
 */
async function shoot(page, name) {
  // Finished animations look the same every time.
  await page.screenshot({ path: path.join(shots, `chromium-${name}.png`), animations: "disabled" });
}
