// The Push API (w3c.github.io/push-api) as far as a host without a push service has it: messages come from the host program,
// so there is nothing to subscribe to.

import { host, jsonParse } from "./boundary.ts";
import { type Blob, blobFromBytes } from "./blob.ts";
import { utf8Decode, utf8Encode } from "./encoding.ts";
import { ExtendableEvent } from "./extendable-event.ts";
import { isNotification, type Notification } from "./notifications.ts";
import { startOperation } from "./operations.ts";
import { bufferSourceBytes, defineInterface, internal, requireArguments, requireInternal, toDictionary, toUSVString } from "./webidl.ts";

export class PushMessageData {
  #bytes: Uint8Array;

  constructor(token: unknown = undefined, bytes: unknown = undefined) {
    requireInternal(token);
    this.#bytes = bytes as Uint8Array;
  }
  arrayBuffer(): ArrayBuffer {
    return new Uint8Array(this.#bytes).buffer;
  }
  blob(): Blob {
    return blobFromBytes(new Uint8Array(this.#bytes), "");
  }
  bytes(): Uint8Array {
    return new Uint8Array(this.#bytes);
  }
  json(): unknown {
    return jsonParse(utf8Decode(this.#bytes));
  }
  text(): string {
    return utf8Decode(this.#bytes);
  }
}
defineInterface(PushMessageData, "PushMessageData");

export class PushEvent extends ExtendableEvent {
  #data: PushMessageData | null;
  #notification: Notification | null;

  constructor(type: string, init: unknown = undefined) {
    requireArguments(arguments.length, 1, "PushEvent constructor");
    super(type, init);
    const { data, notification } = toDictionary(init, "PushEventInit");
    this.#data = data === undefined || data === null ? null : new PushMessageData(internal, messageBytes(data));
    if (notification !== undefined && notification !== null && !isNotification(notification)) {
      throw new TypeError("PushEvent constructor: init.notification is not a Notification");
    }
    this.#notification = notification ?? null;
  }
  get data(): PushMessageData | null {
    return this.#data;
  }
  get notification(): Notification | null {
    return this.#notification;
  }
}
defineInterface(PushEvent, "PushEvent");

/** "Extract a byte sequence" from the data that a script gives. */
function messageBytes(data: unknown): Uint8Array {
  const bytes = bufferSourceBytes(data);
  return bytes === null ? utf8Encode(toUSVString(data)) : new Uint8Array(bytes);
}

/** The event for a message that the host has delivered. */
export function makePushEvent(data: ArrayBuffer | null): PushEvent {
  return new PushEvent("push", { data });
}

const ENCODINGS: readonly string[] = Object.freeze(["aes128gcm"]);

export class PushManager {
  #ready = true;

  constructor(token: unknown = undefined) {
    requireInternal(token);
  }
  static get supportedContentEncodings(): readonly string[] {
    return ENCODINGS;
  }
  async subscribe(options: unknown = undefined): Promise<never> {
    void this.#ready;
    readOptions(options);
    if ((await permission()) !== "granted") {
      throw new DOMException("PushManager.subscribe: the origin has no permission to show notifications", "NotAllowedError");
    }
    throw new DOMException("PushManager.subscribe: this host has no push service; push messages are delivered by the host program itself", "NotSupportedError");
  }
  async getSubscription(): Promise<null> {
    void this.#ready;
    return null;
  }
  async permissionState(options: unknown = undefined): Promise<unknown> {
    void this.#ready;
    readOptions(options);
    return await permission();
  }
}
defineInterface(PushManager, "PushManager");

/** The options matter to nobody here, but reading them may throw. */
function readOptions(options: unknown): void {
  const { applicationServerKey } = toDictionary(options, "PushSubscriptionOptionsInit");
  if (applicationServerKey !== undefined && applicationServerKey !== null && bufferSourceBytes(applicationServerKey) === null) {
    toUSVString(applicationServerKey);
  }
}

/** Push messages are of use only to who may show something. */
function permission(): Promise<unknown> {
  return startOperation((id) => host.permissionState(id, "notifications"));
}

/** `registration.pushManager`. */
export function makePushManager(): PushManager {
  return new PushManager(internal);
}
