// MessageChannel, MessagePort and BroadcastChannel (HTML, sections 9.4 and 9.5).

import { facts, host, jsonParse, jsonStringify } from "./boundary.ts";
import { Event, eventState, MessageEvent, setMessageData } from "./event.ts";
import { defineEventHandlers, dispatch, EventTarget } from "./event-target.ts";
import { callHost } from "./operations.ts";
import { deserializeForWorker, serializeForPosting } from "./structured-clone.ts";
import { queueTask } from "./timers.ts";
import { defineInterface, internal, isObject, requireArguments, requireInternal, toDictionary, toDOMString, toSequence } from "./webidl.ts";

interface Message {
  text: string;
  ports: readonly MessagePort[];
}

/** One end of a channel. A port that is transferred hands it on to the port that takes its place. */
interface End {
  /** The other end, if it is in this worker; null once either was closed. */
  peer: End | null;
  /** The host's number of the port, if the other end is, or was, somewhere else. */
  remote: number | null;
  /** The port that has this end now. */
  port: MessagePort;
  waiting: Message[];
  started: boolean;
  closed: boolean;
}

const newEnd = (port: MessagePort, remote: number | null): End => ({ peer: null, remote, port, waiting: [], started: false, closed: false });

/** The ends whose other end is somewhere else, by the host's number. */
const remoteEnds = new Map<number, End>();

let takeEnd: (port: MessagePort) => End | null;
let giveEnd: (port: MessagePort, end: End) => void;
let endOf: (port: MessagePort) => End | null;
let isMessagePort: (value: unknown) => value is MessagePort;

export class MessagePort extends EventTarget {
  /** Null once the port was transferred. */
  #end: End | null = null;

  static {
    takeEnd = (port) => {
      const end = port.#end;
      port.#end = null;
      return end;
    };
    isMessagePort = (value): value is MessagePort => isObject(value) && #end in value;
    giveEnd = (port, end) => {
      port.#end = end;
      end.port = port;
    };
    endOf = (port) => port.#end;
  }

  constructor(token: unknown = undefined) {
    requireInternal(token);
    super();
  }

  postMessage(message: unknown, options: unknown = undefined): void {
    const end = this.#end;
    requireArguments(arguments.length, 1, "MessagePort.postMessage");
    const { ports, buffers } = splitTransfer(options);
    if (ports.includes(this)) throw new DOMException("MessagePort.postMessage: a port cannot be sent through itself", "DataCloneError");
    const text = serializeForPosting(message, { transfer: buffers });
    if (end?.remote != null) {
      host.portPost(end.remote, text, jsonStringify(ports.map(sendAway)));
      return;
    }
    const peer = end?.peer ?? null;
    // A port that is sent to its own other end goes nowhere, and takes the channel with it.
    const isLost = ports.some((port) => endOf(port) !== null && endOf(port) === peer);
    const moved = ports.map(transferPort);
    if (peer === null || isLost) return;
    peer.waiting.push({ text, ports: moved });
    if (peer.started) queueTask(() => deliverNext(peer));
  }
  start(): void {
    const end = this.#end;
    if (end === null || end.started) return;
    end.started = true;
    for (let i = end.waiting.length; i > 0; i -= 1) queueTask(() => deliverNext(end));
    if (end.remote !== null) host.portStart(end.remote);
  }
  close(): void {
    const end = this.#end;
    if (end === null) return;
    if (end.peer !== null) end.peer.peer = null;
    end.peer = null;
    end.waiting = [];
    end.closed = true;
    if (end.remote === null) return;
    remoteEnds.delete(end.remote);
    host.portClose(end.remote);
    end.remote = null;
  }
  get onmessage(): object | null {
    return Reflect.apply(handler.get as () => object | null, this, []) as object | null;
  }
  /** Unlike addEventListener, the attribute starts the port. */
  set onmessage(value: unknown) {
    Reflect.apply(handler.set as (value: unknown) => void, this, [value]);
    startPort(this);
  }
}
const startOperation = MessagePort.prototype.start;
const startPort = (port: MessagePort): void => Reflect.apply(startOperation, port, []);
const plainHandlers = {};
defineEventHandlers(plainHandlers, ["message"]);
const handler = Object.getOwnPropertyDescriptor(plainHandlers, "onmessage") as PropertyDescriptor;
defineEventHandlers(MessagePort.prototype, ["messageerror", "close"]);
defineInterface(MessagePort, "MessagePort");

/** The transfer list of `postMessage`, ports apart from buffers. */
function splitTransfer(options: unknown): { ports: MessagePort[]; buffers: unknown[] } {
  const given = isObject(options) && Symbol.iterator in options ? options : toDictionary(options, "StructuredSerializeOptions").transfer;
  const list = given === undefined ? [] : toSequence(given, (item) => item, "postMessage: transfer");
  const ports = list.filter(isMessagePort);
  for (const port of ports) {
    if (endOf(port) === null) throw new DOMException("postMessage: a port was transferred before", "DataCloneError");
    if (ports.indexOf(port) !== ports.lastIndexOf(port)) throw new DOMException("postMessage: a port is to be transferred twice", "DataCloneError");
  }
  return { ports, buffers: list.filter((item) => !isMessagePort(item)) };
}

