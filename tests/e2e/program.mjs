// The real program: an inbox and a `serve` of examples/outbox, as child processes on a fresh profile.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? path.join(root, "target");
const program = process.env.WAKEWORKER ?? path.join(target, "debug", "wakeworker");
/** How long a process may take to do what is expected of it. */
const ANSWER_MS_MAX = 20_000;

/** What keeps a headless Chromium to itself, on machines without a sandbox, a display or a network. */
export const CHROMIUM_FLAGS = (
  "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking " +
  "--disable-component-update --disable-sync"
).split(" ");

/** Where screenshots go, to be looked at. */
export const shots = path.join(target, "e2e");

/**
 * The first of these programs that exists.
 * @param {string} variable names an environment variable that overrides the rest
 * @param {string} hint says how to install it
 * @param {string[]} candidates
 */
export function browserPath(variable, hint, ...candidates) {
  const given = process.env[variable];
  if (given !== undefined) {
    if (!existsSync(given)) throw new Error(`${variable}=${given}: there is no such file`);
    return given;
  }
  const found = candidates.find((candidate) => existsSync(candidate));
  if (found === undefined) {
    throw new Error(`none of ${candidates.join(", ")} exists; ${hint}, or set ${variable} to the browser's path`);
  }
  return found;
}

/** An inbox, a `serve` in front of the outbox example, and what one needs to drive them. */
export class Site {
  /** @type {Child[]} */
  #children = [];
  /** @type {string} */
  #dir = "";
  #inboxUrl = "";
  /** The page's address. */
  origin = "";
  /** @type {Child} */
  inbox = /** @type {Child} */ (/** @type {unknown} */ (undefined));
  /** @type {Child} */
  host = /** @type {Child} */ (/** @type {unknown} */ (undefined));

  static async open() {
    if (!existsSync(program)) {
      throw new Error(`${program} does not exist; run \`cargo build --bin wakeworker\`, or set WAKEWORKER to the program`);
    }
    const site = new Site();
    site.#dir = await mkdtemp(path.join(tmpdir(), "wakeworker-e2e-"));
    try {
      const file = path.join(site.#dir, "inbox.jsonl");
      site.inbox = site.#spawn("demo", "inbox", "--json", "--port", "0", "--file", file);
      const { url } = await site.inbox.line((line) => line.event === "listening");
      site.#inboxUrl = url;
      await site.startHost();
    } catch (error) {
      await site.close();
      throw error;
    }
    return site;
  }

  /**
   * Starts `serve`, the second time on the same port, which is part of the origin.
   * @param {string[]} more
   */
  async startHost(...more) {
    const app = path.join(root, "examples", "outbox");
    const port = this.origin === "" ? "0" : new URL(this.origin).port;
    const proxy = `/inbox=${this.#inboxUrl}`;
    const args = ["--json", "--assume-online", "--port", port, "--profile", this.profile, "--proxy", proxy, ...more];
    this.host = this.#spawn("serve", app, ...args);
    const { url } = await this.host.line((line) => line.event === "listening");
    this.origin = new URL(url).origin;
  }

  get profile() {
    return path.join(this.#dir, "profile");
  }

  /**
   * Runs a command to its end and gives its JSON lines.
   * @param {string[]} args
   */
  async ask(...args) {
    const child = this.#spawn(...args, "--profile", this.profile, "--json");
    return await child.end();
  }

  async close() {
    await Promise.all(this.#children.map((child) => child.kill()));
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** @param {string[]} args */
  #spawn(...args) {
    const child = new Child(args);
    this.#children.push(child);
    return child;
  }
}

/** A `serve` of one folder. */
export class App {
  /** @type {Child[]} */
  #children = [];
  #dir = "";
  /** The page's address. */
  origin = "";

  /**
   * Serves a folder of this repository, or these files.
   * @param {string | Record<string, string>} app
   * @param {string[]} args
   */
  static async open(app, ...args) {
    const opened = new App();
    opened.#dir = await mkdtemp(path.join(tmpdir(), "wakeworker-app-"));
    try {
      let folder = typeof app === "string" ? path.join(root, app) : path.join(opened.#dir, "app");
      if (typeof app !== "string") {
        await mkdir(folder);
        for (const [name, text] of Object.entries(app)) await writeFile(path.join(folder, name), text);
      }
      const host = opened.#spawn("serve", folder, "--json", "--assume-online", "--port", "0", ...args, "--profile", opened.#profile);
      opened.origin = new URL((await host.line((line) => line.event === "listening")).url).origin;
    } catch (error) {
      await opened.close();
      throw error;
    }
    return opened;
  }

  /**
   * Runs a command to its end and gives its JSON lines.
   * @param {string[]} args
   */
  async ask(...args) {
    return await this.#spawn(...args, "--profile", this.#profile, "--json").end();
  }

  async close() {
    await Promise.all(this.#children.map((child) => child.kill()));
    await rm(this.#dir, { recursive: true, force: true });
  }

  get #profile() {
    return path.join(this.#dir, "profile");
  }

  /** @param {string[]} args */
  #spawn(...args) {
    const child = new Child(args);
    this.#children.push(child);
    return child;
  }
}

/** A process that prints JSON lines. */
class Child {
  /** @type {any[]} */
  #lines = [];
  /** @type {(() => void)[]} */
  #waiting = [];
  #complaint = "";
  #process;
  /** @type {Promise<number | string>} */
  #ended;

  /** @param {string[]} args */
  constructor(args) {
    this.args = args;
    this.#process = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#process.stderr.on("data", (text) => (this.#complaint += text));
    createInterface({ input: this.#process.stdout }).on("line", (line) => {
      this.#lines.push(JSON.parse(line));
      for (const wake of this.#waiting.splice(0)) wake();
    });
    this.#ended = new Promise((resolve) => {
      this.#process.on("error", (error) => resolve(String(error)));
      this.#process.on("close", (code, signal) => resolve(code ?? signal ?? "unknown"));
    });
    void this.#ended.then(() => {
      for (const wake of this.#waiting.splice(0)) wake();
    });
  }

  /**
   * Waits for a line; lines before it are gone then.
   * @param {(line: any) => boolean} wanted
   * @returns {Promise<any>}
   */
  async line(wanted) {
    const deadline = AbortSignal.timeout(ANSWER_MS_MAX);
    for (;;) {
      while (this.#lines.length > 0) {
        const line = this.#lines.shift();
        if (wanted(line)) return line;
      }
      const over = this.#process.exitCode !== null || this.#process.signalCode !== null;
      if (over || deadline.aborted) {
        const what = over ? `ended (${await this.#ended})` : `said nothing for ${ANSWER_MS_MAX} ms`;
        throw new Error(`wakeworker ${this.args.join(" ")}: ${what}: ${this.#complaint}`);
      }
      await new Promise((resolve) => {
        const wake = () => resolve(undefined);
        this.#waiting.push(wake);
        deadline.addEventListener("abort", wake, { once: true });
      });
    }
  }

  /** Waits for the end, which must be a success. */
  async end() {
    const code = await this.#ended;
    if (code !== 0) throw new Error(`wakeworker ${this.args.join(" ")}: status ${code}: ${this.#complaint}`);
    return this.#lines;
  }

  get pid() {
    return this.#process.pid ?? 0;
  }

  async kill() {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }
}
