// https://wicg.github.io/background-sync/spec/#sync-manager-interface and
// https://wicg.github.io/periodic-background-sync/#periodicsyncmanager-interface, with what the host may add.

import {
  explainerOneShot,
  explainerPeriodic,
  isExplainerDictionary,
  oneShotOptions,
  periodicOptions,
  type SyncOptions,
} from "../../../quickjs/js/src/sync-options.ts";
import { extensions } from "./extensions.ts";
import { refuseInFencedFrame } from "./fenced_frame.ts";
import { gateway } from "./gateway.ts";
import {
  createPeriodicSyncRegistration,
  createSyncRegistration,
  fromRecord,
  type PeriodicSyncRegistration,
  removeEntry,
  type SyncRegistration,
} from "./sync_registration.ts";
import { KEY, exposeInterface, finishInterface, fromUnits, requireArguments, requireKey, toUnits, withholdMembers } from "./webidl.ts";

// All methods are async: errors, those of the arguments included, are rejections (R11).

export class SyncManager {
  #registration: number;

  constructor(...args: unknown[]) {
    requireKey(args, "SyncManager");
    this.#registration = args[1] as number;
  }

  async register(tag: unknown): Promise<SyncRegistration | undefined> {
    const registration = this.#registration;
    requireArguments(arguments.length, 1, "register", "SyncManager");
    if (isExplainerDictionary(extensions, tag)) {
      const given = explainerOneShot(extensions, tag);
      await registerOneShot(registration, given.tag, given.options);
      return createSyncRegistration(registration, { tag: given.tag, ...given.options });
    }
    const text = `${tag as string}`;
    await registerOneShot(registration, text, oneShotOptions(extensions, arguments[1]));
    return undefined;
  }

  async getTags(): Promise<string[]> {
    const registration = this.#registration;
    refuseInFencedFrame("Background Sync");
    return (await gateway().call("sync.getTags", { registration })).map(fromUnits);
  }

  /** R246 */
  async unregister(tag: unknown): Promise<boolean> {
    const registration = this.#registration;
    requireArguments(arguments.length, 1, "unregister", "SyncManager");
    return await removeEntry(registration, "sync.unregister", `${tag as string}`);
  }

  async getRegistration(tag: unknown): Promise<SyncRegistration | undefined> {
    void this.#registration;
    requireArguments(arguments.length, 1, "getRegistration", "SyncManager");
    const wanted = `${tag as string}`;
    return (await this.getRegistrations()).find((each) => each.tag === wanted);
  }

  async getRegistrations(): Promise<SyncRegistration[]> {
    const registration = this.#registration;
    const records = await gateway().call("sync.getRegistrations", { registration });
    return records.map((record) => createSyncRegistration(registration, fromRecord(record)));
  }

  async permissionState(): Promise<PermissionState> {
    void this.#registration;
    return await gateway().call("permissionState", { name: "background-sync" });
  }
}

async function registerOneShot(registration: number, tag: string, options: SyncOptions): Promise<void> {
  refuseInFencedFrame("Background Sync", "register", "SyncManager");
  await gateway().call("sync.register", { registration, tag: toUnits(tag), options });
}

export class PeriodicSyncManager {
  #registration: number;

  constructor(...args: unknown[]) {
    requireKey(args, "PeriodicSyncManager");
    this.#registration = args[1] as number;
  }

  async register(tag: unknown, options: unknown = undefined): Promise<PeriodicSyncRegistration | undefined> {
    const registration = this.#registration;
    requireArguments(arguments.length, 1, "register", "PeriodicSyncManager");
    if (isExplainerDictionary(extensions, tag)) {
      const given = explainerPeriodic(extensions, tag);
      await registerPeriodic(registration, given.tag, given.options);
      return createPeriodicSyncRegistration(registration, { tag: given.tag, ...given.options });
    }
    const text = `${tag as string}`;
    await registerPeriodic(registration, text, periodicOptions(extensions, options));
    return undefined;
  }

  async getTags(): Promise<string[]> {
    const registration = this.#registration;
    refuseInFencedFrame("Periodic Background Sync");
    return (await gateway().call("periodicSync.getTags", { registration })).map(fromUnits);
  }

  async unregister(tag: unknown): Promise<undefined> {
    const registration = this.#registration;
    requireArguments(arguments.length, 1, "unregister", "PeriodicSyncManager");
    const text = `${tag as string}`;
    refuseInFencedFrame("Periodic Background Sync");
    await removeEntry(registration, "periodicSync.unregister", text);
    return undefined;
  }

  async getRegistration(tag: unknown): Promise<PeriodicSyncRegistration | undefined> {
    void this.#registration;
    requireArguments(arguments.length, 1, "getRegistration", "PeriodicSyncManager");
    const wanted = `${tag as string}`;
    return (await this.getRegistrations()).find((each) => each.tag === wanted);
  }

  async getRegistrations(): Promise<PeriodicSyncRegistration[]> {
    const registration = this.#registration;
    const records = await gateway().call("periodicSync.getRegistrations", { registration });
    return records.map((record) => createPeriodicSyncRegistration(registration, fromRecord(record)));
  }

  async permissionState(): Promise<PermissionState> {
    void this.#registration;
    return await gateway().call("permissionState", { name: "periodic-background-sync" });
  }
}

async function registerPeriodic(registration: number, tag: string, options: SyncOptions): Promise<void> {
  refuseInFencedFrame("Periodic Background Sync", "register", "PeriodicSyncManager");
  await gateway().call("periodicSync.register", { registration, tag: toUnits(tag), options });
}

/** Makes the manager of a registration. */
export function createSyncManager(registration: number): SyncManager {
  return new SyncManager(KEY, registration);
}

/** Makes the periodic manager of a registration. */
export function createPeriodicSyncManager(registration: number): PeriodicSyncManager {
  return new PeriodicSyncManager(KEY, registration);
}

for (const [manager, name] of [[SyncManager, "SyncManager"], [PeriodicSyncManager, "PeriodicSyncManager"]] as const) {
  finishInterface(manager, name);
  // R223
  if (!extensions.explainerOptions) withholdMembers(manager, ["getRegistration", "getRegistrations", "permissionState"]);
  exposeInterface(manager, name);
}
if (!extensions.syncUnregister) withholdMembers(SyncManager, ["unregister"]);
