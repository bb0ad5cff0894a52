// Firefox has no Background Sync of its own; through the gateway its pages have it.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import puppeteer from "puppeteer-core";
import { test } from "./limited.mjs";
import { browserPath, shots, Site } from "./program.mjs";

test("Firefox: a message outlives its page", async () => {
  const executablePath = browserPath("FIREFOX", "run scripts/setup", "/usr/bin/firefox-esr", "/usr/bin/firefox");
  const site = await Site.open();
  const browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true });
  try {
    await mkdir(shots, { recursive: true });
    const page = await browser.newPage();
    await page.goto(site.origin);
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    assert.equal(
      await page.evaluate(async () => "sync" in (await navigator.serviceWorker.ready)),
      true,
      "the registration has a SyncManager",
    );

    await site.ask("offline", "on");
    await page.type("#text", "Written in Firefox, without a network.");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".own[data-state=pending]");
    await page.screenshot({ path: path.join(shots, "firefox-pending.png") });
    await page.close();

    await site.ask("offline", "off");
    await site.inbox.line((line) => line.event === "received" && line.text.startsWith("Written in Firefox"));

    const again = await browser.newPage();
    await again.goto(site.origin);
    await again.waitForSelector(".own[data-state=sent]");
    await again.screenshot({ path: path.join(shots, "firefox-sent.png") });
  } finally {
    await browser.close();
    await site.close();
  }
});
