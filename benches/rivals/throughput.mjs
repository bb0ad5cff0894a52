// Requests per second through the gateway, beside workerd as a gateway of the same app to the same server.
import { setTimeout as pass } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import autocannon from "autocannon";
import { COMPATIBILITY_DATE, PROGRAMS, workerText, workerdConfig } from "./contestants.mjs";
import { median, number, ratio, table } from "./figures.mjs";
import { Contestant, freePort, get } from "./process.mjs";
import { prepare, serve } from "./wakeworker.mjs";

/** @typedef {import("./contestants.mjs").Scratch} Scratch */
/** @typedef {import("./process.mjs").Target} Target */

const CONNECTIONS = [1, 8, 64];
const WARM_UP_S = 1;
/** Between two measurements, for what the last one has left to do. */
const PAUSE_MS = 50;
const ATTEMPTS_MAX = 5;

/** @typedef {{ what: string, expected: string, own: Target, ownPort: number, theirs: Target, theirPort: number }} Case */

/**
 * @param {Scratch} scratch
 * @param {number} rounds
 * @param {number} seconds of each measurement
 */
export async function measureThroughput(scratch, rounds, seconds) {
  const script = fileURLToPath(new URL("workers/routes.js", import.meta.url));
  const server = fileURLToPath(new URL("workers/upstream.mjs", import.meta.url));
  const running = [new Contestant({ program: PROGRAMS.bun, args: [server, script], env: { NODE_ENV: "production" } })];
  try {
    const upstream = Number(await running[0].line());
    const own = await startOwn(scratch, upstream);
    running.push(own.process);
    const theirs = await startWorkerd(scratch, upstream);
    running.push(theirs.process);
    await measure(cases(own, theirs), { own: own.process, theirs: theirs.process, upstream }, rounds, seconds);
  } finally {
    await Promise.all(running.map((contestant) => contestant.kill()));
  }
}

/**
 * @param {Scratch} scratch
 * @param {number} upstream
 */
async function startOwn(scratch, upstream) {
  const [profile, port] = [scratch.next(), await freePort()];
  const args = serve(`http://127.0.0.1:${upstream}`, profile, port);
  await prepare(PROGRAMS.wakeworker, args, ["/"]);
  const process = new Contestant({ program: PROGRAMS.wakeworker, args });
  await process.firstAnswer(port, { path: "/left" }, "from the server");
  return { process, port };
}

/**
 * @param {Scratch} scratch
 * @param {number} upstream
 */
async function startWorkerd(scratch, upstream) {
  const [port, plain] = [await freePort(), await freePort()];
  const services = [
    `( name = "app", worker = ( serviceWorkerScript = ${await workerText("routes.js")}, compatibilityDate = "${COMPATIBILITY_DATE}", globalOutbound = "server" ) )`,
    `( name = "server", external = ( address = "127.0.0.1:${upstream}", http = () ) )`,
  ];
  const config = await workerdConfig(scratch, services, [
    ["app", port],
    ["server", plain],
  ]);
  const process = new Contestant({ program: PROGRAMS.workerd, args: ["serve", config] });
  await process.firstAnswer(port, { path: "/left" }, "from the server");
  return { process, port, plain };
}

/**
 * @param {{ port: number }} own
 * @param {{ port: number, plain: number }} theirs
 * @returns {Case[]}
 */
function cases(own, theirs) {
  // A request belongs to the page that sends it, as its referrer says; without one it is nobody's.
  const controlled = { referer: `http://127.0.0.1:${own.port}/`, "sec-fetch-mode": "cors" };
  const through = (/** @type {string} */ path) => ({
    own: { path, headers: controlled },
    ownPort: own.port,
    theirs: { path },
    theirPort: theirs.port,
  });
  const left = "from the server";
  const plain = { own: { path: "/left" }, ownPort: own.port, theirs: { path: "/left" }, theirPort: theirs.plain };
  return [
    { what: "no worker", expected: left, ...plain },
    { what: "a worker that leaves the request alone", expected: left, ...through("/left") },
    { what: "respondWith(fetch(event.request))", expected: left, ...through("/fetched") },
    { what: "respondWith(new Response(…))", expected: "hello", ...through("/answered") },
  ];
}

