// Message ports that a page and a worker, or two pages, have of one channel (HTML, section 9.4.4). What scripts hold are the
// browser's own ports: for each port that leaves the page its peer is kept here, and for each that arrives a channel is made,
// of which one end is kept. What comes out of a kept port goes to the gateway, and the reverse.

import { deserialize, serialize } from "./data.ts";
import { gateway } from "./gateway.ts";

/** The kept ports, by the number that the gateway knows them by: its own above 0, ours below. */
const kept = new Map<number, MessagePort>();
let lastOwn = 0;

/** What `postMessage` transfers, ports apart from the rest. */
export interface Transfer {
  ports: MessagePort[];
  others: unknown[];
}

/** The second argument of `postMessage`: a sequence of objects, or a dictionary that has one. */
export function readTransfer(options: unknown): Transfer {
  const list = transferList(options);
  const ports = list.filter((each) => each instanceof MessagePort);
  if (new Set(list).size !== list.length) throw new DOMException("An object is to be transferred twice.", "DataCloneError");
  return { ports, others: list.filter((each) => !(each instanceof MessagePort)) };
}

function transferList(options: unknown): unknown[] {
  if (options === undefined || options === null) return [];
  if (typeof options !== "object" && typeof options !== "function") {
    throw new TypeError("The transfer list must be a sequence of objects.");
  }
  if (Symbol.iterator in (options as object)) return [...(options as Iterable<unknown>)];
  const { transfer } = options as { transfer?: Iterable<unknown> };
  return transfer === undefined ? [] : [...transfer];
}

/** A message for somebody else: its data, and the numbers of its ports, which the caller does not have any more. */
export function serializeForElsewhere(value: unknown, options: unknown): { data: string; ports: number[] } {
  const { ports, others } = readTransfer(options);
  const data = serialize(value, others);
  return { data, ports: sendPorts(ports) };
}

/** Takes ports out of the page. */
function sendPorts(ports: readonly MessagePort[]): number[] {
  if (ports.length === 0) return [];
  // The browser detaches what the caller has, and says so if that is not possible.
  const taken = structuredClone(ports, { transfer: [...ports] });
  return taken.map((port) => {
    lastOwn -= 1;
    keep(lastOwn, port);
    return lastOwn;
  });
}

/** The ports for those that came with a message. */
export function receivePorts(ids: readonly number[]): MessagePort[] {
  return ids.map((id) => {
    const { port1, port2 } = new MessageChannel();
    keep(id, port1);
    return port2;
  });
}

function keep(id: number, port: MessagePort): void {
  kept.set(id, port);
  port.onmessage = (event: MessageEvent) => {
    let data: string;
    try {
      data = serialize(event.data, []);
    } catch {
      // What no worker can have is lost, as a message that cannot be read is.
      return;
    }
    gateway().post({ type: "portMessage", port: id, data, ports: sendPorts(event.ports) });
  };
  // Browsers that tell of closed ports let the other end know.
  port.addEventListener("close", () => {
    if (kept.delete(id)) gateway().tell({ type: "portClosed", port: id });
  });
}

/** A message for one of the page's ports. */
export function portMessage(id: number, data: string, ids: readonly number[]): void {
  const ports = receivePorts(ids);
  const port = kept.get(id);
  if (port === undefined) return;
  try {
    port.postMessage(deserialize(data), ports);
  } catch {
    // Data that cannot be read: the browser has no way to cause a `messageerror` at the other end.
  }
}

/** The other end of one of the page's ports is gone. */
export function portClosed(id: number): void {
  const port = kept.get(id);
  kept.delete(id);
  port?.close();
}

/** The connection was lost, and with it all ports. */
export function closeAllPorts(): void {
  for (const id of [...kept.keys()]) portClosed(id);
}
