// IDBVersionChangeEvent (Indexed Database API 3.0, "Event interfaces").

import { Event } from "../event.ts";
import { defineInterface, requireArguments, toDictionary } from "../webidl.ts";

export class IDBVersionChangeEvent extends Event {
  #oldVersion: number;
  #newVersion: number | null;
  constructor(type: string, init: unknown = undefined) {
    requireArguments(arguments.length, 1, "IDBVersionChangeEvent constructor");
    super(type, init);
    const members = toDictionary(init, "IDBVersionChangeEventInit");
    this.#oldVersion = Number(members.oldVersion ?? 0);
    this.#newVersion = members.newVersion === undefined || members.newVersion === null ? null : Number(members.newVersion);
  }
  get oldVersion(): number {
    return this.#oldVersion;
  }
  get newVersion(): number | null {
    return this.#newVersion;
  }
}
defineInterface(IDBVersionChangeEvent, "IDBVersionChangeEvent");
