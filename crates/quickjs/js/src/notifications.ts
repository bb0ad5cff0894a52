// Notifications of a service worker (notifications.spec.whatwg.org): the host shows them and keeps the list.

import { host, jsonParse, jsonStringify, wallNow } from "./boundary.ts";
import { defineEventHandlers, EventTarget } from "./event-target.ts";
import { ExtendableEvent } from "./extendable-event.ts";
import { callHost, startOperation } from "./operations.ts";
import { deserializeForWorker, serializeForPosting } from "./structured-clone.ts";
import { parseRelativeUrl } from "./url.ts";
import { defineInterface, type Dictionary, internal, isObject, requireArguments, toDictionary, toDOMString, toEnumeration, toSequence, toUSVString } from "./webidl.ts";

interface Action {
  action: string;
  title: string;
  navigate?: string;
  icon?: string;
}

/** What the host keeps of a notification. Texts are well formed, because other programs read them. */
interface Options {
  title: string;
  dir: string;
  lang: string;
  body: string;
  navigate: string | null;
  tag: string;
  image: string | null;
  icon: string | null;
  badge: string | null;
  vibrate: number[];
  timestamp: number;
  renotify: boolean;
  silent: boolean | null;
  requireInteraction: boolean;
  actions: Action[];
  /** A structured clone. */
  data: string;
}

/** A notification as the host tells of it. */
interface Shown {
  id: number;
  options: Options;
}

/** Actions that a notification can have. */
const ACTIONS_MAX = 2;
/** Longest pattern, and longest part of one, as in the Vibration API. */
const VIBRATION_LENGTH_MAX = 99;
const VIBRATION_MS_MAX = 10_000;

export let isNotification: (value: unknown) => value is Notification;

export class Notification extends EventTarget {
  #id: number;
  #options: Options;
  #data: unknown;
  #vibrate: readonly number[];
  #actions: readonly Action[];

  static {
    isNotification = (value): value is Notification => isObject(value) && #id in value;
  }

  constructor(title: unknown, options: unknown = undefined) {
    if (title !== internal) {
      requireArguments(arguments.length, 1, "Notification constructor");
      throw new TypeError("Notification constructor: a service worker shows notifications with registration.showNotification()");
    }
    super();
    const shown = options as Shown;
    this.#id = shown.id;
    this.#options = shown.options;
    this.#data = readData(shown.options.data);
    this.#vibrate = Object.freeze(shown.options.vibrate);
    this.#actions = Object.freeze(shown.options.actions);
    for (let i = 0; i < this.#actions.length; i += 1) Object.freeze(this.#actions[i]);
  }

  static get permission(): "default" | "denied" | "granted" {
    const state = host.notificationPermission();
    return state === "prompt" ? "default" : state;
  }
  static get maxActions(): number {
    return ACTIONS_MAX;
  }
  get title(): string {
    return this.#options.title;
  }
  get dir(): string {
    return this.#options.dir;
  }
  get lang(): string {
    return this.#options.lang;
  }
  get body(): string {
    return this.#options.body;
  }
  get navigate(): string {
    return this.#options.navigate ?? "";
  }
  get tag(): string {
    return this.#options.tag;
  }
  get image(): string {
    return this.#options.image ?? "";
  }
  get icon(): string {
    return this.#options.icon ?? "";
  }
  get badge(): string {
    return this.#options.badge ?? "";
  }
  get vibrate(): readonly number[] {
    return this.#vibrate;
  }
  get timestamp(): number {
    return this.#options.timestamp;
  }
  get renotify(): boolean {
    return this.#options.renotify;
  }
  get silent(): boolean | null {
    return this.#options.silent;
  }
  get requireInteraction(): boolean {
    return this.#options.requireInteraction;
  }
  get data(): unknown {
    return this.#data;
  }
  get actions(): readonly Action[] {
    return this.#actions;
  }
  close(): void {
    const id = this.#id;
    callHost(() => host.notificationClose(id));
  }
}
defineInterface(Notification, "Notification");
defineEventHandlers(Notification.prototype, ["click", "show", "error", "close"]);

/** Data that cannot be read any more is null, as the standard says. */
function readData(data: string): unknown {
  try {
    return deserializeForWorker(data);
  } catch {
    return null;
  }
}

export class NotificationEvent extends ExtendableEvent {
  #notification: Notification;
  #action: string;

