// The events of registrations and workers, when the gateway's messages come faster than the page's timers.

import assert from "node:assert/strict";
import { test } from "node:test";
import { importFromPage, pretendToBeAPage } from "./support/page.mjs";

pretendToBeAPage();
const { registrationFor, updateRegistration } = await importFromPage(`export { registrationFor, updateRegistration } from "./objects.ts";`);

const worker = (state) => ({ id: 7, scriptUrl: "http://localhost/sw.js", state });

/** A registration whose only worker is in one of its three places. */
const registration = (place, state) => ({
  id: 1, scope: "http://localhost/", updateViaCache: "imports", installing: null, waiting: null, active: null, [place]: worker(state),
});

// https://w3c.github.io/ServiceWorker/#install-algorithm: the job's promise is resolved, then `updatefound` is fired.
test("a worker that installs at once is announced all the same, after the promise and before its next state", async () => {
  const seen = [];
  updateRegistration(registration("installing", "installing"));
  // The answer to `register()`, and in the following tasks, before any timer, what became of the worker.
  const object = await Promise.resolve(registrationFor(registration("installing", "installing"), true));
  object.addEventListener("updatefound", () => {
    seen.push(`found ${object.installing?.state}`);
    object.installing?.addEventListener("statechange", ({ target }) => seen.push(target.state));
  });
  updateRegistration(registration("waiting", "installed"));
  updateRegistration(registration("active", "activating"));
  updateRegistration(registration("active", "activated"));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual(seen, ["found installing", "installed", "activating", "activated"]);
});
