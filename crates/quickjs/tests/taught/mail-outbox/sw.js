// Keeps an outbox in IndexedDB and sends what is in it when a sync event comes.

function openOutbox() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("mail", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("outbox", { autoIncrement: true });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function sendMails() {
  const database = await openOutbox();
  const outbox = () => database.transaction("outbox", "readwrite").objectStore("outbox");
  const keys = await settled(outbox().getAllKeys());
  for (const key of keys) {
    const mail = await settled(outbox().get(key));
    const response = await fetch("/mails", { method: "POST", body: mail });
    if (!response.ok) throw new Error(`not accepted: ${response.status}`);
    await settled(outbox().delete(key));
  }
  database.close();
}

self.addEventListener("message", (event) => {
  event.waitUntil(
    (async () => {
      const database = await openOutbox();
      const mail = typeof event.data === "string" ? event.data : event.data.mail;
      await settled(database.transaction("outbox", "readwrite").objectStore("outbox").add(mail));
      database.close();
      console.log("kept");
      event.source?.postMessage("kept");
    })(),
  );
});

self.addEventListener("sync", (event) => {
  if (event.tag === "mails") {
    event.waitUntil(sendMails());
  }
});
