// A server that starts a further worker for each path it is asked for, where workers are threads that talk by messages:
// deno, bun and node. The answer is that of the trivial worker, made in the thread.
const script = new URL("./thread.mjs", import.meta.url);
const workers = new Map();

async function start() {
  if (globalThis.Worker !== undefined) {
    const worker = new Worker(script, { type: "module" });
    return { post: (url) => worker.postMessage(url), listen: (heard) => (worker.onmessage = (event) => heard(event.data)) };
  }
  const { Worker: Thread } = await import("node:worker_threads");
  const worker = new Thread(script);
  return { post: (url) => worker.postMessage(url), listen: (heard) => worker.on("message", heard) };
}

export async function answer(url) {
  const { pathname } = new URL(url);
  let worker = workers.get(pathname);
  if (worker === undefined) workers.set(pathname, (worker = await start()));
  const text = new Promise((resolve) => worker.listen(resolve));
  worker.post(url);
  return await text;
}

export default {
  async fetch(request) {
    return new Response(await answer(request.url));
  },
};

if (globalThis.Bun === undefined && globalThis.Deno === undefined) {
  const { createServer } = await import("node:http");
  const server = createServer(async (incoming, outgoing) => outgoing.end(await answer(`http://${incoming.headers.host}${incoming.url}`)));
  server.listen(Number(process.argv[2]), "127.0.0.1");
}
