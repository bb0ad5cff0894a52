// The registration objects of the older explainer, which the host may switch on (R224-R232).

import type { NetworkState, PowerState, SyncRecord } from "../../../quickjs/js/src/sync-options.ts";
import type { SyncRecordInfo } from "../protocol";
import { extensions } from "./extensions.ts";
import { gateway } from "./gateway.ts";
import { KEY, exposeInterface, finishInterface, fromUnits, requireKey, toUnits } from "./webidl.ts";

export class SyncRegistration {
  #registration: number;
  #record: SyncRecord;

  constructor(...args: unknown[]) {
    requireKey(args, "SyncRegistration");
    this.#registration = args[1] as number;
    this.#record = args[2] as SyncRecord;
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
    return await removeEntry(this.#registration, "sync.unregister", this.#record.tag);
  }
}

export class PeriodicSyncRegistration {
  #registration: number;
  #record: SyncRecord;

  constructor(...args: unknown[]) {
    requireKey(args, "PeriodicSyncRegistration");
    this.#registration = args[1] as number;
    this.#record = args[2] as SyncRecord;
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

  async unregister(): Promise<boolean> {
    return await removeEntry(this.#registration, "periodicSync.unregister", this.#record.tag);
  }
}

export function createSyncRegistration(registration: number, record: SyncRecord): SyncRegistration {
  return new SyncRegistration(KEY, registration, record);
}

export function createPeriodicSyncRegistration(registration: number, record: SyncRecord): PeriodicSyncRegistration {
  return new PeriodicSyncRegistration(KEY, registration, record);
}

/** An entry as the gateway tells of it. */
export function fromRecord(record: SyncRecordInfo): SyncRecord {
  return { ...record, tag: fromUnits(record.tag) };
}

/** Removes an entry; true if there was one. */
export async function removeEntry(registration: number, method: "sync.unregister" | "periodicSync.unregister", tag: string): Promise<boolean> {
  return await gateway().call(method, { registration, tag: toUnits(tag) });
}

finishInterface(SyncRegistration, "SyncRegistration");
finishInterface(PeriodicSyncRegistration, "PeriodicSyncRegistration");
if (extensions.explainerOptions) {
  exposeInterface(SyncRegistration, "SyncRegistration");
  exposeInterface(PeriodicSyncRegistration, "PeriodicSyncRegistration");
}
