// Permissions and PermissionStatus (Permissions specification, sections 6.1 and 6.2; R134).

import { Event, eventState } from "./event.ts";
import { defineEventHandlers, dispatch, EventTarget } from "./event-target.ts";
import { host } from "./boundary.ts";
import { startOperation } from "./operations.ts";
import { defineInterface, internal, requireArguments, requireInternal, toDictionary, toDOMString, toEnumeration } from "./webidl.ts";

type State = "granted" | "denied" | "prompt";

/** The permissions that the engine knows. */
const NAMES = ["background-sync", "periodic-background-sync", "notifications"] as const;

/** Status objects that follow one permission; the oldest are let go first, because a script may ask for ever. */
const STATUSES_MAX = 256;

let setState: (status: PermissionStatus, state: State) => boolean;

export class PermissionStatus extends EventTarget {
  #name: string;
  #state: State;

  static {
    setState = (status, state) => {
      const changed = status.#state !== state;
      status.#state = state;
      return changed;
    };
  }

  constructor(token: unknown = undefined, name: unknown = undefined, state: unknown = undefined) {
    requireInternal(token);
    super();
    this.#name = name as string;
    this.#state = state as State;
  }
  get name(): string {
    return this.#name;
  }
  get state(): State {
    return this.#state;
  }
}
defineInterface(PermissionStatus, "PermissionStatus");
defineEventHandlers(PermissionStatus.prototype, ["change"]);

/** The status objects that follow each permission. They live as long as the worker: their listeners must be heard. */
const following = new Map<string, PermissionStatus[]>();

export class Permissions {
  #ready = true;
  constructor(token: unknown = undefined) {
    requireInternal(token);
  }
  async query(descriptor: unknown): Promise<PermissionStatus> {
    void this.#ready;
    requireArguments(arguments.length, 1, "Permissions.query");
    const { name } = toDictionary(descriptor, "PermissionDescriptor");
    if (name === undefined) throw new TypeError("Permissions.query: the descriptor has no name");
    const known = toEnumeration(toDOMString(name), NAMES, "Permissions.query");
    const state = await startOperation((id) => host.permissionState(id, known));
    const status = new PermissionStatus(internal, known, state);
    const statuses = following.get(known) ?? [];
    following.set(known, statuses);
    if (statuses.length >= STATUSES_MAX) statuses.shift();
    statuses.push(status);
    return status;
  }
}
defineInterface(Permissions, "Permissions");

/** `navigator.permissions`. */
export const permissions = new Permissions(internal);

/** The `permissionChanged` hook: every status object of the permission changes, and then says so. */
export function permissionChanged(name: string, state: State): void {
  const changed = (following.get(name) ?? []).filter((status) => setState(status, state));
  for (const status of changed) {
    const event = new Event("change");
    eventState(event).trusted = true;
    dispatch(status, event);
  }
}