/**
 * @param {Case[]} cases
 * @param {{ own: Contestant, theirs: Contestant, upstream: number }} processes
 * @param {number} rounds
 * @param {number} seconds
 */
async function measure(cases, { own, theirs, upstream }, rounds, seconds) {
  const cells = cases.flatMap((one) => CONNECTIONS.map((connections) => ({ one, connections, own: samples(), theirs: samples() })));
  for (const { one } of cells.filter(({ connections }) => connections === CONNECTIONS[0])) {
    await expectText(one.ownPort, one.own, one.expected);
    await expectText(one.theirPort, one.theirs, one.expected);
    await load(one.ownPort, one.own, 8, WARM_UP_S);
    await load(one.theirPort, one.theirs, 8, WARM_UP_S);
  }
  /** @type {Map<number, number[]>} */
  const limits = new Map(CONNECTIONS.map((connections) => [connections, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const connections of CONNECTIONS) {
      limits.get(connections)?.push((await load(upstream, { path: "/left" }, connections, seconds)).rate);
    }
    for (const cell of cells) {
      const { one, connections } = cell;
      await sample(cell.own, own, one.ownPort, one.own, connections, seconds);
      await sample(cell.theirs, theirs, one.theirPort, one.theirs, connections, seconds);
    }
  }
  table(
    `Requests per second, and processor time per request; medians of ${rounds} rounds of ${seconds} s`,
    ["", "connections", "ours /s", "workerd /s", "workerd ÷ ours", "ours µs", "workerd µs", "ours ÷ workerd"],
    cells.map((cell) => [
      cell.one.what,
      String(cell.connections),
      number(median(cell.own.rates)),
      number(median(cell.theirs.rates)),
      // The pairs of one round met the same machine.
      ratio(median(cell.theirs.rates.map((rate, n) => rate / cell.own.rates[n])), 1),
      number(median(cell.own.costs)),
      number(median(cell.theirs.costs)),
      ratio(median(cell.own.costs), median(cell.theirs.costs)),
    ]),
  );
  const limit = [...limits].map(([connections, rates]) => `${number(median(rates))} with ${connections}`).join(", ");
  console.log(`\nThe server behind both, asked directly by the same generator of load: ${limit} connections.`);
}

const samples = () => ({ rates: /** @type {number[]} */ ([]), costs: /** @type {number[]} */ ([]) });

/**
 * @param {ReturnType<typeof samples>} into
 * @param {Contestant} contestant
 * @param {number} port
 * @param {Target} target
 * @param {number} connections
 * @param {number} seconds
 */
async function sample(into, contestant, port, target, connections, seconds) {
  const before = contestant.cpuMs();
  const { rate, answers } = await load(port, target, connections, seconds);
  into.rates.push(rate);
  into.costs.push(((contestant.cpuMs() - before) * 1000) / answers);
}

/**
 * @param {number} port
 * @param {Target} target
 * @param {number} connections
 * @param {number} seconds
 */
async function load(port, { path = "/", headers = {} }, connections, seconds) {
  for (let attempt = 1; ; attempt += 1) {
    await pass(PAUSE_MS);
    const result = await autocannon({ url: `http://127.0.0.1:${port}${path}`, headers, connections, duration: seconds });
    const answers = result["2xx"];
    // A machine that is very busy elsewhere may give no turn at all for so long.
    if (result.errors + result.non2xx === 0 && answers === 0 && attempt < ATTEMPTS_MAX) continue;
    if (result.errors + result.non2xx > 0 || answers === 0) {
      throw new Error(`${path} at port ${port}: ${answers} answers, ${result.non2xx} with another status, ${result.errors} errors`);
    }
    return { rate: answers / result.duration, answers };
  }
}

/**
 * @param {number} port
 * @param {Target} target
 * @param {string} expected
 */
async function expectText(port, target, expected) {
  const text = await get(port, target);
  if (text !== expected) throw new Error(`${target.path} at port ${port}: ${JSON.stringify(text)} instead of ${JSON.stringify(expected)}`);
}
