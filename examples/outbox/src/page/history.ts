// What this browser has written and seen, kept across reloads.
import { isMessage, type Message } from "../message";

/** `sending`: on its way; `pending`: the worker keeps it; `sent`: the inbox has it; `failed`: nobody has it but us. */
export type State = "sending" | "pending" | "sent" | "failed";

export interface Entry {
  message: Message;
  state: State;
  /** Why it failed. */
  reason?: string;
}

const ENTRIES_MAX = 500;
const STATES: readonly unknown[] = ["sending", "pending", "sent", "failed"];

export class History {
  /** Called with every entry that is new or has changed. */
  onChange: (entry: Entry) => void = () => undefined;
  /** Names this browser in the messages it writes. */
  readonly sender: string;

  #storage: Storage;
  #entries = new Map<string, Entry>();

  constructor(storage: Storage) {
    this.#storage = storage;
    this.sender = storage.getItem("outbox.sender") ?? crypto.randomUUID();
    storage.setItem("outbox.sender", this.sender);
    for (const entry of read(storage)) {
      // A page that was closed while it was sending cannot know the end; the inbox will tell if it was a good one.
      if (entry.state === "sending") entry.state = "failed";
      this.#entries.set(entry.message.id, entry);
    }
    // Another tab of the same browser writes to the same storage.
    window.addEventListener("storage", ({ key }) => {
      if (key === "outbox.messages") for (const entry of read(storage)) this.#adopt(entry);
    });
  }

  entries(): Entry[] {
    return [...this.#entries.values()];
  }

  count(state: State): number {
    return this.entries().filter((entry) => entry.state === state).length;
  }

  stateOf(id: string): State | undefined {
    return this.#entries.get(id)?.state;
  }

  /** Makes a new message of this browser. */
  write(text: string): Message {
    const seq = Number(this.#storage.getItem("outbox.seq") ?? "0") + 1;
    this.#storage.setItem("outbox.seq", String(seq));
    const message = { id: crypto.randomUUID(), seq, from: this.sender, text, sent_at: Date.now() };
    this.#put({ message, state: "sending" });
    return message;
  }

  /** Takes note of a message that may be somebody else's. */
  remember(message: Message): void {
    if (!this.#entries.has(message.id)) this.#put({ message, state: "sending" });
  }

  /** A failed message goes out again under its old id, so that the inbox knows it if it came through after all. */
  retry(id: string): Message | undefined {
    const entry = this.#entries.get(id);
    if (entry?.state !== "failed") return undefined;
    this.#put({ message: entry.message, state: "sending" });
    return entry.message;
  }

  settle(id: string, state: State, reason?: string): void {
    const entry = this.#entries.get(id);
    // News can overtake each other; what the inbox has, it has.
    if (!entry || entry.state === state || entry.state === "sent") return;
    this.#put(reason === undefined ? { message: entry.message, state } : { message: entry.message, state, reason });
  }

  #adopt(entry: Entry): void {
    const mine = this.#entries.get(entry.message.id);
    if (mine && (mine.state === entry.state || mine.state === "sent")) return;
    this.#entries.set(entry.message.id, entry);
    this.onChange(entry);
  }

  #put(entry: Entry): void {
    this.#entries.set(entry.message.id, entry);
    const newest = this.entries().sort((a, b) => a.message.sent_at - b.message.sent_at).slice(-ENTRIES_MAX);
    this.#storage.setItem("outbox.messages", JSON.stringify(newest));
    this.onChange(entry);
  }
}

function read(storage: Storage): Entry[] {
  try {
    const stored: unknown = JSON.parse(storage.getItem("outbox.messages") ?? "[]");
    return Array.isArray(stored) ? stored.filter(isEntry) : [];
  } catch {
    return [];
  }
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== "object" || value === null) return false;
  const { message, state } = value as Partial<Entry>;
  return isMessage(message) && STATES.includes(state);
}
