// Profiles of `wakeworker serve` in which workers are registered and active, as after a page's first visit: for the other
// contestants the configuration does this.
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { WebSocket } from "ws";
import { Contestant } from "./process.mjs";

/** How long a worker may take to be registered and activated. */
const ACTIVATION_MS_MAX = 20_000;

/**
 * Arguments for a `serve` of an app with a profile of its own.
 * @param {string} app a folder, or the address of a server
 * @param {string} profile
 * @param {number} port
 */
export function serve(app, profile, port) {
  return ["serve", app, "--json", "--assume-online", "--port", String(port), "--profile", profile];
}

/**
 * A folder with a page and these workers in it, each in a folder of its own if there are several.
 * @param {string} dir
 * @param {string[]} scopes such as `/` and `/w1/`
 * @param {string} script
 */
export async function writeApp(dir, scopes, script) {
  for (const scope of scopes) {
    await mkdir(path.join(dir, scope), { recursive: true });
    await writeFile(path.join(dir, scope, "index.html"), "<!doctype html><title>bench</title>");
    await writeFile(path.join(dir, scope, "sw.js"), script);
  }
}

/**
 * Registers the worker of each scope as its page would, and ends the process when all are active.
 * @param {string} program
 * @param {string[]} args
 * @param {string[]} scopes
 */
export async function prepare(program, args, scopes) {
  const host = new Contestant({ program, args });
  try {
    const { url } = JSON.parse(await host.line());
    for (const scope of scopes) await activate(new URL(url).origin, scope);
    await host.stop();
  } finally {
    await host.kill();
  }
}

/**
 * @param {string} origin
 * @param {string} scope
 */
async function activate(origin, scope) {
  const socket = new WebSocket(`${origin.replace("http", "ws")}/.wakeworker/socket`, { origin });
  const active = new Promise((resolve, reject) => {
    const deadline = setTimeout(() => reject(new Error(`the worker of ${scope} was not active in time`)), ACTIVATION_MS_MAX);
    const isOver = (/** @type {() => void} */ settle) => (clearTimeout(deadline), settle());
    socket.on("error", (error) => isOver(() => reject(error)));
    socket.on("close", () => isOver(() => reject(new Error("the gateway closed the page's connection"))));
    socket.on("open", () => {
      const about = { client: "none", url: `${origin}${scope}`, frameType: "top-level", topOrigin: null };
      send({ type: "hello", protocol: 1, ...about, visibilityState: "visible", focused: true, controller: null });
    });
    socket.on("message", (data) => {
      const message = JSON.parse(String(data));
      if (message.type === "welcome") {
        const params = { scriptUrl: "sw.js", scope: null, updateViaCache: "imports" };
        send({ type: "call", id: 1, method: "register", params });
      }
      if (message.type === "failure") isOver(() => reject(new Error(`${message.name}: ${message.message}`)));
      const registration = message.value ?? message.registration;
      if (registration?.active?.state === "activated") isOver(() => resolve(undefined));
    });
    const send = (/** @type {object} */ message) => socket.send(JSON.stringify(message));
  });
  try {
    await active;
  } finally {
    socket.terminate();
  }
}
