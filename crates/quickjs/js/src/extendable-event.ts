// ExtendableEvent and the functional events (service worker specification, sections 4.4-4.8; background sync, periodic sync).

import { Event, eventState, MessageEvent, setMessageData } from "./event.ts";
import { dispatch, type EventTarget, hasListener } from "./event-target.ts";
import { signalAbort } from "./abort.ts";
import { drawId, host, jsonParse, jsonStringify, promiseResolve, then } from "./boundary.ts";
import { receiveResponse } from "./fetch.ts";
import { HostBody, writeToHost } from "./host-body.ts";
import { describeError } from "./inspect.ts";
import { deserializeForWorker } from "./structured-clone.ts";
import { Body } from "./body.ts";
import { makeRequest, isRequest, type Request, requestSignal, type RequestRecord } from "./request.ts";
import { isResponse, type Response, responseRecord } from "./response.ts";
import { messageSource } from "./message-source.ts";
import { extensions } from "./sync-extensions.ts";
import type { SyncRecord } from "./sync-options.ts";
import { oneShotRegistration, periodicRegistration, type PeriodicSyncRegistration, type SyncRegistration } from "./sync-registration.ts";
import { defineInterface, type Dictionary, isObject, requireArguments, toDictionary, toDOMString, withholdMembers } from "./webidl.ts";

/** The lifetime of one event (spec.md 7.2). */
class Lifetime {
  pending = 0;
  timedOut = false;
  /** The first rejection among all promises ever added (D33); null while there is none. */
  rejection: { reason: unknown } | null = null;
  #inactive: (() => void) | null = null;

  /** Adds a promise. The count falls in a further microtask after its reactions, so those may still extend (R148). */
  add(promise: Promise<unknown>): void {
    this.hold();
    then(
      promise,
      () => this.release(),
      (reason) => {
        this.rejection ??= { reason };
        this.release();
      },
    );
  }

  /** The event stays active until `release`. */
  hold(): void {
    this.pending += 1;
  }

  /** Takes back one `hold`, in a further microtask. */
  release(): void {
    then(promiseResolve(undefined), () => {
      this.pending -= 1;
      this.check();
    });
  }

  /** Calls `done` once the event is no longer active. */
  whenInactive(done: () => void): void {
    this.#inactive = done;
    this.check();
  }

  check(): void {
    if (this.pending > 0 || this.#inactive === null) return;
    const done = this.#inactive;
    this.#inactive = null;
    done();
  }
}

let lifetimeOf: (event: ExtendableEvent) => Lifetime;

export class ExtendableEvent extends Event {
  #lifetime = new Lifetime();

  static {
    lifetimeOf = (event) => event.#lifetime;
  }

  constructor(type: string, init: unknown = undefined) {
    requireArguments(arguments.length, 1, "ExtendableEvent constructor");
    super(type, init);
  }

  waitUntil(f: unknown): void {
    const lifetime = this.#lifetime;
    requireArguments(arguments.length, 1, "waitUntil");
    // Web IDL converts the argument to a promise before the steps below run.
    const promise = promiseResolve(f);
    const state = eventState(this);
    // R149
    if (!state.trusted) {
      ignoreRejection(promise);
      throw new DOMException("waitUntil: the event was made by a script", "InvalidStateError");
    }
    // R148, R89, D8
    if (lifetime.timedOut || !(lifetime.pending > 0 || state.dispatching)) {
      ignoreRejection(promise);
      throw new DOMException(`waitUntil: the event ${lifetime.timedOut ? "has exceeded its time limit" : "has ended"}`, "InvalidStateError");
    }
    lifetime.add(promise);
  }
}
defineInterface(ExtendableEvent, "ExtendableEvent");

/** A refused promise is not ours to judge, and the script already sees the exception. */
function ignoreRejection(promise: Promise<unknown>): void {
  then(promise, () => {}, () => {});
}

export class InstallEvent extends ExtendableEvent {
  constructor(type: string, init: unknown = undefined) {
    requireArguments(arguments.length, 1, "InstallEvent constructor");
    super(type, init);
  }
}
defineInterface(InstallEvent, "InstallEvent");

/** The init argument of SyncEvent and its kin, which must be there and must be an object (R7, R9). */
function requiredInit(given: number, init: unknown, name: string): Dictionary {
  if (given < 2) requireArguments(given, 2, `${name} constructor`);
  return toDictionary(init, name);
}

/** A required member of it. */
function requireMember(value: unknown, name: string, member: string): unknown {
  if (value === undefined) throw new TypeError(`${name} constructor: init.${member} is required`);
  return value;
}

let setOneShotRegistration: (event: SyncEvent, record: SyncRecord) => void;
let setPeriodicRegistration: (event: PeriodicSyncEvent, record: SyncRecord) => void;

export class SyncEvent extends ExtendableEvent {
  #tag: string;
  #lastChance: boolean;
  #registration: SyncRegistration | null = null;

