// An ordinary worker of Workbox's recipe: POSTs that fail are queued and sent again by Background Sync.

import { BackgroundSyncPlugin } from "workbox-background-sync";
import { clientsClaim } from "workbox-core";
import { registerRoute } from "workbox-routing";
import { NetworkOnly } from "workbox-strategies";

self.skipWaiting();
clientsClaim();

registerRoute(
  ({ url }) => url.pathname === "/messages",
  new NetworkOnly({ plugins: [new BackgroundSyncPlugin("outbox", { maxRetentionTime: 24 * 60 })] }),
  "POST",
);

// For measurements: an event that does nothing but be handled.
self.addEventListener("sync", (event) => {
  if (event.tag === "probe") event.waitUntil(Promise.resolve());
});
