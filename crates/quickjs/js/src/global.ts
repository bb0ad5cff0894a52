// The global object: ServiceWorkerGlobalScope and what it inherits (service worker specification 4.1; HTML, workers).

import { ErrorEvent, eventState, PromiseRejectionEvent } from "./event.ts";
import { defineEventHandlers, dispatch, EventTarget, makeEventTarget } from "./event-target.ts";
import { Clients } from "./clients.ts";
import { console } from "./console.ts";
import { crypto } from "./crypto.ts";
import { fetch } from "./fetch.ts";
import { defineProperty, facts, host } from "./boundary.ts";
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

/** Own attributes of the global, by name. */
const attributes = {
  get location() {
    return location;
  },
  get navigator() {
    return navigator;
  },
  get registration() {
    return registration;
  },
  get serviceWorker() {
    return ownWorker();
  },
  get clients() {
    return clients;
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
  get crypto() {
    return crypto;
  },
  get performance() {
    return performance;
  },
};

/** Own operations of the global, by name. */
const operations = {
  ...timerFunctions,
  fetch,
  structuredClone,
  async skipWaiting(): Promise<undefined> {
    await startOperation((id) => host.skipWaiting(id));
    return undefined;
  },
  reportError(error: unknown): void {
    requireArguments(arguments.length, 1, "reportError");
    reportException(error);
  },
  importScripts(...urls: unknown[]): void {
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

/** Turns the engine's global into a ServiceWorkerGlobalScope. */
export function installGlobal(): void {
  // The engine gives its global a tag of its own, which would hide the interface's.
  Reflect.deleteProperty(globalThis, Symbol.toStringTag);
  Object.setPrototypeOf(globalThis, ServiceWorkerGlobalScope.prototype);
  makeEventTarget(globalThis);
  defineProperty(globalThis, "self", {
    get: Object.getOwnPropertyDescriptor(
      {
        get self() {
          return globalThis;
        },
      },
      "self",
    )?.get,
    enumerable: true,
    configurable: true,
  });
  const descriptors = Object.getOwnPropertyDescriptors(attributes) as Record<string, PropertyDescriptor>;
  for (const name in descriptors) defineProperty(globalThis, name, descriptors[name] as PropertyDescriptor);
  for (const [name, value] of Object.entries(operations)) {
    defineProperty(globalThis, name, { value, writable: true, enumerable: true, configurable: true });
  }
  defineProperty(globalThis, "console", { value: console, writable: true, enumerable: false, configurable: true });
  // R6
  defineEventHandlers(globalThis, [
    "install", "activate", "fetch", "message", "messageerror", "sync", "periodicsync", "error", "unhandledrejection", "rejectionhandled",
    "online", "offline", "languagechange",
  ]);
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