  static {
    setOneShotRegistration = (event, record) => {
      event.#registration = oneShotRegistration(record);
    };
  }

  constructor(type: string, init: unknown) {
    const members = requiredInit(arguments.length, init, "SyncEvent");
    super(type, init);
    // Web IDL: inherited members first, then in the order of their names, each read once (R8).
    this.#lastChance = Boolean(members.lastChance);
    this.#tag = toDOMString(requireMember(members.tag, "SyncEvent", "tag"));
  }
  get tag(): string {
    return this.#tag;
  }
  get lastChance(): boolean {
    return this.#lastChance;
  }
  /** Of the older explainer (R231); null in an event that a script or a tool made. */
  get registration(): SyncRegistration | null {
    return this.#registration;
  }
}
defineInterface(SyncEvent, "SyncEvent");

export class PeriodicSyncEvent extends ExtendableEvent {
  #tag: string;
  #registration: PeriodicSyncRegistration | null = null;

  static {
    setPeriodicRegistration = (event, record) => {
      event.#registration = periodicRegistration(record);
    };
  }

  constructor(type: string, init: unknown) {
    const members = requiredInit(arguments.length, init, "PeriodicSyncEvent");
    super(type, init);
    this.#tag = toDOMString(requireMember(members.tag, "PeriodicSyncEvent", "tag"));
  }
  get tag(): string {
    return this.#tag;
  }
  get registration(): PeriodicSyncRegistration | null {
    return this.#registration;
  }
}
defineInterface(PeriodicSyncEvent, "PeriodicSyncEvent");
// R223
if (!extensions.explainerOptions) {
  for (const event of [SyncEvent, PeriodicSyncEvent]) withholdMembers(event, ["registration"]);
}

let receivedMessage: (event: ExtendableMessageEvent) => MessageEvent;

export class ExtendableMessageEvent extends ExtendableEvent {
  #message: MessageEvent;

  static {
    receivedMessage = (event) => event.#message;
  }

  constructor(type: string, init: unknown = undefined) {
    requireArguments(arguments.length, 1, "ExtendableMessageEvent constructor");
    super(type, init);
    this.#message = new MessageEvent(type, init);
  }
  get data(): unknown {
    return this.#message.data;
  }
  get origin(): string {
    return this.#message.origin;
  }
  get lastEventId(): string {
    return this.#message.lastEventId;
  }
  get source(): unknown {
    return this.#message.source;
  }
  get ports(): readonly unknown[] {
    return this.#message.ports;
  }
}
defineInterface(ExtendableMessageEvent, "ExtendableMessageEvent");

interface FetchEventState {
  entered: boolean;
  response: Promise<unknown> | null;
  handled: Handled;
}

/** The promise of `event.handled`, made when somebody first asks for it. */
class Handled {
  #promise: Promise<unknown> | null = null;
  #settle: { resolve: (value: undefined) => void; reject: (reason: unknown) => void } | null = null;
  /** How it was settled before anybody asked. */
  #outcome: { error: unknown } | "resolved" | null = null;

  /** A script that makes an event may give its own promise. */
  constructor(given: unknown) {
    if (given !== undefined) this.#keep(promiseResolve(given));
  }

  get promise(): Promise<unknown> {
    if (this.#promise !== null) return this.#promise;
    const outcome = this.#outcome;
    return this.#keep(
      new Promise((resolve, reject) => {
        if (outcome === null) this.#settle = { resolve, reject };
        else if (outcome === "resolved") resolve(undefined);
        else reject(outcome.error);
      }),
    );
  }

  #keep(promise: Promise<unknown>): Promise<unknown> {
    ignoreRejection(promise);
    this.#promise = promise;
    return promise;
  }

