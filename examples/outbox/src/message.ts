/** A chat message, as the page makes it and the inbox keeps it. */
export interface Message {
  /** Made by the page that wrote it: the inbox knows a message that arrives twice by it. */
  id: string;
  /** Counts the messages of one sender from 1, so that the order of arrival can be checked. */
  seq: number;
  /** Names the browser that wrote it. */
  from: string;
  text: string;
  /** Milliseconds since the epoch, by the sender's clock. */
  sent_at: number;
}

/** What the service worker tells its pages about a message. */
export interface Notice {
  /**
   * - `pending`: the message is safe in the worker's queue and will be sent without the page;
   * - `sent`: the inbox has it;
   * - `refused`: the inbox does not want it, and it will not be tried again.
   */
  type: "pending" | "sent" | "refused";
  message: Message;
  /** Why the inbox refused it. */
  reason?: string;
}

/** Where messages are sent to and read from; `wakeworker serve --proxy /inbox=URL` leads to the inbox. */
export const INBOX_PATH = "/inbox/messages";

/** A worker may hear anything from a page's request, and a page from its worker: this tells messages from the rest. */
export function isMessage(value: unknown): value is Message {
  if (typeof value !== "object" || value === null) return false;
  const m = value as Record<string, unknown>;
  return (
    typeof m.id === "string" &&
    typeof m.seq === "number" &&
    typeof m.from === "string" &&
    typeof m.text === "string" &&
    typeof m.sent_at === "number"
  );
}
