// The registration objects of the older explainer (spec.md section 3): exposed only if the host switches them on (R223).

import { host, jsonStringify } from "./boundary.ts";
import { startOperation } from "./operations.ts";
import type { NetworkState, PowerState, SyncRecord } from "./sync-options.ts";
import { defineInterface, internal, requireInternal } from "./webidl.ts";

/** The events of the two APIs, by which the host tells them apart. */
export type SyncEventType = "sync" | "periodicsync";

export class SyncRegistration {
  #record: SyncRecord;
  constructor(token: unknown = undefined, record: unknown = undefined) {
    requireInternal(token);
    this.#record = record as SyncRecord;
  }
  get tag(): string {
    return this.#record.tag;
  }
  get powerState(): PowerState {
    return this.#record.powerState;
  }
  get networkState(): NetworkState {
    return this.#record.networkState;
  }
  async unregister(): Promise<boolean> {
    return await removeEntry("sync", this.#record.tag);
  }
}
defineInterface(SyncRegistration, "SyncRegistration");

export class PeriodicSyncRegistration {
  #record: SyncRecord;
  constructor(token: unknown = undefined, record: unknown = undefined) {
    requireInternal(token);
    this.#record = record as SyncRecord;
  }
  get tag(): string {
    return this.#record.tag;
  }
  get minPeriod(): number {
    return this.#record.minInterval ?? 0;
  }
  get powerState(): PowerState {
    return this.#record.powerState;
  }
  get networkState(): NetworkState {
    return this.#record.networkState;
  }
  /** Removes the entry at once; an event that runs goes on, and no retry follows (R46, R231). */
  async unregister(): Promise<boolean> {
    return await removeEntry("periodicsync", this.#record.tag);
  }
}
defineInterface(PeriodicSyncRegistration, "PeriodicSyncRegistration");

export function oneShotRegistration(record: SyncRecord): SyncRegistration {
  return new SyncRegistration(internal, record);
}

export function periodicRegistration(record: SyncRecord): PeriodicSyncRegistration {
  return new PeriodicSyncRegistration(internal, record);
}

/** Removes an entry; true if there was one. */
export async function removeEntry(type: SyncEventType, tag: string): Promise<boolean> {
  const text = jsonStringify(tag);
  return Boolean(await startOperation((id) => host.syncUnregister(id, type, text)));
}

/** All entries of one kind, also those that the final API made (R232). */
export async function findEntries(type: SyncEventType): Promise<SyncRecord[]> {
  return (await startOperation((id) => host.syncRegistrations(id, type))) as SyncRecord[];
}
