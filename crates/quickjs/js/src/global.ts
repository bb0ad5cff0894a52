// The global object: ServiceWorkerGlobalScope and what it inherits (service worker specification 4.1; HTML, workers).

import { ErrorEvent, eventState, PromiseRejectionEvent } from "./event.ts";
import { defineEventHandlers, dispatch, EventTarget, makeEventTarget } from "./event-target.ts";
import { Clients } from "./clients.ts";
import { console } from "./console.ts";
import { crypto } from "./crypto.ts";
import { fetch } from "./fetch.ts";
import { apply, defineProperty, facts, host } from "./boundary.ts";
import { describeError, errorPosition } from "./inspect.ts";
import { location, navigator } from "./navigator.ts";
import { startOperation } from "./operations.ts";
import { performance } from "./performance.ts";
import { ownWorker, registration } from "./registration.ts";
import { reportException, setErrorDispatcher } from "./report.ts";
import { structuredClone } from "./structured-clone.ts";
import { timerFunctions } from "./timers.ts";
import { parseRelativeUrl } from "./url.ts";
import { installWebView } from "./webview.ts";
import { defineInterface, internal, requireArguments, requireInternal, toUSVString } from "./webidl.ts";

export class WorkerGlobalScope extends EventTarget {
  constructor(token: unknown = undefined) {
    requireInternal(token);
    super();
  }
}
defineInterface(WorkerGlobalScope, "WorkerGlobalScope");

export class ServiceWorkerGlobalScope extends WorkerGlobalScope {}
defineInterface(ServiceWorkerGlobalScope, "ServiceWorkerGlobalScope");

const global = globalThis as unknown as EventTarget;
const clients = new Clients(internal);

/** Attributes and operations of ServiceWorkerGlobalScope, which are the global's own. */
const ownAttributes = {
  get registration() {
    return registration;
  },
  get serviceWorker() {
    return ownWorker();
  },
  get clients() {
    return clients;
  },
};
const ownOperations = {
  async skipWaiting(): Promise<undefined> {
    await startOperation((id) => host.skipWaiting(id));
    return undefined;
  },
};

/** Attributes of WorkerGlobalScope, which are its prototype's. */
const sharedAttributes = {
  get self() {
    return globalThis;
  },
  get location() {
    return location;
  },
  get navigator() {
    return navigator;
  },
  get isSecureContext() {
    return facts.isSecureContext;
  },
  get origin() {
    return facts.origin;
  },
  get crossOriginIsolated() {
    return false;
  },
  get caches() {
    return (require("./caches/index.ts") as typeof import("./caches/index.ts")).caches;
  },
  get indexedDB() {
    return (require("./indexeddb/index.ts") as typeof import("./indexeddb/index.ts")).indexedDB;
  },
  get crypto() {
    return crypto;
  },
  get performance() {
    return performance;
  },
};

const { atob, btoa } = globalThis as unknown as Record<"atob" | "btoa", Function>;

/** Operations of WorkerGlobalScope. */
const sharedOperations = {
  ...timerFunctions,
  atob,
  btoa,
  fetch,
  structuredClone,
  reportError(error: unknown): void {
    requireArguments(arguments.length, 1, "reportError");
    reportException(error);
  },
  importScripts(...urls: unknown[]): void {
    if (facts.workerType === "module") throw new TypeError("importScripts: a module worker has import declarations instead");
    const resolved = urls.map((url) => {
      const text = toUSVString(url);
      const parsed = parseRelativeUrl(text);
      if (parsed === null) throw new DOMException(`importScripts: "${text}" is not a valid URL`, "SyntaxError");
      return parsed.href;
    });
    for (const url of resolved) importScript(url);
  },
};

function importScript(url: string): void {
  try {
    host.importScript(url);
  } catch (error) {
    const failure = error as { hostError?: unknown; name?: unknown; message?: unknown } | null;
    if (typeof failure !== "object" || failure === null || failure.hostError !== true) throw error;
    throw new DOMException(String(failure.message), typeof failure.name === "string" ? failure.name : "NetworkError");
  }
}

