// Fetches the headlines when its time has come, and answers with them when there is no network.

async function keepHeadlines() {
  const response = await fetch("headlines.json");
  if (!response.ok) throw new Error(`no headlines: ${response.status}`);
  const cache = await caches.open("headlines");
  await cache.put("headlines.json", response);
}

self.addEventListener("periodicsync", (event) => {
  if (event.tag === "headlines") {
    event.waitUntil(keepHeadlines());
  }
});

self.addEventListener("message", (event) => {
  event.waitUntil(
    (async () => {
      const kept = await caches.match("headlines.json");
      const text = kept === undefined ? "nothing kept" : await kept.text();
      console.log(text);
      event.source?.postMessage(text);
    })(),
  );
});
