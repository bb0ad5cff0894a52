// WebSocket and CloseEvent (WebSockets standard, section 3) over the host's connections.

import { blobBytes, blobFromBytes, isBlob } from "./blob.ts";
import { drawId, host, jsonStringify } from "./boundary.ts";
import { utf8Encode } from "./encoding.ts";
import { Event, MessageEvent } from "./event.ts";
import { defineEventHandlers, EventTarget, fire } from "./event-target.ts";
import { isToken } from "./headers.ts";
import { parseRelativeUrl, parseUrl } from "./url.ts";
import { bufferSourceBytes, defineInterface, isObject, requireArguments, toDictionary, toDOMString, toSequence, toUnsignedShort, toUSVString } from "./webidl.ts";

export class CloseEvent extends Event {
  #wasClean: boolean;
  #code: number;
  #reason: string;

  constructor(type: string, init: unknown = undefined) {
    requireArguments(arguments.length, 1, "CloseEvent constructor");
    super(type, init);
    const members = toDictionary(init, "CloseEventInit");
    this.#wasClean = Boolean(members.wasClean);
    this.#code = members.code === undefined ? 0 : toUnsignedShort(members.code);
    this.#reason = members.reason === undefined ? "" : toUSVString(members.reason);
  }
  get wasClean(): boolean {
    return this.#wasClean;
  }
  get code(): number {
    return this.#code;
  }
  get reason(): string {
    return this.#reason;
  }
}
defineInterface(CloseEvent, "CloseEvent");

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

/** A goodbye's reason is part of a control frame, which has room for so much. */
const REASON_BYTES_MAX = 123;

/** Those that are not closed, by the id of their connection. */
const connections = new Map<number, WebSocket>();

let opened: (socket: WebSocket, protocol: string) => void;
let received: (socket: WebSocket, data: string | ArrayBuffer) => void;
let sent: (socket: WebSocket, bytes: number) => void;
let closed: (socket: WebSocket, clean: boolean, failed: boolean, code: number, reason: string) => void;

export class WebSocket extends EventTarget {
  #id = drawId();
  #url: string;
  #protocol = "";
  #readyState = CONNECTING;
  #binaryType: "blob" | "arraybuffer" = "blob";
  #bufferedAmount = 0;