/** What a function does when its `this` is no global scope: throw, or reject if it gives promises (Web IDL 3.7.6, 3.7.7). */
function scoped(member: Function, name: string): Function {
  const givesPromise = name === "fetch" || name === "skipWaiting";
  const holder = {
    [name](this: unknown, ...args: unknown[]): unknown {
      if (this !== undefined && this !== null && this !== globalThis) {
        const error = new TypeError("Illegal invocation");
        if (givesPromise) return Promise.reject(error);
        throw error;
      }
      return apply(member, undefined, args);
    },
  };
  const made = holder[name] as Function;
  defineProperty(made, "length", { value: member.length });
  return made;
}

function defineAttributes(target: object, attributes: object): void {
  const descriptors = Object.getOwnPropertyDescriptors(attributes) as Record<string, PropertyDescriptor>;
  for (const name in descriptors) {
    const descriptor = descriptors[name] as PropertyDescriptor;
    const get = scoped(descriptor.get as Function, name) as () => unknown;
    defineProperty(get, "name", { value: `get ${name}` });
    defineProperty(target, name, { get, set: replacers[name], enumerable: true, configurable: true });
  }
}

/** [Replaceable] attributes: an assignment makes an ordinary property of the global. */
const replaceable = (name: string): ((value: unknown) => void) | undefined =>
  Object.getOwnPropertyDescriptor(
    {
      set [name](value: unknown) {
        if (this !== undefined && this !== null && (this as unknown) !== globalThis) throw new TypeError("Illegal invocation");
        defineProperty(globalThis, name, { value, writable: true, enumerable: true, configurable: true });
      },
    },
    name,
  )?.set;
const replacers: Record<string, ((value: unknown) => void) | undefined> = {
  origin: replaceable("origin"),
  performance: replaceable("performance"),
};

function defineOperations(target: object, operations: Record<string, Function>): void {
  for (const name in operations) {
    const value = scoped(operations[name] as Function, name);
    defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
  }
}

/** Turns the engine's global into a ServiceWorkerGlobalScope. */
export function installGlobal(): void {
  // The engine gives its global a tag of its own, which would hide the interface's, and functions that belong further up.
  for (const name of [Symbol.toStringTag, "atob", "btoa", "queueMicrotask", "performance"]) Reflect.deleteProperty(globalThis, name);
  Object.setPrototypeOf(globalThis, ServiceWorkerGlobalScope.prototype);
  makeEventTarget(globalThis);
  defineAttributes(WorkerGlobalScope.prototype, sharedAttributes);
  defineOperations(WorkerGlobalScope.prototype, sharedOperations);
  defineAttributes(globalThis, ownAttributes);
  defineOperations(globalThis, ownOperations);
  defineProperty(globalThis, "console", { value: console, writable: true, enumerable: false, configurable: true });
  // R6
  defineEventHandlers(globalThis, ["install", "activate", "fetch", "message", "messageerror", "sync", "periodicsync", "push", "notificationclick", "notificationclose"]);
  defineEventHandlers(WorkerGlobalScope.prototype, ["error", "unhandledrejection", "rejectionhandled", "online", "offline", "languagechange"]);
  installWebView();
  setErrorDispatcher((error, message) => {
    const position = errorPosition(error) ?? { filename: facts.scriptUrl, lineno: 0, colno: 0 };
    const event = new ErrorEvent("error", { cancelable: true, message, ...position, error });
    eventState(event).trusted = true;
    dispatch(global, event);
    return event.defaultPrevented;
  });
}

/** The `unhandledRejection` hook. */
export function unhandledRejection(reason: unknown, promise: Promise<unknown>): void {
  const event = new PromiseRejectionEvent("unhandledrejection", { cancelable: true, promise, reason });
  eventState(event).trusted = true;
  dispatch(global, event);
  if (!event.defaultPrevented) host.reportException("rejection", describeError(reason).toWellFormed());
}
