// An ordinary worker with Workbox's caching: a precache, a runtime cache, and a limit on its entries.

import { cleanupOutdatedCaches, precacheAndRoute } from "workbox-precaching";
import { ExpirationPlugin } from "workbox-expiration";
import { registerRoute } from "workbox-routing";
import { CacheFirst, NetworkFirst, StaleWhileRevalidate } from "workbox-strategies";

self.skipWaiting();
cleanupOutdatedCaches();
precacheAndRoute([
  { url: "/index.html", revision: "1" },
  { url: "/app.0123abcd.js", revision: null },
]);
registerRoute(({ url }) => url.pathname.startsWith("/images/"), new CacheFirst({ cacheName: "images", plugins: [new ExpirationPlugin({ maxEntries: 2, purgeOnQuotaError: true })] }));
registerRoute(({ url }) => url.pathname.startsWith("/api/"), new NetworkFirst({ cacheName: "api" }));
registerRoute(({ url }) => url.pathname.startsWith("/swr/"), new StaleWhileRevalidate({ cacheName: "swr" }));

self.addEventListener("message", (event) => {
  const keys = async () => (await (await caches.open(event.data)).keys()).map(({ url }) => new URL(url).pathname).join(" ");
  event.waitUntil(keys().then((text) => console.log(`keys ${text}`)));
});
