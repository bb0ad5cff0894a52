// The shape of the page's interfaces against the web's IDL: the same comparison that crates/quickjs makes inside workers.
//
// `differences.txt` beside this file names the differences that are meant, each under its reason: one that comes or goes
// fails the test.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runInThisContext } from "node:vm";
import { bundle, pretendToBeAPage } from "./support/page.mjs";

const idl = fileURLToPath(new URL("../../../quickjs/tests/idl/", import.meta.url));
const NAMES = [
  "BroadcastChannel", "NavigationPreloadManager", "PeriodicSyncManager", "ServiceWorker", "ServiceWorkerContainer", "ServiceWorkerRegistration",
  "SyncManager",
];

/** The lines of a list of differences under their reasons; a difference without a reason is refused. */
function readDifferences(text) {
  const differences = new Set();
  let reason = "";
  for (const line of text.split("\n").map((each) => each.trim())) {
    if (line === "") reason = "";
    else if (line.startsWith("#")) reason = line;
    else {
      assert.notEqual(reason, "", `\`${line}\` is listed without a reason; put \`# why\` above it`);
      differences.add(line);
    }
  }
  return differences;
}

// R1, R3, R4, R5, R6, R10, R11
test("the interfaces of a page have the shape that their specifications give", async () => {
  if (!existsSync(`${idl}node_modules/@webref`)) execFileSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: idl });
  const interfaces = execFileSync("node", ["build.mjs", "window", ...NAMES], { cwd: idl, encoding: "utf8" });
  pretendToBeAPage();
  const entry = `import "./container.ts"; import { replaceBroadcastChannel } from "./broadcast.ts"; replaceBroadcastChannel();`;
  runInThisContext(await bundle(entry, "iife"));
  const lines = [];
  const done = new Promise((resolve) => {
    const print = (line) => {
      lines.push(line);
      if (line.startsWith("compared ")) resolve();
    };
    // A function scope of its own: the script's constants are nobody else's.
    runInThisContext(`(console) => { ${interfaces}\n${readFileSync(`${idl}shape.js`, "utf8")} }`)({ log: print });
  });
  await done;
  assert.equal(lines.at(-1), `compared ${NAMES.length} interfaces`);
  const actual = new Set(lines.slice(0, -1).map((line) => line.replace(/^difference /, "")));
  const meant = readDifferences(readFileSync(new URL("differences.txt", import.meta.url), "utf8"));
  assert.deepEqual([...actual].filter((each) => !meant.has(each)), [], "not expected");
  assert.deepEqual([...meant].filter((each) => !actual.has(each)), [], "expected, and no longer there");
});
