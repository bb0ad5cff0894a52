// ServiceWorkerRegistration and ServiceWorker as the worker itself sees them (service worker specification, 3.1 and 3.2).

import { Event, eventState } from "./event.ts";
import { defineEventHandlers, dispatch, EventTarget } from "./event-target.ts";
import { facts, host, jsonParse } from "./boundary.ts";
import { NavigationPreloadManager } from "./navigation-preload.ts";
import type { Notification } from "./notifications.ts";
import { startOperation } from "./operations.ts";
import type { PushManager } from "./push.ts";
import { serializeForElsewhere } from "./structured-clone.ts";
import { PeriodicSyncManager, SyncManager } from "./sync-manager.ts";
import { defineInterface, internal, requireArguments, requireInternal } from "./webidl.ts";

/** One worker as the host tells of it. */
export interface WorkerRecord {
  id: number;
  scriptUrl: string;
  state: "parsed" | "installing" | "installed" | "activating" | "activated" | "redundant";
}

interface RegistrationRecord {
  installing: WorkerRecord | null;
  waiting: WorkerRecord | null;
  active: WorkerRecord | null;
  updateViaCache?: "imports" | "all" | "none";
}

let workerRecord: (worker: ServiceWorker) => WorkerRecord;

export class ServiceWorker extends EventTarget {
  #record: WorkerRecord;
  static {
    workerRecord = (worker) => worker.#record;
  }
  constructor(token: unknown = undefined, record: unknown = undefined) {
    requireInternal(token);
    super();
    this.#record = record as WorkerRecord;
  }
  get scriptURL(): string {
    return this.#record.scriptUrl;
  }
  get state(): string {
    return this.#record.state;
  }
  postMessage(message: unknown, options: unknown = undefined): void {
    const { id } = this.#record;
    requireArguments(arguments.length, 1, "ServiceWorker.postMessage");
    const [text, ports] = serializeForElsewhere(message, options);
    host.postMessageToWorker(id, text, ports);
  }
}
defineInterface(ServiceWorker, "ServiceWorker");
defineEventHandlers(ServiceWorker.prototype, ["statechange", "error"]);

const workers = new Map<number, ServiceWorker>();

/** The one object for a worker; its record is brought up to date and `statechange` fired if the state differs. */
export function workerObject(record: WorkerRecord): ServiceWorker {
  const existing = workers.get(record.id);
  if (existing === undefined) {
    const worker = new ServiceWorker(internal, { ...record });
    workers.set(record.id, worker);
    return worker;
  }
  setState(existing, record.state);
  return existing;
}

function setState(worker: ServiceWorker, state: WorkerRecord["state"]): void {
  const own = workerRecord(worker);
  if (own.state === state) return;
  own.state = state;
  fire(worker, "statechange");
}

function fire(target: EventTarget, type: string): void {
  const event = new Event(type);
  eventState(event).trusted = true;
  dispatch(target, event);
}

function readRecord(): RegistrationRecord {
  return jsonParse(host.registrationState()) as RegistrationRecord;
}

export class ServiceWorkerRegistration extends EventTarget {
  #sync: SyncManager | null = null;
  #periodicSync: PeriodicSyncManager | null = null;
  #navigationPreload: NavigationPreloadManager | null = null;
  #pushManager: PushManager | null = null;

  constructor(token: unknown = undefined) {
    requireInternal(token);
    super();
  }
  get installing(): ServiceWorker | null {
    void this.#sync;
    const { installing } = readRecord();
    return installing === null ? null : workerObject(installing);
  }
  get waiting(): ServiceWorker | null {
    void this.#sync;
    const { waiting } = readRecord();
    return waiting === null ? null : workerObject(waiting);
  }
  get active(): ServiceWorker | null {
    void this.#sync;
    const { active } = readRecord();
    return active === null ? null : workerObject(active);
  }
  get scope(): string {
    void this.#sync;
    return facts.scope;
  }
  get updateViaCache(): string {
    void this.#sync;
    return readRecord().updateViaCache ?? "imports";
  }
  async update(): Promise<ServiceWorkerRegistration> {
    void this.#sync;
    await startOperation((id) => host.registrationUpdate(id));
    return this;
  }
  async unregister(): Promise<boolean> {
    void this.#sync;
    return Boolean(await startOperation((id) => host.registrationUnregister(id)));
  }
  get navigationPreload(): NavigationPreloadManager {
    this.#navigationPreload ??= new NavigationPreloadManager(internal);
    return this.#navigationPreload;
  }
  async showNotification(title: string, options: unknown = undefined): Promise<undefined> {
    void this.#sync;
    requireArguments(arguments.length, 1, "ServiceWorkerRegistration.showNotification");
    return await (require("./notifications.ts") as typeof import("./notifications.ts")).showNotification(title, options);
  }
  async getNotifications(filter: unknown = undefined): Promise<Notification[]> {
    void this.#sync;
    return (require("./notifications.ts") as typeof import("./notifications.ts")).getNotifications(filter);
  }
  get pushManager(): PushManager {
    this.#pushManager ??= (require("./push.ts") as typeof import("./push.ts")).makePushManager();
    return this.#pushManager;
  }
  /** R3: the same object on every read. */
  get sync(): SyncManager {
    this.#sync ??= new SyncManager(internal);
    return this.#sync;
  }
  /** R4: the same object on every read. */
  get periodicSync(): PeriodicSyncManager {
    this.#periodicSync ??= new PeriodicSyncManager(internal);
    return this.#periodicSync;
  }
}
defineInterface(ServiceWorkerRegistration, "ServiceWorkerRegistration");
defineEventHandlers(ServiceWorkerRegistration.prototype, ["updatefound"]);

/** `self.registration`. */
export const registration = new ServiceWorkerRegistration(internal);

/** `self.serviceWorker`: this worker. */
export function ownWorker(): ServiceWorker {
  const record = readRecord();
  const own = [record.installing, record.waiting, record.active].find((worker) => worker?.id === facts.workerId);
  if (own !== undefined && own !== null) return workerObject(own);
  // While the script is evaluated for the first time the registration does not know the worker yet.
  return workers.get(facts.workerId) ?? workerObject({ id: facts.workerId, scriptUrl: facts.scriptUrl, state: "parsed" });
}

let lastInstalling: number | null = null;

/** The `registrationChanged` hook. */
export function registrationChanged(state: string): void {
  const record = jsonParse(state) as RegistrationRecord;
  const present = new Set<number>();
  for (const worker of [record.installing, record.waiting, record.active]) {
    if (worker === null) continue;
    present.add(worker.id);
    const object = workers.get(worker.id);
    if (object !== undefined) setState(object, worker.state);
  }
  for (const [id, worker] of workers) {
    if (!present.has(id)) setState(worker, "redundant");
  }
  const installing = record.installing?.id ?? null;
  const isNew = installing !== null && installing !== lastInstalling && installing !== facts.workerId;
  lastInstalling = installing;
  if (isNew) fire(registration, "updatefound");
}
