// Performance (High Resolution Time; what it has of User Timing is in user-timing.ts).

import { host } from "./boundary.ts";
import { EventTarget } from "./event-target.ts";
import { defineInterface, internal, requireArguments, requireInternal } from "./webidl.ts";

const timeOrigin = Date.now() - host.now();

const userTiming = (): typeof import("./user-timing.ts") => require("./user-timing.ts") as typeof import("./user-timing.ts");

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
  mark(markName: unknown, options: unknown = undefined): object {
    void this.#ready;
    return userTiming().mark(arguments.length, markName, options);
  }
  measure(measureName: unknown, startOrOptions: unknown = undefined, endMark: unknown = undefined): object {
    void this.#ready;
    return userTiming().measure(arguments.length, measureName, startOrOptions, endMark);
  }
  clearMarks(markName: unknown = undefined): void {
    void this.#ready;
    userTiming().clear("mark", markName);
  }
  clearMeasures(measureName: unknown = undefined): void {
    void this.#ready;
    userTiming().clear("measure", measureName);
  }
  getEntries(): object[] {
    void this.#ready;
    return userTiming().entries();
  }
  getEntriesByType(type: unknown): object[] {
    void this.#ready;
    requireArguments(arguments.length, 1, "Performance.getEntriesByType");
    return userTiming().entriesByType(type);
  }
  getEntriesByName(name: unknown, type: unknown = undefined): object[] {
    void this.#ready;
    requireArguments(arguments.length, 1, "Performance.getEntriesByName");
    return userTiming().entriesByName(name, type);
  }
  toJSON(): { timeOrigin: number } {
    void this.#ready;
    return { timeOrigin };
  }
}
defineInterface(Performance, "Performance");

/** `self.performance`. */
export const performance = new Performance(internal);
