// Event (DOM standard, section 2.2) and the event interfaces without behaviour of their own.

import { defineProperty, host } from "#boundary";
import { defineInterface, requireArguments, toDictionary, toDOMString, toSequence } from "./webidl.ts";
import type { EventTarget } from "./event-target.ts";

/** What the dispatcher knows of an event and scripts may not touch. */
export interface EventState {
  type: string;
  target: EventTarget | null;
  currentTarget: EventTarget | null;
  path: EventTarget[];
  phase: number;
  bubbles: boolean;
  cancelable: boolean;
  composed: boolean;
  initialized: boolean;
  dispatching: boolean;
  trusted: boolean;
  stopped: boolean;
  stoppedImmediately: boolean;
  canceled: boolean;
  passive: boolean;
  timeStamp: number;
}

/** The state of an event; throws TypeError for anything that is none. */
export let eventState: (event: Event) => EventState;
/** True if the value is an event made by this file. */
export let isEvent: (value: unknown) => value is Event;

let unforgeable: PropertyDescriptor;

export class Event {
  #state: EventState;

  static {
    eventState = (event) => event.#state;
    isEvent = (value): value is Event => typeof value === "object" && value !== null && #state in value;
    // [LegacyUnforgeable]: every event has it as an own property that a script cannot redefine.
    const descriptor = Object.getOwnPropertyDescriptor(
      {
        get isTrusted() {
          return (this as unknown as Event).#state.trusted;
        },
      },
      "isTrusted",
    ) as PropertyDescriptor;
    descriptor.configurable = false;
    unforgeable = descriptor;
  }

  declare readonly isTrusted: boolean;

