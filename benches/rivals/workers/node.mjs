// Node has no server for modules with a `fetch` function: this is the least that makes one.
import { createServer } from "node:http";
import worker from "./hello.mjs";

createServer(async (incoming, outgoing) => {
  const response = await worker.fetch(new Request(`http://${incoming.headers.host}${incoming.url}`, { method: incoming.method }));
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(await response.text());
}).listen(Number(process.argv[2]), "127.0.0.1");
