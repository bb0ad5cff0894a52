// https://wicg.github.io/background-sync/spec/#sync-manager-interface

import { gateway } from "./gateway.ts";
import { KEY, exposeInterface, finishInterface, fromUnits, requireKey, toUnits } from "./webidl.ts";

export class SyncManager {
  #registration: number;

  constructor(...args: unknown[]) {
    requireKey(args, "SyncManager");
    this.#registration = args[1] as number;
  }

  /** All errors, those of the arguments included, are rejections (R11). */
  async register(tag: string): Promise<undefined> {
    const registration = this.#registration;
    if (arguments.length === 0) {
      throw new TypeError("Failed to execute 'register' on 'SyncManager': 1 argument required, but only 0 present.");
    }
    await gateway().call("sync.register", { registration, tag: toUnits(`${tag}`) });
    return undefined;
  }

  async getTags(): Promise<string[]> {
    const tags = await gateway().call("sync.getTags", { registration: this.#registration });
    return tags.map(fromUnits);
  }
}

/** Makes the manager of a registration. */
export function createSyncManager(registration: number): SyncManager {
  return new SyncManager(KEY, registration);
}

finishInterface(SyncManager, "SyncManager");
exposeInterface(SyncManager, "SyncManager");
