// Messages with ports, broadcasts and the life cycle of a page's container in a real browser, with an unmodified workbox-window.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before } from "node:test";
import { chromium } from "playwright-core";
import { test } from "./limited.mjs";
import { App, browserPath, CHROMIUM_FLAGS } from "./program.mjs";

const WORKER = `
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
const channel = new BroadcastChannel("news");
channel.onmessage = ({ data }) => channel.postMessage({ heard: data.text });
addEventListener("message", (event) => {
  if (event.data?.type === "GET_VERSION") event.ports[0].postMessage({ version: "1.2.3" });
  if (event.data === "port, please") {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => port1.postMessage(data.map((each) => each * 2));
    port1.postMessage("early");
    event.source.postMessage("here", [port2]);
  }
});`;

/** @type {import("playwright-core").Browser} */
let browser;
/** @type {App} */
let site;
before(async () => {
  const executablePath = browserPath("CHROMIUM", "run scripts/setup", "/usr/bin/chromium", "/usr/bin/chromium-browser");
  browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS });
  const workbox = new URL("node_modules/workbox-window/build/workbox-window.prod.mjs", import.meta.url);
  site = await App.open({
    "index.html": "<!doctype html><title>page</title>",
    "sw.js": WORKER,
    "workbox-window.js": await readFile(workbox, "utf8"),
  });
});
after(async () => {
  await browser?.close();
  await site?.close();
});

/**
 * Runs the body of an async function in a fresh page.
 * @param {string} code
 */
async function inPage(code) {
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(site.origin);
    return await page.evaluate(`(async () => { ${code} })()`);
  } finally {
    await context.close();
  }
}

test("workbox-window registers, sees the worker take over, and asks it through a port", async () => {
  const found = await inPage(`
    const { Workbox } = await import("/workbox-window.js");
    const workbox = new Workbox("/sw.js");
    const seen = [];
    for (const type of ["installed", "activated", "controlling"]) workbox.addEventListener(type, () => seen.push(type));
    await workbox.register();
    await workbox.controlling;
    const version = await workbox.messageSW({ type: "GET_VERSION" });
    while (seen.length < 3) await new Promise((resolve) => setTimeout(resolve, 10));
    return { version, seen: seen.sort(), controlled: navigator.serviceWorker.controller.scriptURL };`);
  assert.deepEqual(found, { version: { version: "1.2.3" }, seen: ["activated", "controlling", "installed"], controlled: `${site.origin}/sw.js` });
});

test("ports come from the worker as the browser's own, and go on to other pages", async () => {
  const found = await inPage(`
    await navigator.serviceWorker.register("/sw.js");
    const { active } = await navigator.serviceWorker.ready;
    const message = new Promise((resolve) => (navigator.serviceWorker.onmessage = resolve));
    active.postMessage("port, please");
    const { data, ports, source } = await message;
    // The browser can transfer it to somebody else, who goes on with it.
    const elsewhere = new MessageChannel();
    elsewhere.port1.postMessage(null, [ports[0]]);
    const port = await new Promise((resolve) => (elsewhere.port2.onmessage = (event) => resolve(event.ports[0])));
    const heard = [];
    const two = new Promise((resolve) => (port.onmessage = (event) => heard.push(event.data) === 2 && resolve()));
    port.postMessage([1, 2]);
    await two;
    const { port2 } = new MessageChannel();
    active.postMessage("x", [port2]);
    let again;
    try { active.postMessage("x", [port2]); } catch (error) { again = error.name; }
    return { data, native: ports[0] instanceof MessagePort, source: source === active, heard, again };`);
  assert.deepEqual(found, { data: "here", native: true, source: true, heard: ["early", [2, 4]], again: "DataCloneError" });
});

test("a BroadcastChannel reaches the workers and the other pages", async () => {
  const context = await browser.newContext();
  try {
    const [one, other] = [await context.newPage(), await context.newPage()];
    await one.goto(site.origin);
    await other.goto(site.origin);
    const collect = `(async () => {
      await navigator.serviceWorker.register("/sw.js");
      await navigator.serviceWorker.ready;
      globalThis.heard = [];
      globalThis.channel = new BroadcastChannel("news");
      channel.onmessage = ({ data, origin }) => heard.push([data.text ?? data.heard, origin === location.origin]);
      return channel instanceof EventTarget && channel.name;
    })()`;
    assert.equal(await one.evaluate(collect), "news");
    assert.equal(await other.evaluate(collect), "news");
    await one.evaluate(`channel.postMessage({ text: "hello" })`);
    await one.waitForFunction("heard.length >= 1");
    await other.waitForFunction("heard.length >= 2");
    assert.deepEqual(await one.evaluate("heard"), [["hello", true]], "the worker's answer, and nothing of its own");
    assert.deepEqual(await other.evaluate("heard"), [["hello", true], ["hello", true]], "the page's message and the worker's answer");
  } finally {
    await context.close();
  }
});

// R161
test("an unregistered worker goes on for its page, and is redundant when the page has gone", async () => {
  const found = await inPage(`
    const registration = await navigator.serviceWorker.register("/sw.js", { scope: "/own/" });
    const worker = registration.installing;
    const states = [];
    worker.onstatechange = () => states.push(worker.state);
    while (worker.state !== "activated") await new Promise((resolve) => setTimeout(resolve, 10));
    await registration.navigationPreload.enable();
    const preload = await registration.navigationPreload.getState();
    const redundant = new Promise((resolve) => worker.addEventListener("statechange", () => worker.state === "redundant" && resolve()));
    const unregistered = [await registration.unregister(), await registration.unregister()];
    await redundant;
    return { states, preload, unregistered, left: await navigator.serviceWorker.getRegistration("/own/x") ?? null, active: registration.active };`);
  assert.deepEqual(found.preload, { enabled: true, headerValue: "true" });
  assert.deepEqual(found.unregistered, [true, false]);
  assert.equal(found.states.at(-1), "redundant");
  assert.equal(found.active, null);
  assert.notEqual(found.left?.scope, `${site.origin}/own/`);
});
