// IndexedDB of the runtime beside its rivals, in one run on one disk: the same script in a worker of the runtime, over
// fake-indexeddb in such a worker, and in a real Chromium; below them the engine without a script and bare SQLite, which
// no one can pass. The sides take turns; medians of all samples are shown, and the ratio of the best ones to Chromium's,
// because whatever else the machine does only makes a sample longer.
//
//   node tests/e2e/indexeddb-bench.mjs        (scripts/bench indexeddb; needs Chromium and the release benchmarks)
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { browserPath, CHROMIUM_FLAGS } from "./program.mjs";

const PASSES = 3;
const ROUNDS = 7;
const root = fileURLToPath(new URL("../..", import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? path.join(root, "target");

/** Samples by operation. @typedef {Record<string, number[]>} Samples */

/** @type {Record<string, Samples>} */
const sides = { own: {}, fake: {}, chromium: {}, engine: {}, sqlite: {} };

/**
 * @param {string} side
 * @param {Samples} samples
 */
function add(side, samples) {
  const all = /** @type {Samples} */ (sides[side]);
  for (const [name, values] of Object.entries(samples)) all[name] = [...(all[name] ?? []), ...values];
}

/**
 * The last line that a benchmark prints.
 * @param {string} crate
 * @param {string} name
 * @param {string[]} args
 */
function bench(crate, name, ...args) {
  const command = ["bench", "--quiet", "--locked", "-p", crate, "--bench", name, "--", ...args];
  const printed = execFileSync("cargo", command, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  return JSON.parse(printed.trim().split("\n").at(-1) ?? "");
}

/** One pass in a Chromium of its own, whose profile is on the same disk: a private window would keep it in memory. */
async function inChromium() {
  const project = path.join(root, "crates/quickjs/tests/indexeddb_libraries");
  const script = execFileSync("node", ["build.mjs", "workload.js"], { cwd: project, encoding: "utf8", maxBuffer: 1 << 26 });
  const server = createServer((request, response) => {
    const isScript = request.url === "/workload.js";
    // With these two headers a page has the finest clock.
    response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
    response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    response.setHeader("Content-Type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : "<!doctype html><script src=workload.js></script>");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const profile = await mkdtemp(path.join(target, "tmp", "chromium-"));
  const executablePath = browserPath("CHROMIUM", "run scripts/setup", "/usr/bin/chromium", "/usr/bin/chromium-browser");
  const browser = await chromium.launchPersistentContext(profile, { executablePath, args: CHROMIUM_FLAGS });
  try {
    const page = await browser.newPage();
    const address = /** @type {import("node:net").AddressInfo} */ (server.address());
    await page.goto(`http://127.0.0.1:${address.port}/`);
    return /** @type {Samples} */ (await page.evaluate(`measure("own", ${ROUNDS})`));
  } finally {
    await browser.close();
    server.close();
    await rm(profile, { recursive: true, force: true });
  }
}

for (let pass = 0; pass < PASSES; pass += 1) {
  add("own", bench("wakeworker-quickjs", "indexeddb", "own", String(ROUNDS)));
  add("chromium", await inChromium());
  add("fake", bench("wakeworker-quickjs", "indexeddb", "fake", String(ROUNDS)));
  for (const [name, [engine, sqlite]] of Object.entries(bench("wakeworker-indexeddb", "engine", "--json"))) {
    add("engine", { [name]: [engine] });
    add("sqlite", { [name]: [sqlite] });
  }
}

/**
 * The sample at this share of all, in their order: 0 is the best one.
 * @param {string} side
 * @param {string} name
 * @param {number} share
 */
function at(side, name, share = 0.5) {
  const samples = [...(sides[side]?.[name] ?? [])].sort((a, b) => a - b);
  return samples[Math.floor(samples.length * share)] ?? Number.NaN;
}

const columns = ["runtime", "fake (memory)", "Chromium", "to Chromium", "of best", "engine", "SQLite", "to SQLite"];
const show = (/** @type {number} */ value) => (Number.isNaN(value) ? "" : value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0));
const ratio = (/** @type {number} */ value) => (Number.isNaN(value) ? "" : `${value.toFixed(2)}x`);
console.log(`µs an operation, medians of ${PASSES * ROUNDS} samples with a script, of ${PASSES} runs of 60 without`);
console.log(`${"".padEnd(28)}${columns.map((column) => column.padStart(14)).join("")}`);
for (const name of Object.keys(sides.engine ?? {})) {
  const [own, browser, engine, sqlite] = [at("own", name), at("chromium", name), at("engine", name), at("sqlite", name)];
  const ofBest = at("own", name, 0) / at("chromium", name, 0);
  const cells = [show(own), show(at("fake", name)), show(browser), ratio(own / browser), ratio(ofBest), show(engine), show(sqlite), ratio(engine / sqlite)];
  console.log(`${name.padEnd(28)}${cells.map((cell) => cell.padStart(14)).join("")}`);
}
