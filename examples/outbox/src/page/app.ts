// The page: it shows what was written and what became of it. Sending is the network's and the worker's business.
import { INBOX_PATH, isMessage, type Message, type Notice } from "../message";
import { History } from "./history";
import { createView } from "./view";

/** How long a page waits for its worker's word on a request that failed, before it offers to send again. */
const WORKER_ANSWER_MS_MAX = 3000;

const history = new History(localStorage);
const view = createView({ send, resend });
let sending: Promise<void> = Promise.resolve();

history.onChange = (entry) => {
  view.show(entry, entry.message.from === history.sender);
  view.waiting(history.count("pending"));
};
for (const entry of history.entries()) history.onChange(entry);

void start();

async function start(): Promise<void> {
  if (!("serviceWorker" in navigator)) {
    view.status("bad", "This browser has no service workers here: messages are sent only while the page is open.");
    return;
  }
  navigator.serviceWorker.addEventListener("message", ({ data }) => hear(data));
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") void refresh();
  });
  window.addEventListener("online", () => void refresh());
  try {
    await navigator.serviceWorker.register("sw.js");
    await controlled();
  } catch (error) {
    view.status("bad", `The service worker cannot run: ${error instanceof Error ? error.message : String(error)}`);
    return;
  }
  await refresh();
}

/** Resolves when this page has a controller: requests before that do not pass through the worker. */
async function controlled(): Promise<void> {
  await navigator.serviceWorker.ready;
  if (navigator.serviceWorker.controller) return;
  await new Promise((resolve) => {
    navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true });
  });
}

function send(text: string): void {
  post(history.write(text));
}

function resend(id: string): void {
  const message = history.retry(id);
  if (message) post(message);
}

/** Posts one message after the other, so that they are queued in the order in which they were written. */
function post(message: Message): void {
  sending = sending.then(() => postNow(message));
}

async function postNow(message: Message): Promise<void> {
  try {
    const response = await fetch(INBOX_PATH, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(message),
    });
    if (response.ok) {
      history.settle(message.id, "sent");
      reachable(true);
    } else if (response.status >= 500) {
      throw new Error(`the inbox answered ${response.status}`);
    } else {
      history.settle(message.id, "failed", `The inbox answered ${response.status}.`);
    }
  } catch {
    if (history.stateOf(message.id) !== "sending") return;
    // The worker answers a failed request with a network error, and tells us separately that it keeps the message.
    setTimeout(() => {
      if (history.stateOf(message.id) === "sending") {
        history.settle(message.id, "failed", "Neither the inbox nor the worker took it.");
      }
    }, WORKER_ANSWER_MS_MAX);
  }
}

function hear(data: unknown): void {
  if (typeof data !== "object" || data === null || !("type" in data) || !("message" in data)) return;
  const notice = data as Notice;
  if (!isMessage(notice.message)) return;
  history.remember(notice.message);
  switch (notice.type) {
    case "pending":
      history.settle(notice.message.id, "pending");
      reachable(false);
      break;
    case "sent":
      history.settle(notice.message.id, "sent");
      reachable(true);
      break;
    case "refused":
      history.settle(notice.message.id, "failed", notice.reason);
      break;
  }
}

/** Reads the inbox: what it has is sent, whoever sent it and whenever. */
async function refresh(): Promise<void> {
  try {
    const response = await fetch(INBOX_PATH, { cache: "no-store" });
    if (!response.ok) throw new Error(`the inbox answered ${response.status}`);
    const { messages } = (await response.json()) as { messages: unknown[] };
    for (const message of messages) {
      if (!isMessage(message)) continue;
      history.remember(message);
      history.settle(message.id, "sent");
    }
    reachable(true);
  } catch {
    reachable(false);
  }
}

function reachable(yes: boolean): void {
  if (yes) view.status("good", "Connected. Messages are sent at once.");
  else view.status("wait", "Inbox out of reach. Messages will go by themselves.");
}

