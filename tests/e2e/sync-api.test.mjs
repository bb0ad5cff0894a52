// The sync APIs of a page, as scripts in a real browser find them: shape, conversions, errors, permissions, extensions.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { chromium } from "playwright-core";
import { test } from "./limited.mjs";
import { App, browserPath, CHROMIUM_FLAGS } from "./program.mjs";

const FILES = {
  "index.html": "<!doctype html><title>page</title>",
  "frame.html": "<!doctype html><title>frame</title>",
  "sw.js": "onsync = (event) => { if (event.tag === 'bad') event.waitUntil(Promise.reject(new Error('no'))) }; onperiodicsync = () => {};",
};

/** Helpers that every page of these tests has. */
const HELPERS = `
  const error = (promise) => promise.then(() => "resolved", (e) => (e instanceof DOMException ? "DOMException " : "") + e.name);
  const activated = async () => {
    await navigator.serviceWorker.register("sw.js");
    const registration = await navigator.serviceWorker.ready;
    const worker = registration.active;
    while (worker.state !== "activated") await new Promise((resolve) => worker.addEventListener("statechange", resolve, { once: true }));
    return registration;
  };`;

/** @type {import("playwright-core").Browser} */
let browser;
before(async () => {
  const executablePath = browserPath("CHROMIUM", "run scripts/setup", "/usr/bin/chromium", "/usr/bin/chromium-browser");
  browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS });
});
after(() => browser?.close());

/**
 * Runs the body of an async function in a page whose worker is active; `registration` is there.
 * @param {string[]} args
 * @param {(run: (code: string) => Promise<any>, site: App, page: import("playwright-core").Page) => Promise<void>} body
 */
async function withPage(args, body) {
  const site = await App.open(FILES, ...args);
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(site.origin);
    const run = (/** @type {string} */ code) =>
      page.evaluate(`(async () => { ${HELPERS} const registration = await activated(); const { sync, periodicSync } = registration; ${code} })()`);
    await body(run, site, page);
  } finally {
    await context.close();
    await site.close();
  }
}

const GRANT = ["--grant", "periodic-background-sync"];

// R1, R2, R3, R4, R5, R223
test("interfaces have exactly the members of the specifications", async () => {
  await withPage(GRANT, async (run) => {
    const found = await run(`
      const shape = (Interface) => Object.entries(Object.getOwnPropertyDescriptors(Interface.prototype))
        .map(([name, d]) => name + (d.value && name !== "constructor" ? "/" + d.value.length : "") + (d.enumerable ? "" : " hidden"));
      const attribute = (name) => {
        const { get, set, enumerable, configurable } = Object.getOwnPropertyDescriptor(ServiceWorkerRegistration.prototype, name);
        return [typeof get, set === undefined, enumerable, configurable];
      };
      return {
        secure: isSecureContext,
        sync: shape(SyncManager), periodicSync: shape(PeriodicSyncManager),
        attributes: [attribute("sync"), attribute("periodicSync")],
        same: [registration.sync === sync, registration.periodicSync === periodicSync],
        classes: [sync instanceof SyncManager, periodicSync instanceof PeriodicSyncManager, String(sync), String(periodicSync)],
        illegal: await Promise.all([SyncManager, PeriodicSyncManager].map((I) => error(Promise.resolve().then(() => new I())))),
        events: ["SyncEvent", "PeriodicSyncEvent", "SyncRegistration", "PeriodicSyncRegistration", "SyncDoneEvent"].filter((name) => name in globalThis),
        onsyncdone: "onsyncdone" in registration,
      };`);
    assert.equal(found.secure, true);
    assert.deepEqual(found.sync.sort(), ["constructor hidden", "getTags/0", "register/1"]);
    assert.deepEqual(found.periodicSync.sort(), ["constructor hidden", "getTags/0", "register/1", "unregister/1"]);
    assert.deepEqual(found.attributes, [["function", true, true, true], ["function", true, true, true]]);
    assert.deepEqual(found.same, [true, true]);
    assert.deepEqual(found.classes, [true, true, "[object SyncManager]", "[object PeriodicSyncManager]"]);
    assert.deepEqual(found.illegal, ["TypeError", "TypeError"]);
    assert.deepEqual(found.events, []);
    assert.equal(found.onsyncdone, false);
  });
});

