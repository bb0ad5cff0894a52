// What `register` of both managers takes beside the tag (spec.md sections 2.2 and 3). Without the extensions of the
// host only `minInterval` is ever read (R223). Worker and page script share this file.

import { type Dictionary, isObject, toDictionary, toDOMString, toEnforcedInteger, toEnumeration } from "./conversions.ts";

const POWER_STATES = ["auto", "avoid-draining"] as const;
const NETWORK_STATES = ["online", "avoid-cellular", "any"] as const;

export type PowerState = (typeof POWER_STATES)[number];
export type NetworkState = (typeof NETWORK_STATES)[number];

/** What the host is told of a registration; also how it tells of one. */
export interface SyncOptions {
  minInterval?: number;
  powerState: PowerState;
  networkState: NetworkState;
  /** Milliseconds from now before which, and after which, a one-off event does not fire (R247). */
  minDelay?: number;
  maxDelay?: number;
}

/** One registration as the host tells of it. */
export interface SyncRecord extends SyncOptions {
  tag: string;
}

/** Extensions of the sync APIs that the host has switched on for scripts. */
export interface Extensions {
  /** The older explainer's dictionaries, registration objects and conditions (R224). */
  explainerOptions: boolean;
  /** `sync.unregister(tag)` (R246). */
  syncUnregister: boolean;
  /** `minDelay` and `maxDelay` of one-off registrations (R247). */
  syncDelays: boolean;
}

/** Extensions by the names that a host uses. */
export function readExtensions(names: readonly string[]): Extensions {
  return {
    explainerOptions: names.includes("explainer-options"),
    syncUnregister: names.includes("sync-unregister"),
    syncDelays: names.includes("sync-delays"),
  };
}

/** Whether the first argument of `register` is the dictionary of the older explainer rather than a tag. */
export function isExplainerDictionary(extensions: Extensions, value: unknown): value is object {
  return extensions.explainerOptions && isObject(value);
}

/** The second argument of `periodicSync.register(tag, options)`. Members are read in the order of their names. */
export function periodicOptions(extensions: Extensions, value: unknown): SyncOptions {
  const members = toDictionary(value, "BackgroundSyncOptions");
  const { minInterval } = members;
  // R13
  const interval = minInterval === undefined ? 0 : toEnforcedInteger(minInterval, "minInterval");
  return { minInterval: interval, ...conditions(extensions, members) };
}

/** The second argument of `sync.register(tag, options)`, which only the extensions know. */
export function oneShotOptions(extensions: Extensions, value: unknown): SyncOptions {
  if (!extensions.syncDelays && !extensions.explainerOptions) return { powerState: "auto", networkState: "online" };
  const members = toDictionary(value, "SyncOptions");
  const options: { minDelay?: number; maxDelay?: number } = {};
  if (extensions.syncDelays) {
    const { maxDelay } = members;
    if (maxDelay !== undefined) options.maxDelay = toEnforcedInteger(maxDelay, "maxDelay");
    const { minDelay } = members;
    if (minDelay !== undefined) options.minDelay = toEnforcedInteger(minDelay, "minDelay");
    if (options.minDelay !== undefined && options.maxDelay !== undefined && options.minDelay >= options.maxDelay) {
      throw new TypeError(`minDelay ${options.minDelay} must be less than maxDelay ${options.maxDelay}`);
    }
  }
  return { ...options, ...conditions(extensions, members) };
}

/** The one argument of `periodicSync.register({tag, minPeriod, …})` (R224). */
export function explainerPeriodic(extensions: Extensions, value: object): { tag: string; options: SyncOptions } {
  const members = value as Dictionary;
  const { minPeriod } = members;
  const minInterval = minPeriod === undefined ? 0 : toEnforcedInteger(minPeriod, "minPeriod");
  const options = { minInterval, ...conditions(extensions, members) };
  return { tag: explainerTag(members), options };
}

/** The one argument of `sync.register({tag, …})` (R236). */
export function explainerOneShot(extensions: Extensions, value: object): { tag: string; options: SyncOptions } {
  const options = oneShotOptions(extensions, value);
  return { tag: explainerTag(value as Dictionary), options };
}

function explainerTag(members: Dictionary): string {
  const { tag } = members;
  return tag === undefined ? "" : toDOMString(tag);
}

/** R235: an unknown value is a TypeError. */
function conditions(extensions: Extensions, members: Dictionary): { networkState: NetworkState; powerState: PowerState } {
  if (!extensions.explainerOptions) return { networkState: "online", powerState: "auto" };
  const { networkState } = members;
  const network = networkState === undefined ? "online" : toEnumeration(networkState, NETWORK_STATES, "networkState");
  const { powerState } = members;
  const power = powerState === undefined ? "auto" : toEnumeration(powerState, POWER_STATES, "powerState");
  return { networkState: network, powerState: power };
}
