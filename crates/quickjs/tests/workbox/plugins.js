// A worker with what Workbox adds to its strategies: conditions for caching, news of updates, ranges, navigation preload.

import { BroadcastUpdatePlugin } from "workbox-broadcast-update";
import { CacheableResponsePlugin } from "workbox-cacheable-response";
import { clientsClaim } from "workbox-core";
import * as navigationPreload from "workbox-navigation-preload";
import { RangeRequestsPlugin } from "workbox-range-requests";
import { NavigationRoute, registerRoute } from "workbox-routing";
import { CacheFirst, NetworkOnly, StaleWhileRevalidate } from "workbox-strategies";

self.skipWaiting();
clientsClaim();
navigationPreload.enable("ahead");

const below = (path) => ({ url }) => url.pathname.startsWith(path);
registerRoute(below("/kept/"), new CacheFirst({ cacheName: "kept", plugins: [new CacheableResponsePlugin({ statuses: [200], headers: { "x-keep": "yes" } })] }));
registerRoute(below("/news"), new StaleWhileRevalidate({ cacheName: "news", plugins: [new BroadcastUpdatePlugin()] }));
registerRoute(below("/media/"), new CacheFirst({ cacheName: "media", plugins: [new RangeRequestsPlugin(), new CacheableResponsePlugin({ statuses: [200] })] }));
registerRoute(new NavigationRoute(new NetworkOnly()));

// For the tests: whether something is cached.
self.addEventListener("message", (event) => {
  event.waitUntil(caches.match(event.data).then((response) => console.log(response === undefined ? "not cached" : "cached")));
});
