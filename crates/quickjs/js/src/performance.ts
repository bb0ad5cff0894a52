// Performance (High Resolution Time).

import { host } from "./boundary.ts";
import { EventTarget } from "./event-target.ts";
import { defineInterface, internal, requireInternal } from "./webidl.ts";

const timeOrigin = Date.now() - host.now();

export class Performance extends EventTarget {
  #ready = true;
  constructor(token: unknown = undefined) {
    requireInternal(token);
    super();
  }
  get timeOrigin(): number {
    void this.#ready;
    return timeOrigin;
  }
  now(): number {
    void this.#ready;
    return host.now();
  }
  toJSON(): { timeOrigin: number } {
    void this.#ready;
    return { timeOrigin };
  }
}
defineInterface(Performance, "Performance");

/** `self.performance`. */
export const performance = new Performance(internal);
