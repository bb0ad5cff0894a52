// `self.chrome.webview`: messages between the host program and this worker, as WebView2 has them (spec.md 4.6, R221).
// Messages are JSON, or plain strings; there is no structured clone on this way.

import { defineProperty, facts, host, jsonParse, jsonStringify } from "./boundary.ts";
import { eventState, MessageEvent, setMessageData } from "./event.ts";
import { dispatch, EventTarget } from "./event-target.ts";
import { requireArguments } from "./webidl.ts";

class WebView extends EventTarget {
  // Private state only for the brand check.
  #connected = true;

  /** Sends a value to the host; what JSON cannot express is an error, not a silent null. */
  postMessage(message: unknown): void {
    void this.#connected;
    requireArguments(arguments.length, 1, "chrome.webview.postMessage");
    const json = jsonStringify(message);
    if (json === undefined) throw new DOMException("chrome.webview.postMessage: the message cannot be written as JSON", "DataCloneError");
    host.postWebMessage(json);
  }
}

const webview = new WebView();

/** Puts `chrome` on the global if both of the host's settings allow it. */
export function installWebView(): void {
  if (!facts.webMessages) return;
  const chrome = Object.freeze({ webview });
  defineProperty(globalThis, "chrome", { value: chrome, writable: true, enumerable: false, configurable: true });
}

/** The `webMessage` hook: a message of the host, as JSON text. */
export function webMessage(json: string): void {
  const event = new MessageEvent("message");
  setMessageData(event, jsonParse(json));
  eventState(event).trusted = true;
  dispatch(webview, event);
}
