// EventTarget (DOM standard, section 2.7), dispatch, and event handler attributes (HTML 8.1.8.1). No method of an array is
// used here: a script that has replaced them still gets its events.

import { defineProperty } from "#boundary";
import { type Event, cancel, eventState, isEvent } from "./event.ts";
import { callScript, lastValue } from "#tasks";
import { defineInterface, isObject, requireArguments, toDictionary, toDOMString } from "./webidl.ts";
import type { AbortSignal } from "./abort.ts";

interface Listener {
  type: string;
  callback: object;
  capture: boolean;
  once: boolean;
  passive: boolean;
  removed: boolean;
  /** Set for the listener behind an event handler attribute. */
  handler: Handler | null;
}

interface Handler {
  value: object | null;
  listener: Listener;
}

/** Installs private state on an object that some other constructor made, such as the global. */
class ReturnOverride {
  constructor(object: object) {
    // A constructor may return any object, which is how a private field gets onto the global.
    return object;
  }
}

class TargetState extends ReturnOverride {
  #listeners: Listener[] = [];

  static has(object: object): boolean {
    return #listeners in object;
  }
  static listeners(object: object): Listener[] {
    if (!(#listeners in object)) throw new TypeError("Illegal invocation");
    return object.#listeners;
  }
  static setListeners(object: object, listeners: Listener[]): void {
    (object as TargetState).#listeners = listeners;
  }
}

/** Makes an object an event target although EventTarget's constructor did not make it. */
export function makeEventTarget(object: object): void {
  new TargetState(object);
}

/** Web IDL: an operation called without `this` means the global. */
function thisTarget(target: unknown): EventTarget {
  const object = target ?? globalThis;
  if (!isObject(object) || !TargetState.has(object)) throw new TypeError("Illegal invocation");
  return object as EventTarget;
}

/** True if the value is an event target. */
export function isEventTarget(value: unknown): value is EventTarget {
  return isObject(value) && TargetState.has(value);
}

/** Set by abort.ts: makes removal follow a signal; false if it is aborted already. */
let followSignal: (signal: AbortSignal, remove: () => void) => boolean = () => true;
export function setSignalFollower(follower: typeof followSignal): void {
  followSignal = follower;
}


export class EventTarget {
  constructor() {
    makeEventTarget(this);
  }

  addEventListener(type: string, callback: unknown, options: unknown = undefined): void {
    requireArguments(arguments.length, 2, "addEventListener");
    const target = thisTarget(this);
    const name = toDOMString(type);
    if (callback !== null && callback !== undefined && !isObject(callback)) {
      throw new TypeError("addEventListener: argument 2 is neither a function nor an object");
    }
    const capture = flattenCapture(options);
    let once = false;
    let passive = false;
    let signal: AbortSignal | undefined;
    if (isObject(options)) {
      const members = toDictionary(options, "AddEventListenerOptions");
      once = Boolean(members.once);
      passive = Boolean(members.passive);
      signal = members.signal as AbortSignal | undefined;
    }
    if (callback === null || callback === undefined) {
      if (signal !== undefined) followSignal(signal, () => {});
      return;
    }
    const listeners = TargetState.listeners(target);
    const listener: Listener = { type: name, callback, capture, once, passive, removed: false, handler: null };
    if (signal !== undefined && !followSignal(signal, () => remove(target, listener))) return;
    for (let i = 0; i < listeners.length; i += 1) {
      const other = listeners[i] as Listener;
      if (other.type === name && other.callback === callback && other.capture === capture && other.handler === null) return;
    }
    listeners[listeners.length] = listener;
  }

  removeEventListener(type: string, callback: unknown, options: unknown = undefined): void {
    requireArguments(arguments.length, 2, "removeEventListener");
    const target = thisTarget(this);
    const name = toDOMString(type);
    const capture = flattenCapture(options);
    const listeners = TargetState.listeners(target);
    for (let i = 0; i < listeners.length; i += 1) {
      const listener = listeners[i] as Listener;
      if (listener.type === name && listener.callback === callback && listener.capture === capture && listener.handler === null) {
        remove(target, listener);
        return;
      }
    }
  }

  dispatchEvent(event: Event): boolean {
    requireArguments(arguments.length, 1, "dispatchEvent");
    const target = thisTarget(this);
    if (!isEvent(event)) throw new TypeError("dispatchEvent: argument 1 is not an Event");
    const state = eventState(event);
    if (state.dispatching || !state.initialized) {
      throw new DOMException("the event is already being dispatched", "InvalidStateError");
    }
    state.trusted = false;
    dispatch(target, event);
    return !state.canceled;
  }
}
defineInterface(EventTarget, "EventTarget");

function flattenCapture(options: unknown): boolean {
  if (typeof options === "boolean") return options;
  return isObject(options) ? Boolean((options as { capture?: unknown }).capture) : Boolean(options);
}

function remove(target: EventTarget, listener: Listener): void {
  listener.removed = true;
  // A new array: a dispatch that is under way goes on over the old one.
  const left: Listener[] = [];
  const all = TargetState.listeners(target);
  for (let i = 0; i < all.length; i += 1) if (all[i] !== listener) left[left.length] = all[i] as Listener;
  TargetState.setListeners(target, left);
}

/** The types for which a target has listeners. */
export function listenedTypes(target: object): string[] {
  const types: string[] = [];
  const seen = new Set<string>();
  const listeners = TargetState.listeners(target);
  for (let i = 0; i < listeners.length; i += 1) {
    const { type } = listeners[i] as Listener;
    if (seen.has(type)) continue;
    seen.add(type);
    types[types.length] = type;
  }
  return types;
}

/** True if the target has a listener for the type. */
export function hasListener(target: object, type: string): boolean {
  const listeners = TargetState.listeners(target);
  for (let i = 0; i < listeners.length; i += 1) if ((listeners[i] as Listener).type === type) return true;
  return false;
}

/**
 * Dispatches an event at a target whose ancestors, nearest first, are `ancestors`. Exceptions of listeners are
 * reported and the others go on; gives back whether a listener threw.
 */
export function dispatch(target: EventTarget, event: Event, ancestors: readonly EventTarget[] = []): boolean {
  const state = eventState(event);
  state.dispatching = true;
  state.target = target;
  state.path = [target];
  for (let i = 0; i < ancestors.length; i += 1) state.path[i + 1] = ancestors[i] as EventTarget;
  let threw = false;
  for (let i = ancestors.length - 1; i >= 0 && !state.stopped; i -= 1) {
    state.phase = 1;
    threw = invoke(ancestors[i] as EventTarget, event, "capturing") || threw;
  }
  if (!state.stopped) {
    state.phase = 2;
    threw = invoke(target, event, "capturing") || threw;
  }
  if (!state.stopped) threw = invoke(target, event, "bubbling") || threw;
  if (state.bubbles) {
    for (let i = 0; i < ancestors.length && !state.stopped; i += 1) {
      state.phase = 3;
      threw = invoke(ancestors[i] as EventTarget, event, "bubbling") || threw;
    }
  }
  state.phase = 0;
  state.currentTarget = null;
  state.path = [];
  state.dispatching = false;
  state.stopped = state.stoppedImmediately = false;
  return threw;
}

/** Fires an event of our own making, which scripts see as trusted. */
export function fire(target: EventTarget, event: Event): void {
  eventState(event).trusted = true;
  dispatch(target, event);
}

/** DOM "inner invoke": the listeners of one target in one phase. */
function invoke(target: EventTarget, event: Event, phase: "capturing" | "bubbling"): boolean {
  const state = eventState(event);
  const listeners = TargetState.listeners(target);
  if (listeners.length === 0) return false;
  state.currentTarget = target;
  let threw = false;
  // Removal makes a new array and addition appends, so these are the listeners of this moment.
  const { length } = listeners;
  for (let i = 0; i < length; i += 1) {
    const listener = listeners[i] as Listener;
    if (listener.removed || listener.type !== state.type || listener.capture !== (phase === "capturing")) continue;
    if (listener.once) remove(target, listener);
    state.passive = listener.passive;
    threw = (listener.handler === null ? invokeCallback(listener.callback, event, target) : invokeHandler(listener.handler, event, target)) || threw;
    state.passive = false;
    if (state.stoppedImmediately) break;
  }
  return threw;
}

function invokeCallback(callback: object, event: Event, target: EventTarget): boolean {
  if (typeof callback === "function") return callScript(callback, target, [event]);
  const call = (): void => {
    const method = (callback as { handleEvent?: unknown }).handleEvent;
    if (typeof method !== "function") throw new TypeError("the event listener has no callable `handleEvent`");
    Reflect.apply(method, callback, [event]);
  };
  return callScript(call, undefined, []);
}

/** HTML "the event handler processing algorithm". */
function invokeHandler(handler: Handler, event: Event, target: EventTarget): boolean {
  if (typeof handler.value !== "function") return false;
  const isError = event.type === "error" && (target as unknown) === globalThis && "lineno" in event;
  const error = event as unknown as { message: string; filename: string; lineno: number; colno: number; error: unknown };
  const args = isError ? [error.message, error.filename, error.lineno, error.colno, error.error] : [event];
  const threw = callScript(handler.value, target, args);
  // An error handler cancels by returning true, every other one by false.
  if (lastValue === isError && !threw) cancel(eventState(event));
  return threw;
}

/** Defines event handler attributes such as `onsync` on an interface's prototype or on the global (R6). */
export function defineEventHandlers(prototype: object, types: readonly string[]): void {
  for (const type of types) {
    const name = `on${type}`;
    const accessors = {
      get [name](): object | null {
        return handlerOf(thisTarget(this), type)?.value ?? null;
      },
      set [name](value: unknown) {
        setHandler(thisTarget(this), type, isObject(value) ? value : null);
      },
    };
    const descriptor = Object.getOwnPropertyDescriptor(accessors, name) as PropertyDescriptor;
    defineProperty(prototype, name, descriptor);
  }
}

/** What the event handler attribute for a type holds. */
function handlerOf(target: EventTarget, type: string): Handler | null {
  const listeners = TargetState.listeners(target);
  for (let i = 0; i < listeners.length; i += 1) {
    const { handler, type: listened } = listeners[i] as Listener;
    if (handler !== null && listened === type) return handler;
  }
  return null;
}

function setHandler(target: EventTarget, type: string, value: object | null): void {
  const existing = handlerOf(target, type);
  if (existing !== null) {
    if (value === null) remove(target, existing.listener);
    else existing.value = value;
    return;
  }
  if (value === null) return;
  const listener: Listener = { type, callback: value, capture: false, once: false, passive: false, removed: false, handler: null };
  const handler: Handler = { value, listener };
  listener.handler = handler;
  const listeners = TargetState.listeners(target);
  listeners[listeners.length] = listener;
}
