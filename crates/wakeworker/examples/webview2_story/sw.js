// The worker of the story: it asks for five periodic syncs, and each of them shows another way in which an event can end.
// All calls are those of the web; only `chrome.webview` is WebView2's.

const RUNS = {
  // Succeeded: every promise given to waitUntil is fulfilled.
  "refresh-news": async () => (await caches.open("news")).put("/news.json", new Response("[]")),
  // Succeeded too: a handler without waitUntil has nothing to wait for.
  "count-visits": null,
  // Rejected: a promise given to waitUntil is rejected.
  "sync-mail": async () => {
    throw new Error("the mail server says no");
  },
  // Timeout: a promise given to waitUntil never settles.
  "wait-for-godot": () => new Promise(() => {}),
  // OtherError: the worker needs more memory than it may have, and is stopped.
  "hoard-memory": async () => {
    const hoard = [];
    for (;;) hoard.push(new Array(10_000).fill(hoard.length));
  },
};

self.addEventListener("sync", (event) => {
  if (event.tag === "subscribe") {
    const asked = Object.keys(RUNS).map((tag, at) =>
      self.registration.periodicSync.register(tag, { minInterval: 10 + at })
    );
    event.waitUntil(
      Promise.all(asked).then(() => self.chrome.webview.postMessage("DispatchAllPeriodicSyncEvents 2")),
    );
  }
});

self.addEventListener("periodicsync", (event) => {
  const run = RUNS[event.tag];
  if (run) event.waitUntil(run());
});