  resolve(): void {
    if (this.#promise === null) this.#outcome = "resolved";
    else this.#settle?.resolve(undefined);
  }

  reject(error: unknown): void {
    if (this.#promise === null) this.#outcome = { error };
    else this.#settle?.reject(error);
  }
}

let fetchEventState: (event: FetchEvent) => FetchEventState;
let eventRequest: (event: FetchEvent) => Request;

export class FetchEvent extends ExtendableEvent {
  #request: Request;
  #clientId: string;
  #resultingClientId: string;
  #replacesClientId: string;
  #preloadResponse: Promise<unknown>;
  #state: FetchEventState;

  static {
    fetchEventState = (event) => event.#state;
    eventRequest = (event) => event.#request;
  }

  constructor(type: string, init: unknown) {
    const members = requiredInit(arguments.length, init, "FetchEvent");
    super(type, init);
    const text = (value: unknown): string => (value === undefined ? "" : toDOMString(value));
    this.#clientId = text(members.clientId);
    const { handled } = members;
    this.#preloadResponse = promiseResolve(members.preloadResponse);
    this.#replacesClientId = text(members.replacesClientId);
    const request = requireMember(members.request, "FetchEvent", "request");
    if (!isRequest(request)) throw new TypeError("FetchEvent constructor: init.request is not a Request");
    this.#request = request;
    this.#resultingClientId = text(members.resultingClientId);
    this.#state = { entered: false, response: null, handled: new Handled(handled) };
  }
  get request(): Request {
    return this.#request;
  }
  get clientId(): string {
    return this.#clientId;
  }
  get resultingClientId(): string {
    return this.#resultingClientId;
  }
  get replacesClientId(): string {
    return this.#replacesClientId;
  }
  // Attributes whose type is a promise reject where others throw (Web IDL 3.7.6).
  get preloadResponse(): Promise<unknown> {
    return #preloadResponse in this ? this.#preloadResponse : Promise.reject(new TypeError("Illegal invocation"));
  }
  get handled(): Promise<unknown> {
    return #state in this ? this.#state.handled.promise : Promise.reject(new TypeError("Illegal invocation"));
  }
  respondWith(r: unknown): void {
    const own = this.#state;
    requireArguments(arguments.length, 1, "respondWith");
    const promise = promiseResolve(r);
    const state = eventState(this);
    if (!state.trusted || !state.dispatching || own.entered) {
      ignoreRejection(promise);
      const why = own.entered ? "it was already called for this event" : state.trusted ? "the event has been dispatched already; call it before the handler returns" : "the event was made by a script";
      throw new DOMException(`respondWith: ${why}`, "InvalidStateError");
    }
    lifetimeOf(this).add(promise);
    state.stopped = true;
    state.stoppedImmediately = true;
    own.entered = true;
    own.response = promise;
  }
}
defineInterface(FetchEvent, "FetchEvent");

const running = new Map<number, Lifetime>();

/** The `timedOut` hook (R89, D8). */
export function eventTimedOut(id: number): void {
  const lifetime = running.get(id);
  if (lifetime !== undefined) lifetime.timedOut = true;
}

/** The `dispatch` hook: makes the event, dispatches it at the global, and tells the host once how it ended. */
export function dispatchFunctionalEvent(id: number, type: string, initText: string, body: ArrayBuffer | null): void {
  const init = jsonParse(initText) as { readonly [member: string]: unknown };
  const event = makeEvent(id, type, init, body);
  const global = globalThis as unknown as EventTarget;
  const handled = hasListener(global, event.type);
  eventState(event).trusted = true;
  const lifetime = lifetimeOf(event);
  running.set(id, lifetime);
  // R72, D9: what a handler throws is reported by the dispatcher and does not fail the event.
  dispatch(global, event);
  if (event instanceof FetchEvent) answerFetch(id, event, lifetime);
  // D33: the judgement waits until the event is no longer active, and then covers every promise ever added (R66).
  lifetime.whenInactive(() => {
    running.delete(id);
    const { rejection } = lifetime;
    host.eventEnded(id, handled, rejection === null ? null : describeError(rejection.reason).toWellFormed());
  });
}

function makeEvent(id: number, type: string, init: { readonly [member: string]: unknown }, body: ArrayBuffer | null): ExtendableEvent {
  switch (type) {
    case "install":
      return new InstallEvent(type);
    case "sync": {
      const event = new SyncEvent(type, init);
      if (isObject(init.registration)) setOneShotRegistration(event, init.registration as SyncRecord);
      return event;
    }
    case "periodicsync": {
      const event = new PeriodicSyncEvent(type, init);
      if (isObject(init.registration)) setPeriodicRegistration(event, init.registration as SyncRecord);
      return event;
    }
    case "message":
      return makeMessageEvent(init);
    case "fetch":
      return makeFetchEvent(id, init, body);
    default:
      return new ExtendableEvent(type);
  }
}

function makeMessageEvent(init: { readonly [member: string]: unknown }): ExtendableEvent {
  const origin = init.origin ?? "";
  const source = messageSource(init.source);
  try {
    const data = deserializeForWorker(String(init.data));
    const event = new ExtendableMessageEvent("message", { origin, source });
    setMessageData(receivedMessage(event), data);
    return event;
  } catch {
    return new ExtendableMessageEvent("messageerror", { origin, source });
  }
}

/** What the host says of a request. */
interface FetchInit {
  request: Omit<RequestRecord, "body">;
  clientId: string;
  resultingClientId: string;
  /** The body comes while it is read. */
  streams: boolean;
  /** The request was sent ahead. */
  preloads: boolean;
}

function makeFetchEvent(id: number, init: { readonly [member: string]: unknown }, body: ArrayBuffer | null): FetchEvent {
  const { request, clientId, resultingClientId, streams, preloads } = init as unknown as FetchInit;
  const record: RequestRecord = { ...request, body: body !== null ? Body.fromBytes(new Uint8Array(body)) : streams ? streamedBody(id) : null };
  const preloadResponse = preloads ? preloaded(id, record.url) : undefined;
  return new FetchEvent("fetch", { request: makeRequest(record), clientId, resultingClientId, preloadResponse, cancelable: true });
}

/** The response of a navigation that the host has sent ahead. */
function preloaded(event: number, url: string): Promise<unknown> {
  const response = receiveResponse(url, (id) => host.eventPreloadAdopt(event, id));
  ignoreRejection(response);
  return response;
}

/** The body of a request that comes while it is read. */
function streamedBody(event: number): Body {
  const id = drawId();
  host.eventBodyAdopt(event, id);
  return Body.fromSource(new HostBody(id, () => {}));
}

/** Sends what `respondWith` was given to the host. */
function answerFetch(id: number, event: FetchEvent, lifetime: Lifetime): void {
  const { response, handled } = fetchEventState(event);
  unanswered.set(id, event);
  const networkError = (message: string): void => {
    unanswered.delete(id);
    host.fetchRespond(id, jsonStringify({ error: message.toWellFormed() }), null);
    handled.reject(new TypeError(message));
  };
  if (response === null) {
    // A handler that cancels the event without an answer asks for a network error.
    if (event.defaultPrevented) {
      networkError("the event was cancelled by preventDefault()");
    } else {
      unanswered.delete(id);
      host.fetchRespond(id, null, null);
      handled.resolve();
    }
    return;
  }
  // A promise that was settled already has been counted off while the handlers ran; the event must not end before the
  // answer is out. Its rejection has been noted when it was given.
  lifetime.hold();
  host.eventBodyCommit(id);
  then(
    response,
    (value) => {
      const problem = refusal(value, event.request);
      if (problem !== null) {
        networkError(problem);
        lifetime.release();
        return;
      }
      handled.resolve();
      unanswered.delete(id);
      const delivery = deliver(id, event, value as Response);
      // The worker must live until the last chunk is out; a body that fails is not a failure of the event.
      if (delivery !== null) lifetime.add(delivery);
      lifetime.release();
    },
    (reason) => {
      networkError(`the promise given to respondWith was rejected: ${describeError(reason)}`);
      lifetime.release();
    },
  );
}

/** Why a value cannot answer the request, or null if it can. */
function refusal(value: unknown, request: Request): string | null {
  if (!isResponse(value)) return "respondWith was not given a Response";
  const record = responseRecord(value);
  if (record.type === "error") return "the Response given to respondWith is a network error";
  if (record.type === "opaque" && request.mode !== "no-cors") return `an opaque Response cannot answer a request with mode "${request.mode}"`;
  if (record.type === "opaqueredirect" && request.redirect !== "manual") return "an opaque redirect cannot answer a request that does not handle redirects itself";
  if (record.redirected && request.redirect !== "follow") return "a redirected Response cannot answer a request that does not follow redirects";
  if (record.body?.unusable === true) return "the body of the Response given to respondWith was already read or is locked";
  return null;
}

/** Sends head and body; gives a promise for the end of a body that this side writes. */
function deliver(id: number, event: FetchEvent, response: Response): Promise<void> | null {
  const { status, statusText, headers, body } = responseRecord(response);
  const head = { status, statusText, headers };
  const bytes = body === null ? null : body.takeBytes();
  if (body === null || bytes !== null) {
    host.fetchRespond(id, jsonStringify(head), bytes);
    return null;
  }
  const source = body.takeSource();
  const given = source.handOn?.() ?? null;
  if (given !== null) {
    host.fetchRespond(id, jsonStringify({ ...head, body: given }), null);
    return null;
  }
  const own = drawId();
  host.fetchRespond(id, jsonStringify({ ...head, writes: own }), null);
  return writeToHost(source, own, () => abortRequest(event), describeError);
}

const unanswered = new Map<number, FetchEvent>();

/** The `fetchEventAborted` hook: the page does not want the answer any more. */
export function fetchEventAborted(id: number): void {
  const event = unanswered.get(id);
  if (event !== undefined) abortRequest(event);
}

function abortRequest(event: FetchEvent): void {
  signalAbort(requestSignal(eventRequest(event)), undefined);
}
