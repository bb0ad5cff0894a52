// Workbox without a build, as its guide shows it: the modules come by importScripts when they are first named.

importScripts("/workbox/workbox-sw.js");
workbox.setConfig({ modulePathPrefix: "/workbox/", debug: false });

self.skipWaiting();
workbox.core.clientsClaim();
workbox.precaching.precacheAndRoute([{ url: "/index.html", revision: "1" }]);
workbox.navigationPreload.enable();
const { registerRoute } = workbox.routing;
const { CacheFirst, NetworkOnly } = workbox.strategies;
registerRoute(
  ({ url }) => url.pathname.startsWith("/images/"),
  new CacheFirst({
    cacheName: "images",
    plugins: [
      new workbox.expiration.ExpirationPlugin({ maxEntries: 5 }),
      new workbox.cacheableResponse.CacheableResponsePlugin({ statuses: [200] }),
      new workbox.rangeRequests.RangeRequestsPlugin(),
      new workbox.broadcastUpdate.BroadcastUpdatePlugin(),
    ],
  }),
);
registerRoute(({ url }) => url.pathname === "/messages", new NetworkOnly({ plugins: [new workbox.backgroundSync.BackgroundSyncPlugin("outbox")] }), "POST");

// For the tests: whether something is cached.
self.addEventListener("message", (event) => {
  event.waitUntil(caches.match(event.data).then((response) => console.log(response === undefined ? "not cached" : "cached")));
});
