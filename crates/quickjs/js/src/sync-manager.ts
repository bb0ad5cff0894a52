// SyncManager (background sync specification; spec.md 1.2).

import { host, jsonStringify } from "./boundary.ts";
import { startOperation } from "./operations.ts";
import { defineInterface, requireArguments, requireInternal, toDOMString } from "./webidl.ts";

export class SyncManager {
  // Private state only for the brand check.
  #registered = true;

  constructor(token: unknown = undefined) {
    requireInternal(token);
  }

  /** Async, so that a missing or inconvertible argument rejects instead of throwing (R11). */
  async register(tag: string): Promise<undefined> {
    void this.#registered;
    requireArguments(arguments.length, 1, "SyncManager.register");
    // R12: JSON text keeps lone surrogates.
    const text = jsonStringify(toDOMString(tag));
    await startOperation((id) => host.syncRegister(id, text));
    return undefined;
  }

  /** R39, R42. */
  async getTags(): Promise<string[]> {
    void this.#registered;
    return (await startOperation((id) => host.syncGetTags(id))) as string[];
  }
}
defineInterface(SyncManager, "SyncManager");