/** A message for somebody outside of this worker: its text, and the host's numbers of its ports as JSON. */
export function serializeForElsewhere(message: unknown, options: unknown): [string, string] {
  const { ports, buffers } = splitTransfer(options);
  const text = serializeForPosting(message, { transfer: buffers });
  return [text, jsonStringify(ports.map(sendAway))];
}

/** The port that takes the place of one that is transferred inside this worker: not started, with what waited. */
function transferPort(port: MessagePort): MessagePort {
  const moved = new MessagePort(internal);
  const end = takeEnd(port);
  if (end !== null) {
    if (end.started && end.remote !== null) host.portStop(end.remote);
    end.started = false;
    giveEnd(moved, end);
  }
  return moved;
}

/** Takes a port out of this worker; gives the number under which the host sends it on. What waited goes with it. */
function sendAway(port: MessagePort): number {
  const end = takeEnd(port) as End;
  if (end.remote !== null) {
    remoteEnds.delete(end.remote);
    return end.remote;
  }
  const [near, far] = jsonParse(callHost(() => host.portChannel())) as [number, number];
  for (const { text, ports } of end.waiting) host.portPost(near, text, jsonStringify(ports.map(sendAway)));
  if (end.peer === null) {
    host.portClose(near);
  } else {
    const { peer } = end;
    peer.peer = null;
    peer.remote = near;
    remoteEnds.set(near, peer);
    if (peer.started) host.portStart(near);
  }
  return far;
}

/** The port for one that came from somewhere else. */
function arrive(id: number): MessagePort {
  const port = new MessagePort(internal);
  const end = newEnd(port, id);
  giveEnd(port, end);
  remoteEnds.set(id, end);
  return port;
}

/** The ports for those that came with a message. */
export function arriveAll(ids: readonly number[]): MessagePort[] {
  return ids.map(arrive);
}

/** The `portMessage` hook. */
export function portMessage(id: number, text: string, ids: string): void {
  const ports = arriveAll(jsonParse(ids) as number[]);
  const end = remoteEnds.get(id);
  if (end === undefined) return;
  // It was on its way when the port was transferred inside this worker.
  if (end.started) fireMessage(end.port, text, "", ports);
  else end.waiting.push({ text, ports });
}

/** The `portClosed` hook: the other end is gone. */
export function portClosed(id: number): void {
  const end = remoteEnds.get(id);
  if (end === undefined || end.closed) return;
  end.closed = true;
  const event = new Event("close");
  eventState(event).trusted = true;
  dispatch(end.port, event);
}

function deliverNext(end: End): void {
  if (!end.started) return;
  const message = end.waiting.shift();
  if (message !== undefined) fireMessage(end.port, message.text, "", message.ports);
}

function fireMessage(target: EventTarget, text: string, origin: string, ports: readonly MessagePort[]): void {
  let event: MessageEvent;
  try {
    const data = deserializeForWorker(text);
    event = new MessageEvent("message", { origin, ports });
    setMessageData(event, data);
  } catch {
    event = new MessageEvent("messageerror", { origin });
  }
  eventState(event).trusted = true;
  dispatch(target, event);
}

export class MessageChannel {
  #port1 = new MessagePort(internal);
  #port2 = new MessagePort(internal);

  constructor() {
    const [one, two] = [newEnd(this.#port1, null), newEnd(this.#port2, null)];
    one.peer = two;
    two.peer = one;
    giveEnd(this.#port1, one);
    giveEnd(this.#port2, two);
  }
  get port1(): MessagePort {
    return this.#port1;
  }
  get port2(): MessagePort {
    return this.#port2;
  }
}
defineInterface(MessageChannel, "MessageChannel");

/** The channels that are open, in the order of their making. */
const channels = new Set<BroadcastChannel>();

let isOpenAs: (channel: BroadcastChannel, name: string) => boolean;

export class BroadcastChannel extends EventTarget {
  #name: string;
  #closed = false;

  static {
    isOpenAs = (channel, name) => !channel.#closed && channel.#name === name;
  }

  constructor(name: string) {
    requireArguments(arguments.length, 1, "BroadcastChannel constructor");
    const text = toDOMString(name);
    super();
    this.#name = text;
    channels.add(this);
    host.broadcastOpen();
  }
  get name(): string {
    return this.#name;
  }
  postMessage(message: unknown): void {
    const closed = this.#closed;
    requireArguments(arguments.length, 1, "BroadcastChannel.postMessage");
    if (closed) throw new DOMException("BroadcastChannel.postMessage: the channel is closed", "InvalidStateError");
    const text = serializeForPosting(message, undefined);
    const name = this.#name;
    for (const other of channels) if (other !== this && isOpenAs(other, name)) queueTask(() => deliver(other, name, text));
    host.broadcast(jsonStringify(name), text);
  }
  close(): void {
    this.#closed = true;
    channels.delete(this);
  }
}
defineInterface(BroadcastChannel, "BroadcastChannel");
defineEventHandlers(BroadcastChannel.prototype, ["message", "messageerror"]);

function deliver(channel: BroadcastChannel, name: string, text: string): void {
  if (isOpenAs(channel, name)) fireMessage(channel, text, facts.origin, []);
}

/** The `broadcast` hook: a message of another worker of the origin, or of a page. */
export function broadcastReceived(nameText: string, text: string): void {
  const name = jsonParse(nameText) as string;
  // Channels that a listener opens now hear the next message.
  for (const channel of [...channels]) deliver(channel, name, text);
}