  static {
    opened = (socket, protocol) => {
      if (socket.#readyState !== CONNECTING) return;
      socket.#readyState = OPEN;
      socket.#protocol = protocol;
      fire(socket, new Event("open"));
    };
    received = (socket, data) => {
      if (socket.#readyState !== OPEN) return;
      const content = typeof data === "string" || socket.#binaryType === "arraybuffer" ? data : blobFromBytes(new Uint8Array(data), "");
      fire(socket, new MessageEvent("message", { data: content, origin: parseUrl(socket.#url)?.origin ?? "" }));
    };
    sent = (socket, bytes) => {
      socket.#bufferedAmount -= bytes;
    };
    closed = (socket, wasClean, failed, code, reason) => {
      socket.#readyState = CLOSED;
      if (failed) fire(socket, new Event("error"));
      fire(socket, new CloseEvent("close", { wasClean, code, reason }));
    };
  }

  constructor(url: string, protocols: unknown = undefined) {
    requireArguments(arguments.length, 1, "WebSocket constructor");
    const text = toUSVString(url);
    const names = toProtocols(protocols);
    super();
    this.#url = socketUrl(text);
    names.forEach((name, index) => {
      if (!isToken(name)) throw new DOMException(`WebSocket: "${name}" cannot be the name of a subprotocol`, "SyntaxError");
      if (names.indexOf(name) !== index) throw new DOMException(`WebSocket: the subprotocol "${name}" is named twice`, "SyntaxError");
    });
    connections.set(this.#id, this);
    host.socketOpen(this.#id, this.#url, jsonStringify(names));
  }

  get url(): string {
    return this.#url;
  }
  get readyState(): number {
    return this.#readyState;
  }
  get bufferedAmount(): number {
    return this.#bufferedAmount;
  }
  get extensions(): string {
    void this.#url;
    return "";
  }
  get protocol(): string {
    return this.#protocol;
  }
  close(code: unknown = undefined, reason: unknown = undefined): void {
    const state = this.#readyState;
    const status = code === undefined ? null : toClampedShort(code);
    const text = reason === undefined ? "" : toUSVString(reason);
    if (status !== null && status !== 1000 && (status < 3000 || status > 4999)) {
      throw new DOMException(`WebSocket.close: the code ${status} is neither 1000 nor between 3000 and 4999`, "InvalidAccessError");
    }
    if (utf8Encode(text).byteLength > REASON_BYTES_MAX) {
      throw new DOMException(`WebSocket.close: the reason is longer than ${REASON_BYTES_MAX} bytes`, "SyntaxError");
    }
    if (state === CLOSING || state === CLOSED) return;
    this.#readyState = CLOSING;
    host.socketClose(this.#id, text !== "" ? (status ?? 1000) : status, text);
  }
  get binaryType(): string {
    return this.#binaryType;
  }
  set binaryType(value: string) {
    const state = this.#readyState;
    const type = toDOMString(value);
    // A value that is none of the enumeration changes nothing.
    if (state >= CONNECTING && (type === "blob" || type === "arraybuffer")) this.#binaryType = type;
  }
  send(data: unknown): void {
    const state = this.#readyState;
    requireArguments(arguments.length, 1, "WebSocket.send");
    const content = isBlob(data) ? blobBytes(data) : (bufferSourceBytes(data) ?? toUSVString(data));
    if (state === CONNECTING) throw new DOMException("WebSocket.send: the connection is not open yet; wait for its `open` event", "InvalidStateError");
    if (state !== OPEN) {
      this.#bufferedAmount += (typeof content === "string" ? utf8Encode(content) : content).byteLength;
      return;
    }
    const queued = typeof content === "string" ? host.socketSendText(this.#id, content) : host.socketSendBytes(this.#id, content);
    if (queued >= 0) {
      this.#bufferedAmount += queued;
      return;
    }
    // "Flag the WebSocket as full": the connection has failed, and its end follows.
    this.#bufferedAmount -= queued + 1;
    this.#readyState = CLOSING;
  }
}
defineInterface(WebSocket, "WebSocket", { CONNECTING, OPEN, CLOSING, CLOSED });
defineEventHandlers(WebSocket.prototype, ["open", "error", "close", "message"]);

/** A text, a sequence of texts, or nothing. */
function toProtocols(value: unknown): string[] {
  if (value === undefined) return [];
  return isObject(value) && Symbol.iterator in value ? toSequence(value, toDOMString, "WebSocket: the list of subprotocols") : [toDOMString(value)];
}

/** The URL of a connection, with ws for http. */
function socketUrl(text: string): string {
  const url = parseRelativeUrl(text);
  if (url === null) throw new DOMException(`WebSocket: "${text}" is not a valid URL`, "SyntaxError");
  let { href } = url;
  if (url.protocol === "http:") href = `ws${href.slice("http".length)}`;
  else if (url.protocol === "https:") href = `wss${href.slice("https".length)}`;
  else if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw new DOMException(`WebSocket: the scheme of "${href}" is none of ws, wss, http and https`, "SyntaxError");
  }
  if (href.includes("#")) throw new DOMException(`WebSocket: the URL "${href}" has a fragment`, "SyntaxError");
  return href;
}

/** `[Clamp] unsigned short`: the nearest integer, the even one of two. */
function toClampedShort(value: unknown): number {
  const number = Math.min(Math.max(+(value as number), 0), 0xffff);
  if (Number.isNaN(number)) return 0;
  const rounded = Math.round(number);
  return rounded - number === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

/** The `socketOpened` hook. */
export function socketOpened(id: number, protocol: string): void {
  const socket = connections.get(id);
  if (socket !== undefined) opened(socket, protocol);
}
/** The `socketMessage` hook. */
export function socketMessage(id: number, data: string | ArrayBuffer): void {
  const socket = connections.get(id);
  if (socket !== undefined) received(socket, data);
}
/** The `socketSent` hook. */
export function socketSent(id: number, bytes: number): void {
  const socket = connections.get(id);
  if (socket !== undefined) sent(socket, bytes);
}
/** The `socketClosed` hook. */
export function socketClosed(id: number, clean: boolean, failed: boolean, code: number, reason: string): void {
  const socket = connections.get(id);
  connections.delete(id);
  if (socket !== undefined) closed(socket, clean, failed, code, reason);
}
