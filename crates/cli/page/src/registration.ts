// https://w3c.github.io/ServiceWorker/#serviceworkerregistration-interface

import type { RegistrationInfo, WorkerInfo } from "../protocol";
import { extensions } from "./extensions.ts";
import { gateway } from "./gateway.ts";
import { createNavigationPreloadManager, type NavigationPreloadManager } from "./navigation_preload.ts";
import { registrationFor, workerFor } from "./objects.ts";
import type { ServiceWorker } from "./service_worker.ts";
import { createPeriodicSyncManager, createSyncManager, type PeriodicSyncManager, type SyncManager } from "./sync_manager.ts";
import { HandlerAttribute, KEY, exposeInterface, finishInterface, requireKey, withholdMembers } from "./webidl.ts";

/** Gives a registration object its new workers; fires nothing. */
export let setRegistrationInfo: (registration: ServiceWorkerRegistration, info: RegistrationInfo) => void;

export class ServiceWorkerRegistration extends EventTarget {
  #info: RegistrationInfo;
  #sync: SyncManager | null = null;
  #periodicSync: PeriodicSyncManager | null = null;
  #navigationPreload: NavigationPreloadManager | null = null;
  #onupdatefound = new HandlerAttribute(this, "updatefound");
  #onsyncdone = new HandlerAttribute(this, "syncdone");

  constructor(...args: unknown[]) {
    requireKey(args, "ServiceWorkerRegistration");
    super();
    this.#info = args[1] as RegistrationInfo;
  }

  get installing(): ServiceWorker | null {
    return this.#worker(this.#info.installing);
  }

  get waiting(): ServiceWorker | null {
    return this.#worker(this.#info.waiting);
  }

  get active(): ServiceWorker | null {
    return this.#worker(this.#info.active);
  }

  get scope(): string {
    return this.#info.scope;
  }

  get updateViaCache(): "imports" | "all" | "none" {
    return this.#info.updateViaCache;
  }

  get sync(): SyncManager {
    // R3
    return (this.#sync ??= createSyncManager(this.#info.id));
  }

  get periodicSync(): PeriodicSyncManager {
    // R4
    return (this.#periodicSync ??= createPeriodicSyncManager(this.#info.id));
  }

  get navigationPreload(): NavigationPreloadManager {
    return (this.#navigationPreload ??= createNavigationPreloadManager(this.#info.id));
  }

  async update(): Promise<ServiceWorkerRegistration> {
    return registrationFor(await gateway().call("update", { registration: this.#info.id }), true);
  }

  async unregister(): Promise<boolean> {
    return await gateway().call("unregister", { registration: this.#info.id });
  }

  get onupdatefound(): EventListener | null {
    return this.#onupdatefound.value;
  }

  set onupdatefound(handler: unknown) {
    this.#onupdatefound.value = handler;
  }

  get onsyncdone(): EventListener | null {
    return this.#onsyncdone.value;
  }

  set onsyncdone(handler: unknown) {
    this.#onsyncdone.value = handler;
  }

  #worker(info: WorkerInfo | null): ServiceWorker | null {
    return info === null ? null : workerFor(info);
  }

  static {
    setRegistrationInfo = (registration, info) => {
      registration.#info = info;
    };
  }
}

/** Makes the object for a registration. */
export function createRegistration(info: RegistrationInfo): ServiceWorkerRegistration {
  return new ServiceWorkerRegistration(KEY, info);
}

finishInterface(ServiceWorkerRegistration, "ServiceWorkerRegistration");
// R223, R248
if (!extensions.syncDone) withholdMembers(ServiceWorkerRegistration, ["onsyncdone"]);
exposeInterface(ServiceWorkerRegistration, "ServiceWorkerRegistration");
