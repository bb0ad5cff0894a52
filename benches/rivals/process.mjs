// A contestant as a child process: started, asked until it answers, measured through /proc, killed.
import { spawn, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { setTimeout as pass } from "node:timers/promises";

/** How long a contestant may take until its first answer. */
const START_MS_MAX = 20_000;
/** How long is waited between two attempts to connect: what each time from start to answer is too long by, at most. */
const ATTEMPT_MS = 1;

/**
 * @typedef {object} Command
 * @property {string} program
 * @property {string[]} args
 * @property {Record<string, string>} [env]
 */

/** @typedef {{ path?: string, headers?: Record<string, string> }} Target what to ask for */

export class Contestant {
  #process;
  #complaint = "";
  /** @type {Promise<unknown>} */
  #ended;

  /** @param {Command} command */
  constructor(command) {
    this.command = command;
    this.begin = performance.now();
    this.#process = spawn(command.program, command.args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...command.env },
    });
    this.#process.stdout.setEncoding("utf8");
    this.#process.stderr.on("data", (text) => (this.#complaint = (this.#complaint + text).slice(-4000)));
    this.#ended = new Promise((resolve) => {
      this.#process.on("error", (error) => {
        this.#complaint += String(error);
        resolve(undefined);
      });
      this.#process.on("close", resolve);
    });
  }

  get pid() {
    return this.#process.pid ?? 0;
  }

  /** The first line that it prints. */
  async line() {
    let text = "";
    for await (const part of this.#process.stdout) {
      text += part;
      if (text.includes("\n")) break;
    }
    if (!text.includes("\n")) throw this.#failure("ended without a line");
    this.#process.stdout.resume();
    return text.slice(0, text.indexOf("\n"));
  }

  /**
   * Asks until there is an answer; gives the milliseconds from the start of the process to the whole of it.
   * @param {number} port
   * @param {Target} target
   * @param {string} expected
   */
  async firstAnswer(port, target, expected) {
    for (;;) {
      const text = await get(port, target).catch(() => null);
      const elapsed = performance.now() - this.begin;
      if (text === expected) return elapsed;
      const over = this.#process.exitCode !== null || this.#process.signalCode !== null;
      if (over || elapsed > START_MS_MAX) throw this.#failure(`did not answer "${expected}" but ${JSON.stringify(text)}`);
      await pass(ATTEMPT_MS);
    }
  }

  /** @param {string} what */
  #failure(what) {
    return new Error(`${this.command.program} ${this.command.args.join(" ")}: ${what}: ${this.#complaint}`);
  }

  /** The process's own share of memory (PSS) in MiB: pages that several processes map are divided among them. */
  memoryMib() {
    return field(`/proc/${this.pid}/smaps_rollup`, "Pss") / 1024;
  }

  /** Milliseconds of processor time of the threads that it has now: exact, for a process that has just started. */
  threadsCpuMs() {
    const tasks = readdirSync(`/proc/${this.pid}/task`);
    const nanoseconds = tasks.map((task) => Number(readFileSync(`/proc/${this.pid}/task/${task}/schedstat`, "utf8").split(" ")[0]));
    return nanoseconds.reduce((sum, one) => sum + one, 0) / 1e6;
  }

  /** Milliseconds of processor time since it started, in steps of 10, of threads that have ended too. */
  cpuMs() {
    const stat = readFileSync(`/proc/${this.pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  async kill() {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }

  /** Asks it to end by itself, so that it writes what it has to. */
  async stop() {
    this.#process.kill("SIGTERM");
    await this.#ended;
  }
}

/**
 * Milliseconds from the start of a program to its end.
 * @param {Command} command
 */
export function runTime(command) {
  const begin = performance.now();
  const { status, error } = spawnSync(command.program, command.args, { stdio: "ignore", env: { ...process.env, ...command.env } });
  if (status !== 0) throw new Error(`${command.program} ${command.args.join(" ")}: status ${status} ${error ?? ""}`);
  return performance.now() - begin;
}

/**
 * @param {string} path
 * @param {string} name
 */
function field(path, name) {
  const value = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(readFileSync(path, "utf8"))?.[1];
  if (value === undefined) throw new Error(`${path} has no field ${name}`);
  return Number(value);
}

/**
 * The body of a response with status 200.
 * @param {number} port
 * @param {Target} target
 * @param {http.Agent} [agent] keeps the connection
 * @returns {Promise<string>}
 */
export function get(port, { path = "/", headers = {} }, agent) {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: "127.0.0.1", port, path, headers, agent: agent ?? false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part) => (text += part));
      response.on("error", reject);
      response.on("end", () => (response.statusCode === 200 ? resolve(text) : reject(new Error(`status ${response.statusCode}: ${text}`))));
    });
    request.setTimeout(START_MS_MAX, () => request.destroy(new Error(`no answer to ${path} within ${START_MS_MAX} ms`)));
    request.on("error", reject);
  });
}

/** A port that nobody has at this moment. */
export async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}
