// The document: everything that touches elements.
import type { Entry, State } from "./history";

const EMOJI = ["👋", "😀", "😂", "❤️", "👍", "🎉", "🚀", "☕", "🌈", "🐙"];
const STATE_TEXT: Record<State, string> = {
  sending: "sending",
  pending: "waiting",
  sent: "sent",
  failed: "not sent",
};
/** Up to three emoji and nothing else are shown large. */
const ONLY_EMOJI = /^(?:\p{RGI_Emoji}){1,3}$/v;

export interface Actions {
  send(text: string): void;
  resend(id: string): void;
}

export interface View {
  /** Adds a message or changes the one that is shown. */
  show(entry: Entry, own: boolean): void;
  status(tone: "good" | "wait" | "bad", text: string): void;
  /** How many messages wait in the outbox. */
  waiting(count: number): void;
}

export function createView(actions: Actions): View {
  const list = element<HTMLOListElement>("messages");
  const scroller = element("scroller");
  const status = element("status");
  const waiting = element("waiting");
  const template = element<HTMLTemplateElement>("message");
  const items = new Map<string, HTMLLIElement>();
  composer(actions);

  return {
    show({ message, state, reason }, own) {
      let item = items.get(message.id);
      if (!item) {
        item = template.content.firstElementChild?.cloneNode(true) as HTMLLIElement;
        items.set(message.id, item);
        item.dataset.sentAt = String(message.sent_at);
        item.dataset.id = message.id;
        item.classList.toggle("own", own);
        if (!own) item.style.setProperty("--hue", String(hue(message.from)));
        item.classList.toggle("big", ONLY_EMOJI.test(message.text));
        part(item, ".text").textContent = message.text;
        const time = part<HTMLTimeElement>(item, "time");
        const written = new Date(message.sent_at);
        time.dateTime = Number.isNaN(written.getTime()) ? "" : written.toISOString();
        time.textContent = written.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
        part(item, ".retry").addEventListener("click", () => actions.resend(message.id));
        const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
        insert(list, item, message.sent_at);
        if (own || atEnd) scroller.scrollTop = scroller.scrollHeight;
        element("empty").hidden = true;
      }
      item.dataset.state = state;
      part(item, "use").setAttribute("href", `#${state}`);
      part(item, ".state").textContent = own ? STATE_TEXT[state] : "";
      part(item, ".meta").title = reason ?? "";
      part(item, ".retry").hidden = !(own && state === "failed");
    },
    status(tone, text) {
      status.dataset.tone = tone;
      if (status.textContent !== text) status.textContent = text;
    },
    waiting(count) {
      waiting.hidden = count === 0;
      waiting.textContent = `${count} waiting`;
    },
  };
}

function composer(actions: Actions): void {
  const form = element<HTMLFormElement>("composer");
  const text = element<HTMLInputElement>("text");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const written = text.value.trim();
    if (written) actions.send(written);
    text.value = "";
    text.focus();
  });
  for (const emoji of EMOJI) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = emoji;
    button.addEventListener("click", () => actions.send(emoji));
    element("emoji").append(button);
  }
}

/** Keeps the list in the order of writing; nearly always that means at the end. */
function insert(list: HTMLOListElement, item: HTMLLIElement, sentAt: number): void {
  let before: Element | null = null;
  for (let last = list.lastElementChild; last instanceof HTMLLIElement; last = last.previousElementSibling) {
    if (Number(last.dataset.sentAt) <= sentAt) break;
    before = last;
  }
  list.insertBefore(item, before);
}

function hue(sender: string): number {
  let hash = 0;
  for (const character of sender) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 360;
  return hash;
}

function element<T extends HTMLElement = HTMLElement>(id: string): T {
  return part<T>(document, `#${id}`);
}

function part<T extends Element = HTMLElement>(root: ParentNode, selector: string): T {
  const found = root.querySelector<T>(selector);
  if (!found) throw new Error(`the page has no ${selector}`);
  return found;
}
