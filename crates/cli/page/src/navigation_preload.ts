// https://w3c.github.io/ServiceWorker/#navigation-preload-manager

import { gateway } from "./gateway.ts";
import { KEY, exposeInterface, finishInterface, requireArguments, requireKey } from "./webidl.ts";

export class NavigationPreloadManager {
  #registration: number;

  constructor(...args: unknown[]) {
    requireKey(args, "NavigationPreloadManager");
    this.#registration = args[1] as number;
  }

  async enable(): Promise<undefined> {
    await gateway().call("navigationPreload.set", { registration: this.#registration, enabled: true, headerValue: null });
  }

  async disable(): Promise<undefined> {
    await gateway().call("navigationPreload.set", { registration: this.#registration, enabled: false, headerValue: null });
  }

  async setHeaderValue(value: unknown): Promise<undefined> {
    const registration = this.#registration;
    requireArguments(arguments.length, 1, "setHeaderValue", "NavigationPreloadManager");
    const headerValue = `${value as string}`;
    if (/[^\x01-\xff]|[\r\n]/.test(headerValue)) {
      throw new TypeError("Failed to execute 'setHeaderValue' on 'NavigationPreloadManager': the value contains a character that a header cannot carry.");
    }
    await gateway().call("navigationPreload.set", { registration, enabled: null, headerValue });
  }

  async getState(): Promise<{ enabled: boolean; headerValue: string }> {
    return await gateway().call("navigationPreload.getState", { registration: this.#registration });
  }
}

/** Makes the manager of a registration. */
export function createNavigationPreloadManager(registration: number): NavigationPreloadManager {
  return new NavigationPreloadManager(KEY, registration);
}

finishInterface(NavigationPreloadManager, "NavigationPreloadManager");
exposeInterface(NavigationPreloadManager, "NavigationPreloadManager");
