// The trivial worker in a thread of its own.
import worker from "./hello.mjs";

const answer = async (url) => await worker.fetch(new Request(url)).text();
if (globalThis.postMessage !== undefined) {
  onmessage = async (event) => postMessage(await answer(event.data));
} else {
  const { parentPort } = await import("node:worker_threads");
  parentPort.on("message", async (url) => parentPort.postMessage(await answer(url)));
}
