// What a running `serve` costs while nothing happens: memory with its worker running and stopped, processor time and
// wake-ups over a while. Prints one line per figure.
//
//   node tests/e2e/measure.mjs [SECONDS]        (default 60; needs target/release/wakeworker and Chromium)
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as pass } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../..", import.meta.url));
process.env.WAKEWORKER ??= path.join(process.env.CARGO_TARGET_DIR ?? path.join(root, "target"), "release", "wakeworker");
const { browserPath, CHROMIUM_FLAGS, Site } = await import("./program.mjs");
const seconds = Number(process.argv[2] ?? 60);

const site = await Site.open();
try {
  const executablePath = browserPath("CHROMIUM", "run scripts/setup", "/usr/bin/chromium", "/usr/bin/chromium-browser");
  const browser = await chromium.launch({ executablePath, args: CHROMIUM_FLAGS });
  const page = await browser.newPage();
  await page.goto(site.origin);
  await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
  const pid = site.host.pid;
  console.log(`resident memory, worker running, page open: ${memory(pid)}`);
  await browser.close();
  // The worker stops when it has been idle for 30 s; measuring begins when its thread is gone.
  while (threads(pid).some((thread) => thread.name.startsWith("worker-"))) await pass(500);
  console.log(`resident memory, worker stopped:            ${memory(pid)}`);
  const before = usage(pid);
  await pass(seconds * 1000);
  const after = usage(pid);
  console.log(`idle for ${seconds} s: ${(after.cpuMs - before.cpuMs).toFixed(0)} ms of processor time, ${after.switches - before.switches} wake-ups`);
  for (const thread of after.threads) {
    const earlier = before.threads.find((other) => other.tid === thread.tid)?.switches ?? 0;
    if (thread.switches > earlier) console.log(`  ${thread.name}: ${thread.switches - earlier} wake-ups`);
  }
} finally {
  await site.close();
}

/**
 * All that is resident, and the part that the system cannot take back: the rest are pages of the program's own file.
 * @param {number} pid
 */
function memory(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const mib = (/** @type {string} */ name) => (Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1]) / 1024).toFixed(1);
  return `${mib("Rss")} MiB, of which written ${mib("Private_Dirty")} MiB`;
}

/** @param {number} pid */
function threads(pid) {
  return readdirSync(`/proc/${pid}/task`).map((tid) => {
    const status = readFileSync(`/proc/${pid}/task/${tid}/status`, "utf8");
    const field = (/** @type {string} */ name) => new RegExp(`^${name}:\\s+(.*)$`, "m").exec(status)?.[1] ?? "";
    return { tid, name: field("Name"), switches: Number(field("voluntary_ctxt_switches")) };
  });
}

/** @param {number} pid */
function usage(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const list = threads(pid);
  // Clock ticks are 10 ms on Linux.
  const cpuMs = (Number(fields[11]) + Number(fields[12])) * 10;
  return { cpuMs, switches: list.reduce((sum, thread) => sum + thread.switches, 0), threads: list };
}
