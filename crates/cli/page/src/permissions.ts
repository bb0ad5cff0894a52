// `navigator.permissions.query` for the two sync permissions, which the host decides (R134); the browser answers for all
// other names. A browser without these names would reject, and one with them would tell of its own, unused Background Sync.

import type { PermissionName } from "../protocol";
import { gateway } from "./gateway.ts";
import { HandlerAttribute } from "./webidl.ts";

const NAMES: readonly string[] = ["background-sync", "periodic-background-sync"] satisfies PermissionName[];

/** Status objects that follow the permissions; the oldest are let go first, because a script may ask for ever. */
const STATUSES_MAX = 256;

interface Status {
  name: PermissionName;
  state: PermissionState;
  target: EventTarget;
}

const statuses: Status[] = [];

/** Replaces `query` of the browser. */
export function answerPermissionQueries(): void {
  const prototype = globalThis.Permissions?.prototype as Permissions | undefined;
  if (prototype === undefined) return;
  const browserQuery = prototype.query;
  const replacement = {
    async query(this: Permissions, descriptor: unknown): Promise<unknown> {
      if (this !== navigator.permissions) throw new TypeError("Illegal invocation");
      // The descriptor is read once here and once by the browser, as conversions have no other effect.
      const name = typeof descriptor === "object" && descriptor !== null ? (descriptor as { name?: unknown }).name : undefined;
      if (arguments.length === 0 || typeof name !== "string" || !NAMES.includes(name)) {
        return await Reflect.apply(browserQuery, this, arguments as unknown as [PermissionDescriptor]);
      }
      const known = name as PermissionName;
      return makeStatus(known, await gateway().call("permissionState", { name: known }));
    },
  };
  Object.defineProperty(prototype, "query", {
    value: replacement.query,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

/** The host has changed a permission: every status object follows, and then says so. */
export function permissionChanged(name: PermissionName, state: PermissionState): void {
  const changed = statuses.filter((status) => status.name === name && status.state !== state);
  for (const status of changed) status.state = state;
  for (const status of changed) status.target.dispatchEvent(new Event("change"));
}

/** After the connection was lost, changes may have been missed: asks again for what is followed. */
export function refreshPermissions(): void {
  for (const name of new Set(statuses.map((status) => status.name))) {
    gateway()
      .call("permissionState", { name })
      .then((state) => permissionChanged(name, state))
      // The connection was lost again: the next one asks again.
      .catch(() => {});
  }
}

/**
 * A PermissionStatus. The browser gives nobody its constructor, so this is an EventTarget with the browser's prototype and
 * own attributes before it.
 */
function makeStatus(name: PermissionName, state: PermissionState): EventTarget {
  const target = new EventTarget();
  const status: Status = { name, state, target };
  const onchange = new HandlerAttribute(target, "change");
  Object.setPrototypeOf(target, PermissionStatus.prototype);
  Object.defineProperties(target, {
    name: { get: () => status.name, enumerable: true, configurable: true },
    state: { get: () => status.state, enumerable: true, configurable: true },
    onchange: {
      get: () => onchange.value,
      set: (handler: unknown) => {
        onchange.value = handler;
      },
      enumerable: true,
      configurable: true,
    },
  });
  if (statuses.length >= STATUSES_MAX) statuses.shift();
  statuses.push(status);
  return target;
}
