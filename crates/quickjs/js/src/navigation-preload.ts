// NavigationPreloadManager (service worker specification, section 3.5).

import { host, jsonParse } from "./boundary.ts";
import { startOperation } from "./operations.ts";
import { defineInterface, requireArguments, requireInternal, toByteString } from "./webidl.ts";

export class NavigationPreloadManager {
  #brand = true;

  constructor(token: unknown = undefined) {
    requireInternal(token);
  }
  async enable(): Promise<undefined> {
    void this.#brand;
    await startOperation((id) => host.navigationPreloadSet(id, true, null));
    return undefined;
  }
  async disable(): Promise<undefined> {
    void this.#brand;
    await startOperation((id) => host.navigationPreloadSet(id, false, null));
    return undefined;
  }
  async setHeaderValue(value: string): Promise<undefined> {
    void this.#brand;
    requireArguments(arguments.length, 1, "NavigationPreloadManager.setHeaderValue");
    const text = toByteString(value, "NavigationPreloadManager.setHeaderValue");
    if (/[\0\r\n]/.test(text)) throw new TypeError("NavigationPreloadManager.setHeaderValue: the value contains a character that a header cannot carry");
    await startOperation((id) => host.navigationPreloadSet(id, null, text));
    return undefined;
  }
  async getState(): Promise<{ enabled: boolean; headerValue: string }> {
    void this.#brand;
    const { enabled, headerValue } = jsonParse(host.navigationPreloadState()) as { enabled: boolean; headerValue: string };
    return { enabled, headerValue };
  }
}
defineInterface(NavigationPreloadManager, "NavigationPreloadManager");
