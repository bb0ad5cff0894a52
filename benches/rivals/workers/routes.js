// What the gateway benchmark asks for: a path that is answered, one that is fetched, and all others left alone.
addEventListener("install", () => self.skipWaiting?.());
addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  if (pathname === "/answered") event.respondWith(new Response("hello", { headers: { "content-type": "text/plain" } }));
  else if (pathname === "/fetched") event.respondWith(fetch(event.request));
});
