// Hands mails to the worker's outbox and asks for a sync that sends them; the network may be there or not.

navigator.serviceWorker.register("sw.js");

async function putIntoOutbox(text) {
  const registration = await navigator.serviceWorker.ready;
  const kept = new Promise((resolve) => {
    navigator.serviceWorker.addEventListener("message", resolve, { once: true });
  });
  registration.active.postMessage({ mail: text });
  await kept;
}

async function sendMailsLater() {
  const registration = await navigator.serviceWorker.ready;
  try {
    await registration.sync.register("mails");
    return "asked";
  } catch (error) {
    return `refused: ${error.name}`;
  }
}

async function areMailsGoingToBeSent() {
  const registration = await navigator.serviceWorker.ready;
  const tags = await registration.sync.getTags();
  return tags.includes("mails");
}
