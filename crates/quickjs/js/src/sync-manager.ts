// SyncManager and PeriodicSyncManager (background sync and periodic background sync specifications; spec.md 1.2, 2.2),
// with the members that a host may add: those of the older explainer (R232, R233) and `sync.unregister` (R246).

import { host, jsonStringify } from "./boundary.ts";
import { startOperation } from "./operations.ts";
import { extensions } from "./sync-extensions.ts";
import { explainerOneShot, explainerPeriodic, isExplainerDictionary, oneShotOptions, periodicOptions, type SyncOptions } from "./sync-options.ts";
import { findEntries, oneShotRegistration, periodicRegistration, type PeriodicSyncRegistration, removeEntry, type SyncRegistration } from "./sync-registration.ts";
import { defineInterface, requireArguments, requireInternal, toDOMString, withholdMembers } from "./webidl.ts";

// The methods are async, so that a missing or inconvertible argument rejects instead of throwing (R11). Tags cross the
// boundary as JSON text, which keeps lone surrogates (R12).

export class SyncManager {
  // Private state only for the brand check.
  #registered = true;

  constructor(token: unknown = undefined) {
    requireInternal(token);
  }

  async register(tag: unknown): Promise<unknown> {
    void this.#registered;
    requireArguments(arguments.length, 1, "SyncManager.register");
    if (isExplainerDictionary(extensions, tag)) {
      const given = explainerOneShot(extensions, tag);
      await registerOneShot(given.tag, given.options);
      return oneShotRegistration({ tag: given.tag, ...given.options });
    }
    const text = toDOMString(tag);
    await registerOneShot(text, oneShotOptions(extensions, arguments[1]));
    return undefined;
  }

  /** R39, R42. */
  async getTags(): Promise<string[]> {
    void this.#registered;
    return (await startOperation((id) => host.syncGetTags(id, "sync"))) as string[];
  }

  async unregister(tag: unknown): Promise<boolean> {
    void this.#registered;
    requireArguments(arguments.length, 1, "SyncManager.unregister");
    return await removeEntry("sync", toDOMString(tag));
  }

  async getRegistration(tag: unknown): Promise<SyncRegistration | undefined> {
    void this.#registered;
    requireArguments(arguments.length, 1, "SyncManager.getRegistration");
    const wanted = toDOMString(tag);
    const found = (await findEntries("sync")).find((record) => record.tag === wanted);
    return found && oneShotRegistration(found);
  }

  async getRegistrations(): Promise<SyncRegistration[]> {
    void this.#registered;
    return (await findEntries("sync")).map(oneShotRegistration);
  }

  async permissionState(): Promise<string> {
    void this.#registered;
    return (await startOperation((id) => host.permissionState(id, "background-sync"))) as string;
  }
}
defineInterface(SyncManager, "SyncManager");
if (!extensions.syncUnregister) withholdMembers(SyncManager, ["unregister"]);

function registerOneShot(tag: string, options: SyncOptions): Promise<unknown> {
  const texts = [jsonStringify(tag), jsonStringify(options)] as const;
  return startOperation((id) => host.syncRegister(id, ...texts));
}

export class PeriodicSyncManager {
  #registered = true;

  constructor(token: unknown = undefined) {
    requireInternal(token);
  }

  async register(tag: unknown, options: unknown = undefined): Promise<unknown> {
    void this.#registered;
    requireArguments(arguments.length, 1, "PeriodicSyncManager.register");
    if (isExplainerDictionary(extensions, tag)) {
      const given = explainerPeriodic(extensions, tag);
      await registerPeriodic(given.tag, given.options);
      // R225
      return periodicRegistration({ tag: given.tag, ...given.options });
    }
    const text = toDOMString(tag);
    await registerPeriodic(text, periodicOptions(extensions, options));
    return undefined;
  }

  /** R40, R42. */
  async getTags(): Promise<string[]> {
    void this.#registered;
    return (await startOperation((id) => host.syncGetTags(id, "periodicsync"))) as string[];
  }

  /** R44, R45. */
  async unregister(tag: unknown): Promise<undefined> {
    void this.#registered;
    requireArguments(arguments.length, 1, "PeriodicSyncManager.unregister");
    await removeEntry("periodicsync", toDOMString(tag));
    return undefined;
  }

  async getRegistration(tag: unknown): Promise<PeriodicSyncRegistration | undefined> {
    void this.#registered;
    requireArguments(arguments.length, 1, "PeriodicSyncManager.getRegistration");
    const wanted = toDOMString(tag);
    const found = (await findEntries("periodicsync")).find((record) => record.tag === wanted);
    return found && periodicRegistration(found);
  }

  async getRegistrations(): Promise<PeriodicSyncRegistration[]> {
    void this.#registered;
    return (await findEntries("periodicsync")).map(periodicRegistration);
  }

  async permissionState(): Promise<string> {
    void this.#registered;
    return (await startOperation((id) => host.permissionState(id, "periodic-background-sync"))) as string;
  }
}
defineInterface(PeriodicSyncManager, "PeriodicSyncManager");

if (!extensions.explainerOptions) {
  for (const manager of [SyncManager, PeriodicSyncManager]) withholdMembers(manager, ["getRegistration", "getRegistrations", "permissionState"]);
}

function registerPeriodic(tag: string, options: SyncOptions): Promise<unknown> {
  const texts = [jsonStringify(tag), jsonStringify(options)] as const;
  return startOperation((id) => host.periodicSyncRegister(id, ...texts));
}