// R11, R12, R13, R40, R44, R45, R47, R100
test("arguments are converted as Web IDL says, and every error is a rejection", async () => {
  await withPage(GRANT, async (run) => {
    const found = await run(`
      const intervals = {};
      for (const value of [NaN, Infinity, -1, 2 ** 53, "x", -0.5, 1.9, 2 ** 53 - 1, null, undefined]) {
        intervals[String(value)] = await error(periodicSync.register("t", { minInterval: value }));
      }
      const wrong = await Promise.all([
        error(periodicSync.register()), error(periodicSync.register(Symbol())), error(periodicSync.register("t", 5)), error(periodicSync.unregister()),
        error(sync.register()), error(PeriodicSyncManager.prototype.getTags.call({})), error(periodicSync.register("t", { minInterval: 5n })),
      ]);
      const inOrder = await Promise.all([
        periodicSync.unregister("t"), periodicSync.register("\\ud800"), periodicSync.getTags(), periodicSync.unregister("\\ud800"), periodicSync.getTags(),
        periodicSync.unregister("unknown"),
      ]);
      await periodicSync.register({});
      const tags = await periodicSync.getTags();
      return { intervals, wrong, inOrder: inOrder.map((each) => each?.map?.((tag) => tag.charCodeAt(0)) ?? String(each)), tags };`);
    assert.deepEqual(found.intervals, {
      NaN: "TypeError", Infinity: "TypeError", "-1": "TypeError", 9007199254740992: "TypeError", x: "TypeError",
      "-0.5": "resolved", 1.9: "resolved", 9007199254740991: "resolved", null: "resolved", undefined: "resolved",
    });
    assert.deepEqual(found.wrong, Array(7).fill("TypeError"));
    assert.deepEqual(found.inOrder, ["undefined", "undefined", [0xd800], "undefined", [], "undefined"]);
    assert.deepEqual(found.tags, ["[object Object]"], "no dictionary of the older explainer");
  });
});

// R134, R135, R136, R137
test("permissions are those of the host", async () => {
  await withPage([], async (run) => {
    const found = await run(`
      const query = async (name) => {
        const status = await navigator.permissions.query({ name });
        return [status instanceof PermissionStatus, status instanceof EventTarget, status.name, status.state, status.onchange];
      };
      return {
        both: [await query("background-sync"), await query("periodic-background-sync")],
        refused: [await error(periodicSync.register("t")), await error(navigator.permissions.query({ name: "nonsense" })), await error(navigator.permissions.query())],
        others: (await navigator.permissions.query({ name: "geolocation" })).name,
      };`);
    assert.deepEqual(found.both, [
      [true, true, "background-sync", "granted", null],
      [true, true, "periodic-background-sync", "denied", null],
    ]);
    assert.deepEqual(found.refused, ["DOMException NotAllowedError", "TypeError", "TypeError"]);
    assert.equal(found.others, "geolocation", "the browser answers for its own");
  });
});

// R134
test("a status object follows the host, and says so", async () => {
  const site = await App.open(FILES);
  const context = await browser.newContext();
  try {
    const page = await context.newPage();
    /** @type {import("playwright-core").WebSocketRoute | undefined} */
    let socket;
    await page.routeWebSocket(/\/socket$/, (route) => {
      route.connectToServer();
      socket = route;
    });
    await page.goto(site.origin);
    const changed = page.evaluate(async () => {
      const name = /** @type {PermissionName} */ ("periodic-background-sync");
      const [first, second] = await Promise.all([navigator.permissions.query({ name }), navigator.permissions.query({ name })]);
      const before = first.state;
      document.title = "waits";
      const events = await Promise.all([
        new Promise((resolve) => (first.onchange = resolve)),
        new Promise((resolve) => second.addEventListener("change", resolve)),
      ]);
      return [before, first.state, second.state, ...events.map((event) => event.type), first.onchange !== null];
    });
    await page.waitForFunction(() => document.title === "waits");
    socket?.send(JSON.stringify({ type: "permission", name: "background-sync", state: "denied" }));
    socket?.send(JSON.stringify({ type: "permission", name: "periodic-background-sync", state: "granted" }));
    assert.deepEqual(await changed, ["denied", "granted", "granted", "change", "change", true]);
  } finally {
    await context.close();
    await site.close();
  }
});

