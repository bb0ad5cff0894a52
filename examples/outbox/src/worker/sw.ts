// The service worker: unmodified Workbox keeps what cannot be sent, and Background Sync sends it later.
import { BackgroundSyncPlugin, type Queue } from "workbox-background-sync";
import { registerRoute } from "workbox-routing";
import { NetworkOnly } from "workbox-strategies";
import { INBOX_PATH, isMessage, type Notice } from "../message";

declare const self: ServiceWorkerGlobalScope;

let delivering: Promise<void> = Promise.resolve();

const queue = new BackgroundSyncPlugin("outbox", {
  onSync: ({ queue }) => (delivering = deliver(queue)),
});

// Plugins are called in their order: the page hears "pending" only after Workbox has stored the request.
registerRoute(
  ({ url }) => url.pathname === INBOX_PATH,
  new NetworkOnly({
    plugins: [
      {
        // A new message must not overtake those that are being delivered at this moment.
        requestWillFetch: async ({ request }) => {
          await delivering.catch(() => undefined);
          return request;
        },
        // A server in trouble is as good as no server: such a request is queued as well.
        fetchDidSucceed: async ({ request, response }) => {
          if (isTemporary(response)) throw new Error(`the inbox answered ${response.status}`);
          if (response.ok) await tell("sent", request);
          return response;
        },
      },
      queue,
      { fetchDidFail: ({ request }) => tell("pending", request) },
    ],
  }),
  "POST",
);

self.addEventListener("install", () => void self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

/**
 * Sends what is queued, oldest first. An entry leaves the queue after the inbox has it, not before: a worker that dies
 * in between sends a message twice, which the inbox notices by its id, but never loses one.
 */
async function deliver(queue: Queue): Promise<void> {
  for (let entries = await queue.getAll(); entries.length > 0; entries = await queue.getAll()) {
    for (const { request } of entries) {
      const response = await fetch(request.clone());
      if (isTemporary(response)) throw new Error(`the inbox answered ${response.status}`);
      await queue.shiftRequest();
      if (response.ok) await tell("sent", request);
      else await tell("refused", request, `the inbox answered ${response.status}`);
    }
  }
}

function isTemporary(response: Response): boolean {
  return response.status >= 500 || response.status === 408 || response.status === 429;
}

async function tell(type: Notice["type"], request: Request, reason?: string): Promise<void> {
  const message: unknown = await request.clone().json().catch(() => undefined);
  if (!isMessage(message)) return;
  const notice: Notice = reason === undefined ? { type, message } : { type, message, reason };
  for (const client of await self.clients.matchAll({ type: "window", includeUncontrolled: true })) {
    client.postMessage(notice);
  }
}