  constructor(type: string, init: unknown) {
    requireArguments(arguments.length, 2, "NotificationEvent constructor");
    super(type, init);
    const { action, notification } = toDictionary(init, "NotificationEventInit");
    this.#action = action === undefined ? "" : toDOMString(action);
    if (!isNotification(notification)) throw new TypeError("NotificationEvent constructor: init.notification is not a Notification");
    this.#notification = notification;
  }
  get notification(): Notification {
    return this.#notification;
  }
  get action(): string {
    return this.#action;
  }
}
defineInterface(NotificationEvent, "NotificationEvent");

/** The event for what a person did with a notification. */
export function makeNotificationEvent(type: string, init: Dictionary): NotificationEvent {
  return new NotificationEvent(type, { notification: new Notification(internal, init.notification), action: init.action });
}

/** The steps of `registration.showNotification()`. */
export async function showNotification(title: unknown, given: unknown): Promise<undefined> {
  const options = readOptions(toUSVString(title), toDictionary(given, "NotificationOptions"));
  if ((await startOperation((id) => host.permissionState(id, "notifications"))) !== "granted") {
    throw new TypeError("showNotification: the origin has no permission to show notifications");
  }
  callHost(() => host.notificationShow(jsonStringify(options)));
  return undefined;
}

/** The steps of `registration.getNotifications()`. */
export function getNotifications(filter: unknown): Notification[] {
  const { tag } = toDictionary(filter, "GetNotificationOptions");
  const wanted = tag === undefined ? "" : toUSVString(tag);
  const shown = jsonParse(host.notificationList()) as Shown[];
  const found: Notification[] = [];
  for (let i = 0; i < shown.length; i += 1) {
    const each = shown[i] as Shown;
    if (wanted === "" || each.options.tag === wanted) found[found.length] = new Notification(internal, each);
  }
  return found;
}

/** "Create a notification": the members of the dictionary in the order of their names, as Web IDL has it. */
function readOptions(title: string, given: Dictionary): Options {
  const actions = given.actions === undefined ? [] : toSequence(given.actions, readAction, "NotificationOptions.actions");
  const text = (value: unknown): string => (value === undefined ? "" : toUSVString(value));
  const badge = readUrl(given.badge);
  const body = text(given.body);
  const { data = null } = given;
  const dir = given.dir === undefined ? "auto" : toEnumeration(given.dir, ["auto", "ltr", "rtl"], "NotificationOptions.dir");
  const icon = readUrl(given.icon);
  const image = readUrl(given.image);
  const lang = text(given.lang);
  const navigate = readUrl(given.navigate);
  const renotify = Boolean(given.renotify);
  const requireInteraction = Boolean(given.requireInteraction);
  const silent = given.silent === undefined || given.silent === null ? null : Boolean(given.silent);
  const tag = text(given.tag);
  const timestamp = given.timestamp === undefined ? wallNow() : toUnsignedLongLong(given.timestamp);
  const vibrates = given.vibrate !== undefined;
  const vibrate = vibrates ? readVibration(given.vibrate) : [];
  if (silent === true && vibrates) throw new TypeError("showNotification: a silent notification cannot vibrate");
  if (renotify && tag === "") throw new TypeError("showNotification: `renotify` needs a tag");
  actions.length = Math.min(actions.length, ACTIONS_MAX);
  return {
    title, dir, lang, body, navigate, tag, image, icon, badge, vibrate, timestamp, renotify, silent, requireInteraction, actions,
    data: serializeForPosting(data, undefined),
  };
}

function readAction(value: unknown): Action {
  const given = toDictionary(value, "NotificationAction");
  const need = (member: "action" | "title"): string => {
    const found = given[member];
    if (found === undefined) throw new TypeError(`NotificationAction.${member} is required`);
    return toUSVString(found);
  };
  const action = need("action");
  const icon = readUrl(given.icon);
  const navigate = readUrl(given.navigate);
  const title = need("title");
  return { action, title, ...(navigate === null ? {} : { navigate }), ...(icon === null ? {} : { icon }) };
}

/** A URL relative to the script's; one that cannot be parsed counts as absent. */
function readUrl(value: unknown): string | null {
  if (value === undefined) return null;
  return parseRelativeUrl(toUSVString(value))?.href ?? null;
}

/** `unsigned long long`, which wraps around. */
function toUnsignedLongLong(value: unknown): number {
  const integer = Math.trunc(+(value as number));
  if (!Number.isFinite(integer)) return 0;
  const modulus = 2 ** 64;
  const rest = integer % modulus;
  return rest < 0 ? rest + modulus : rest;
}

/** "Validate and normalize" of the Vibration API. */
function readVibration(value: unknown): number[] {
  const parts = isObject(value) ? toSequence(value, (part) => Number(part as number) >>> 0, "NotificationOptions.vibrate") : [Number(value as number) >>> 0];
  parts.length = Math.min(parts.length, VIBRATION_LENGTH_MAX);
  if (parts.length % 2 === 0 && parts.length > 0) parts.length -= 1;
  for (let i = 0; i < parts.length; i += 1) parts[i] = Math.min(parts[i] as number, VIBRATION_MS_MAX);
  return parts;
}