  constructor(type: string, init: unknown = undefined) {
    if (arguments.length < 1) requireArguments(0, 1, `${new.target.name} constructor`);
    const name = toDOMString(type);
    const members = toDictionary(init, "the event's init argument");
    this.#state = {
      type: name,
      target: null,
      currentTarget: null,
      path: [],
      phase: 0,
      bubbles: Boolean(members.bubbles),
      cancelable: Boolean(members.cancelable),
      composed: Boolean(members.composed),
      initialized: true,
      dispatching: false,
      trusted: false,
      stopped: false,
      stoppedImmediately: false,
      canceled: false,
      passive: false,
      timeStamp: host.now(),
    };
    defineProperty(this, "isTrusted", unforgeable);
  }

  get type(): string {
    return this.#state.type;
  }
  get target(): EventTarget | null {
    return this.#state.target;
  }
  get srcElement(): EventTarget | null {
    return this.#state.target;
  }
  get currentTarget(): EventTarget | null {
    return this.#state.currentTarget;
  }
  composedPath(): EventTarget[] {
    return [...this.#state.path];
  }
  get eventPhase(): number {
    return this.#state.phase;
  }
  stopPropagation(): void {
    this.#state.stopped = true;
  }
  get cancelBubble(): boolean {
    return this.#state.stopped;
  }
  set cancelBubble(value: boolean) {
    const state = this.#state;
    if (value) state.stopped = true;
  }
  stopImmediatePropagation(): void {
    this.#state.stopped = true;
    this.#state.stoppedImmediately = true;
  }
  get bubbles(): boolean {
    return this.#state.bubbles;
  }
  get cancelable(): boolean {
    return this.#state.cancelable;
  }
  get returnValue(): boolean {
    return !this.#state.canceled;
  }
  set returnValue(value: boolean) {
    const state = this.#state;
    if (!value) cancel(state);
  }
  preventDefault(): void {
    cancel(this.#state);
  }
  get defaultPrevented(): boolean {
    return this.#state.canceled;
  }
  get composed(): boolean {
    return this.#state.composed;
  }
  get timeStamp(): number {
    return this.#state.timeStamp;
  }
  initEvent(type: string, bubbles: boolean = false, cancelable: boolean = false): void {
    requireArguments(arguments.length, 1, "initEvent");
    initialize(this, toDOMString(type), Boolean(bubbles), Boolean(cancelable));
  }
}
defineInterface(Event, "Event", { NONE: 0, CAPTURING_PHASE: 1, AT_TARGET: 2, BUBBLING_PHASE: 3 });

/** DOM "initialize an event"; false while the event is being dispatched, when nothing may change. */
function initialize(event: Event, type: string, bubbles: boolean, cancelable: boolean): boolean {
  const state = eventState(event);
  if (state.dispatching) return false;
  Object.assign(state, { type, bubbles, cancelable, initialized: true, target: null });
  state.stopped = state.stoppedImmediately = state.canceled = state.trusted = false;
  return true;
}

/** Sets the canceled flag, if the event lets itself be canceled. */
export function cancel(state: EventState): void {
  if (state.cancelable && !state.passive) state.canceled = true;
}

export class CustomEvent extends Event {
  #detail: unknown;
  constructor(type: string, init: unknown = undefined) {
    requireArguments(arguments.length, 1, "CustomEvent constructor");
    super(type, init);
    this.#detail = toDictionary(init, "CustomEventInit").detail ?? null;
  }
  get detail(): unknown {
    return this.#detail;
  }
  initCustomEvent(type: string, bubbles: boolean = false, cancelable: boolean = false, detail: unknown = null): void {
    void this.#detail;
    requireArguments(arguments.length, 1, "initCustomEvent");
    if (initialize(this, toDOMString(type), Boolean(bubbles), Boolean(cancelable))) this.#detail = detail;
  }
}
defineInterface(CustomEvent, "CustomEvent");

export class ErrorEvent extends Event {
  #message: string;
  #filename: string;
  #lineno: number;
  #colno: number;
  #error: unknown;
  constructor(type: string, init: unknown = undefined) {
    requireArguments(arguments.length, 1, "ErrorEvent constructor");
    super(type, init);
    const members = toDictionary(init, "ErrorEventInit");
    this.#message = members.message === undefined ? "" : toDOMString(members.message);
    this.#filename = members.filename === undefined ? "" : toDOMString(members.filename);
    this.#lineno = Number(members.lineno ?? 0) >>> 0;
    this.#colno = Number(members.colno ?? 0) >>> 0;
    this.#error = members.error;
  }
  get message(): string {
    return this.#message;
  }
  get filename(): string {
    return this.#filename;
  }
  get lineno(): number {
    return this.#lineno;
  }
  get colno(): number {
    return this.#colno;
  }
  get error(): unknown {
    return this.#error;
  }
}
defineInterface(ErrorEvent, "ErrorEvent");

export class PromiseRejectionEvent extends Event {
  #promise: Promise<unknown>;
  #reason: unknown;
  constructor(type: string, init: unknown) {
    requireArguments(arguments.length, 2, "PromiseRejectionEvent constructor");
    super(type, init);
    const members = toDictionary(init, "PromiseRejectionEventInit");
    if (members.promise === undefined) throw new TypeError("PromiseRejectionEvent constructor: init.promise is required");
    this.#promise = members.promise as Promise<unknown>;
    this.#reason = members.reason;
  }
  get promise(): Promise<unknown> {
    return this.#promise;
  }
  get reason(): unknown {
    return this.#reason;
  }
}
defineInterface(PromiseRejectionEvent, "PromiseRejectionEvent");

const NO_PORTS: readonly unknown[] = Object.freeze([]);

/** Sets the data of a message that was received; unlike in the constructor, undefined stays undefined. */
export let setMessageData: (event: MessageEvent, data: unknown) => void;

export class MessageEvent extends Event {
  #data: unknown;
  #origin: string;
  #lastEventId: string;
  #source: unknown;
  #ports: readonly unknown[];

  static {
    setMessageData = (event, data) => {
      event.#data = data;
    };
  }

  constructor(type: string, init: unknown = undefined) {
    requireArguments(arguments.length, 1, "MessageEvent constructor");
    super(type, init);
    const members = toDictionary(init, "MessageEventInit");
    this.#data = members.data === undefined ? null : members.data;
    this.#origin = members.origin === undefined ? "" : toDOMString(members.origin);
    this.#lastEventId = members.lastEventId === undefined ? "" : toDOMString(members.lastEventId);
    this.#source = members.source ?? null;
    this.#ports = members.ports === undefined ? NO_PORTS : toPorts(members.ports);
  }
  get data(): unknown {
    return this.#data;
  }
  get origin(): string {
    return this.#origin;
  }
  get lastEventId(): string {
    return this.#lastEventId;
  }
  get source(): unknown {
    return this.#source;
  }
  get ports(): readonly unknown[] {
    return this.#ports;
  }
  initMessageEvent(
    type: string,
    bubbles: boolean = false,
    cancelable: boolean = false,
    data: unknown = null,
    origin: string = "",
    lastEventId: string = "",
    source: unknown = null,
    ports: unknown = undefined,
  ): void {
    void this.#data;
    requireArguments(arguments.length, 1, "initMessageEvent");
    const list = ports === undefined ? NO_PORTS : toPorts(ports);
    const texts = [origin, lastEventId].map(toDOMString) as [string, string];
    if (!initialize(this, toDOMString(type), Boolean(bubbles), Boolean(cancelable))) return;
    this.#data = data;
    [this.#origin, this.#lastEventId] = texts;
    this.#source = source;
    this.#ports = list;
  }
}
defineInterface(MessageEvent, "MessageEvent");

/** The `ports` member of an init dictionary. */
function toPorts(ports: unknown): readonly unknown[] {
  return Object.freeze(toSequence(ports, (port) => port, "MessageEventInit.ports"));
}
