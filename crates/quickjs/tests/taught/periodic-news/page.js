// Asks for headlines once a day, finds out whether that was asked for already, and gives it up again.

navigator.serviceWorker.register("sw.js");

async function askForHeadlines() {
  const registration = await navigator.serviceWorker.ready;
  try {
    await registration.periodicSync.register("headlines", {
      minInterval: 24 * 60 * 60 * 1000,
    });
    return "asked";
  } catch (error) {
    return `refused: ${error.name}`;
  }
}

async function areHeadlinesAskedFor() {
  const registration = await navigator.serviceWorker.ready;
  const tags = await registration.periodicSync.getTags();
  return tags.includes("headlines");
}

async function giveUpHeadlines() {
  const registration = await navigator.serviceWorker.ready;
  await registration.periodicSync.unregister("headlines");
}
