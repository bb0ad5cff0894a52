// Clients, Client and WindowClient (service worker specification, sections 4.2 and 4.3).

import { facts, host, jsonStringify } from "./boundary.ts";
import { startOperation } from "./operations.ts";
import { serializeForElsewhere } from "./structured-clone.ts";
import { parseRelativeUrl } from "./url.ts";
import { defineInterface, internal, requireArguments, requireInternal, toDictionary, toDOMString, toEnumeration, toUSVString } from "./webidl.ts";

export class Client {
  #info: ClientInfo;
  constructor(token: unknown = undefined, info: unknown = undefined) {
    requireInternal(token);
    this.#info = info as ClientInfo;
  }
  get url(): string {
    return this.#info.url;
  }
  get frameType(): string {
    return this.#info.frameType;
  }
  get id(): string {
    return this.#info.id;
  }
  get type(): string {
    return this.#info.type;
  }
  postMessage(message: unknown, options: unknown = undefined): void {
    const { id } = this.#info;
    requireArguments(arguments.length, 1, "Client.postMessage");
    const [text, ports] = serializeForElsewhere(message, options);
    host.postMessageToClient(id, text, ports);
  }
}
defineInterface(Client, "Client");

export class WindowClient extends Client {
  #info: ClientInfo;
  constructor(token: unknown = undefined, info: unknown = undefined) {
    super(token, info);
    this.#info = info as ClientInfo;
  }
  get visibilityState(): string {
    return this.#info.visibilityState;
  }
  get focused(): boolean {
    return this.#info.focused;
  }
  get ancestorOrigins(): readonly string[] {
    return Object.freeze([...this.#info.ancestorOrigins]);
  }
  async focus(): Promise<WindowClient> {
    void this.#info;
    throw new DOMException("this host cannot focus windows: the event was not caused by a user's action", "InvalidAccessError");
  }
  async navigate(url: string): Promise<WindowClient | null> {
    void this.#info;
    requireArguments(arguments.length, 1, "WindowClient.navigate");
    const text = toUSVString(url);
    if (parseRelativeUrl(text) === null) throw new TypeError(`WindowClient.navigate: "${text}" is not a valid URL`);
    throw new TypeError("this host cannot navigate windows");
  }
}
defineInterface(WindowClient, "WindowClient");

/** The object for a client of the host. */
export function makeClient(info: ClientInfo): Client {
  return info.type === "window" ? new WindowClient(internal, info) : new Client(internal, info);
}

const CLIENT_TYPES = ["window", "worker", "sharedworker", "all"] as const;

export class Clients {
  #ready = true;
  constructor(token: unknown = undefined) {
    requireInternal(token);
  }
  async get(id: string): Promise<Client | undefined> {
    void this.#ready;
    requireArguments(arguments.length, 1, "Clients.get");
    const wanted = toDOMString(id).toWellFormed();
    const info = (await startOperation((operation) => host.clientsGet(operation, wanted))) as ClientInfo | null | undefined;
    return info === null || info === undefined ? undefined : makeClient(info);
  }
  async matchAll(options: unknown = undefined): Promise<readonly Client[]> {
    void this.#ready;
    const members = toDictionary(options, "ClientQueryOptions");
    const query = {
      includeUncontrolled: Boolean(members.includeUncontrolled),
      type: members.type === undefined ? "window" : toEnumeration(members.type, CLIENT_TYPES, "ClientQueryOptions.type"),
    };
    const list = (await startOperation((id) => host.clientsMatchAll(id, jsonStringify(query)))) as ClientInfo[];
    return Object.freeze(list.map(makeClient));
  }
  async openWindow(url: string): Promise<WindowClient | null> {
    void this.#ready;
    requireArguments(arguments.length, 1, "Clients.openWindow");
    const text = toUSVString(url);
    const parsed = parseRelativeUrl(text);
    if (parsed === null) throw new TypeError(`Clients.openWindow: "${text}" is not a valid URL`);
    const info = (await startOperation((id) => host.clientsOpenWindow(id, parsed.href))) as ClientInfo | null | undefined;
    if (info === null || info === undefined) return null;
    // A page of another origin is none of the worker's clients.
    return parsed.origin === facts.origin ? (makeClient(info) as WindowClient) : null;
  }
  async claim(): Promise<undefined> {
    void this.#ready;
    await startOperation((id) => host.clientsClaim(id));
    return undefined;
  }
}
defineInterface(Clients, "Clients");