// R14
test("the registration of a frame that is gone does no harm", async () => {
  await withPage(GRANT, async (run) => {
    const found = await run(`
      const frame = document.createElement("iframe");
      frame.src = "frame.html";
      const loaded = new Promise((resolve) => (frame.onload = resolve));
      document.body.append(frame);
      await loaded;
      const theirs = await frame.contentWindow.navigator.serviceWorker.getRegistration();
      frame.remove();
      const seen = [typeof theirs.sync, typeof theirs.periodicSync];
      theirs.unregister().catch(() => {});
      return [...seen, await error(sync.getTags())];`);
    assert.deepEqual(found.slice(0, 2), ["object", "object"]);
  });
});

// R15
test("inside a fenced frame all five methods are refused", async () => {
  await withPage(GRANT, async (run) => {
    // Fenced frames need a browser feature of their own; what tells a page that it is in one is this attribute.
    const found = await run(`
      Object.defineProperty(globalThis, "fence", { value: {}, configurable: true });
      const message = (promise) => promise.then(() => "resolved", (e) => e.name + ": " + e.message);
      return await Promise.all([
        message(sync.register("t")), message(sync.getTags()), message(periodicSync.register("t")), message(periodicSync.getTags()),
        message(periodicSync.unregister("t")),
      ]);`);
    assert.deepEqual(found, [
      "NotAllowedError: Failed to execute 'register' on 'SyncManager': Background Sync is not allowed in fenced frames.",
      "NotAllowedError: Background Sync is not allowed in fenced frames.",
      "NotAllowedError: Failed to execute 'register' on 'PeriodicSyncManager': Periodic Background Sync is not allowed in fenced frames.",
      "NotAllowedError: Periodic Background Sync is not allowed in fenced frames.",
      "NotAllowedError: Periodic Background Sync is not allowed in fenced frames.",
    ]);
  });
});

// R224, R225, R226, R232, R233, R235, R236, R246, R247, R248
test("with the extensions switched on, a page has them all", async () => {
  const enable = ["explainer-options", "sync-unregister", "sync-delays", "sync-done"].flatMap((name) => ["--enable", name]);
  await withPage([...enable, ...GRANT], async (run) => {
    const found = await run(`
      const show = (r) => [r.constructor.name, r.tag, r.minPeriod, r.powerState, r.networkState];
      const plain = await periodicSync.register({});
      const given = await periodicSync.register({ tag: "t", minPeriod: 5, powerState: "avoid-draining" });
      await periodicSync.register({ tag: "t", minPeriod: 7, networkState: "any" });
      await periodicSync.register("final", { minInterval: 9 });
      const all = (await periodicSync.getRegistrations()).map(show).sort();
      const removed = [await given.unregister(), await given.unregister()];
      const unknown = await error(periodicSync.register({ networkState: "satellite" }));
      const states = [await sync.permissionState(), await periodicSync.permissionState()];
      const done = (tag) => new Promise((resolve) => {
        registration.addEventListener("syncdone", function listener(event) {
          if (event.tag !== tag) return;
          registration.removeEventListener("syncdone", listener);
          resolve([event instanceof SyncDoneEvent, event.kind, event.result, event.reason, event.willRetry]);
        });
      });
      const ends = [];
      for (const tag of ["good", "bad"]) {
        const end = done(tag);
        await sync.register(tag);
        ends.push(await end);
      }
      await sync.register("later", { minDelay: 600000 });
      const later = [await sync.getTags(), (await sync.getRegistration("later"))?.tag, await sync.unregister("later"), await sync.unregister("later")];
      return { first: show(plain), given: show(given), all, removed, unknown, states, ends, later };`);
    assert.deepEqual(found.first, ["PeriodicSyncRegistration", "", 0, "auto", "online"]);
    assert.deepEqual(found.given, ["PeriodicSyncRegistration", "t", 5, "avoid-draining", "online"]);
    assert.deepEqual(found.all, [
      ["PeriodicSyncRegistration", "", 0, "auto", "online"],
      ["PeriodicSyncRegistration", "final", 9, "auto", "online"],
      ["PeriodicSyncRegistration", "t", 7, "auto", "any"],
    ]);
    assert.deepEqual(found.removed, [true, false]);
    assert.equal(found.unknown, "TypeError");
    assert.deepEqual(found.states, ["granted", "granted"]);
    assert.deepEqual(found.ends, [
      [true, "sync", "succeeded", null, false],
      [true, "sync", "failed", "rejected", true],
    ]);
    assert.deepEqual(found.later, [["bad", "later"], "later", true, false]);
  });
});
