// Takes the boundary object off the global, so that the worker's script never sees it.

const scope = globalThis as unknown as { __host?: Host };
if (scope.__host === undefined) {
  throw new Error("the runtime's `__host` object is missing; the bundle must be evaluated by the runtime");
}

/** The Rust side. See host.d.ts. */
export const host: Host = scope.__host;
delete scope.__host;

/** What the Rust side says about this worker. */
export interface Facts {
  origin: string;
  scriptUrl: string;
  scope: string;
  registrationId: number;
  workerId: number;
  workerType: "classic" | "module";
  userAgent: string;
  language: string;
  onLine: boolean;
  isSecureContext: boolean;
  /** Extensions that the host has switched on: "explainer-options", "sync-unregister", "sync-delays". */
  extensions: string[];
  /** Whether the script has `chrome.webview` (R221). */
  webMessages: boolean;
  /** The largest event of an EventSource. */
  connectionMessageBytesMax: number;
}

/** Facts that hold for the life of the worker, except `onLine`, which the host changes. */
export const facts = JSON.parse(host.facts) as Facts;

// Captured before any script can replace them.
export const { parse: jsonParse, stringify: jsonStringify } = JSON;
export const { apply, ownKeys } = Reflect;
export const { getPrototypeOf } = Object;
const { defineProperty: define, setPrototypeOf } = Object;
export const { now: wallNow } = Date;

/** `Object.defineProperty` that sees nothing of what a script has put on `Object.prototype`. Takes the descriptor over. */
export function defineProperty<T extends object>(target: T, key: PropertyKey, descriptor: PropertyDescriptor): T {
  return define(target, key, setPrototypeOf(descriptor, null) as PropertyDescriptor);
}

const promiseThen = Promise.prototype.then;
const promiseResolveFunction = Promise.resolve;
const promiseRejectFunction = Promise.reject;
const PromiseConstructor = Promise;

/** `promise.then` as it was before any script ran. */
export function then<T>(promise: Promise<T>, fulfilled: (value: T) => unknown, rejected?: (reason: unknown) => unknown): void {
  apply(promiseThen, promise, [fulfilled, rejected]);
}

/** `Promise.resolve` as it was before any script ran. */
export function promiseResolve<T>(value: T): Promise<Awaited<T>> {
  return apply(promiseResolveFunction, PromiseConstructor, [value]) as Promise<Awaited<T>>;
}

/** A promise that is rejected with the error. */
export function promiseReject(error: unknown): Promise<never> {
  return apply(promiseRejectFunction, PromiseConstructor, [error]) as Promise<never>;
}

let lastId = 0;

/** Draws an id for a timer, a fetch or another asynchronous operation. */
export function drawId(): number {
  lastId += 1;
  return lastId;
}
