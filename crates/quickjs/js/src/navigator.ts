// WorkerLocation and WorkerNavigator.

import { Event, eventState } from "./event.ts";
import { dispatch, type EventTarget } from "./event-target.ts";
import { facts } from "./boundary.ts";
import { type Permissions, permissions } from "./permissions.ts";
import { parseUrl } from "./url.ts";
import { defineInterface, internal, requireInternal } from "./webidl.ts";

type LocationRecord = NonNullable<ReturnType<typeof parseUrl>>;

let locationRecord: LocationRecord | null = null;

/** The parsed URL of the script, made when first asked for. */
function here(): LocationRecord {
  locationRecord ??= parseUrl(facts.scriptUrl);
  if (locationRecord === null) throw new TypeError(`the worker's script URL "${facts.scriptUrl}" is not a valid URL`);
  return locationRecord;
}

export class WorkerLocation {
  #ready = true;
  constructor(token: unknown = undefined) {
    requireInternal(token);
  }
  get href(): string {
    void this.#ready;
    return here().href;
  }
  toString(): string {
    void this.#ready;
    return here().href;
  }
  get origin(): string {
    void this.#ready;
    return here().origin;
  }
  get protocol(): string {
    void this.#ready;
    return here().protocol;
  }
  get host(): string {
    void this.#ready;
    return here().host;
  }
  get hostname(): string {
    void this.#ready;
    return here().hostname;
  }
  get port(): string {
    void this.#ready;
    return here().port;
  }
  get pathname(): string {
    void this.#ready;
    return here().pathname;
  }
  get search(): string {
    void this.#ready;
    return here().search;
  }
  get hash(): string {
    void this.#ready;
    return here().hash;
  }
}
defineInterface(WorkerLocation, "WorkerLocation");

/** `self.location`. */
export const location = new WorkerLocation(internal);

let languages: readonly string[] | null = null;

export class WorkerNavigator {
  #ready = true;
  constructor(token: unknown = undefined) {
    requireInternal(token);
  }
  get appCodeName(): string {
    void this.#ready;
    return "Mozilla";
  }
  get appName(): string {
    void this.#ready;
    return "Netscape";
  }
  get appVersion(): string {
    void this.#ready;
    return facts.userAgent.replace(/^[^/]*\//, "");
  }
  get platform(): string {
    void this.#ready;
    return "";
  }
  get product(): string {
    void this.#ready;
    return "Gecko";
  }
  get userAgent(): string {
    void this.#ready;
    return facts.userAgent;
  }
  get language(): string {
    void this.#ready;
    return facts.language;
  }
  get languages(): readonly string[] {
    void this.#ready;
    languages ??= Object.freeze([facts.language]);
    return languages;
  }
  get onLine(): boolean {
    void this.#ready;
    return facts.onLine;
  }
  get hardwareConcurrency(): number {
    void this.#ready;
    return 1;
  }
  get storage(): object {
    void this.#ready;
    return (require("./caches/index.ts") as typeof import("./caches/index.ts")).storageManager;
  }
  get locks(): object {
    void this.#ready;
    return (require("./locks.ts") as typeof import("./locks.ts")).locks;
  }
  get permissions(): Permissions {
    void this.#ready;
    return permissions;
  }
}
defineInterface(WorkerNavigator, "WorkerNavigator");

/** `self.navigator`. */
export const navigator = new WorkerNavigator(internal);

/** The `onLineChanged` hook. */
export function onLineChanged(onLine: boolean): void {
  if (facts.onLine === onLine) return;
  facts.onLine = onLine;
  const event = new Event(onLine ? "online" : "offline");
  eventState(event).trusted = true;
  dispatch(globalThis as unknown as EventTarget, event);
}
