// The server behind the gateways, run by bun, the quickest of the contestants at this. It also has the worker's script and
// the page that registers it.
const [script] = process.argv.slice(2);
const text = { headers: { "content-type": "text/plain" } };
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  routes: {
    "/": () => new Response("<!doctype html><title>bench</title>", { headers: { "content-type": "text/html" } }),
    "/sw.js": () => new Response(Bun.file(script)),
  },
  fetch: () => new Response("from the server", text),
});
console.log(server.port);
