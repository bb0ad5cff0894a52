// The bundle's entry: puts the interfaces on the global and connects the hooks.

import { host, jsonStringify } from "./boundary.ts";
import * as abort from "./abort.ts";
import * as blob from "./blob.ts";
import * as clients from "./clients.ts";
import * as crypto from "./crypto.ts";
import * as encoding from "./encoding.ts";
import * as event from "./event.ts";
import * as eventTarget from "./event-target.ts";
import * as extendable from "./extendable-event.ts";
import * as fetching from "./fetch.ts";
import * as formData from "./form-data.ts";
import * as global from "./global.ts";
import * as headers from "./headers.ts";
import * as hostBody from "./host-body.ts";
import { NavigationPreloadManager } from "./navigation-preload.ts";
import * as navigator from "./navigator.ts";
import { operationSettled } from "./operations.ts";
import * as performance from "./performance.ts";
import * as permissions from "./permissions.ts";
import * as registration from "./registration.ts";
import * as request from "./request.ts";
import * as response from "./response.ts";
import { microtasksEnded, runHook } from "./tasks.ts";
import { PeriodicSyncManager, SyncManager } from "./sync-manager.ts";
import { extensions } from "./sync-extensions.ts";
import { PeriodicSyncRegistration, SyncRegistration } from "./sync-registration.ts";
import { timerFired } from "./timers.ts";
import * as url from "./url.ts";
import * as webview from "./webview.ts";
import { expose, exposeLazily } from "./webidl.ts";

const eager: Record<string, unknown> = {
  AbortController: abort.AbortController,
  AbortSignal: abort.AbortSignal,
  Blob: blob.Blob,
  Client: clients.Client,
  Clients: clients.Clients,
  Crypto: crypto.Crypto,
  CustomEvent: event.CustomEvent,
  ErrorEvent: event.ErrorEvent,
  Event: event.Event,
  EventTarget: eventTarget.EventTarget,
  ExtendableEvent: extendable.ExtendableEvent,
  ExtendableMessageEvent: extendable.ExtendableMessageEvent,
  FetchEvent: extendable.FetchEvent,
  File: blob.File,
  FormData: formData.FormData,
  Headers: headers.Headers,
  InstallEvent: extendable.InstallEvent,
  MessageEvent: event.MessageEvent,
  NavigationPreloadManager,
  Performance: performance.Performance,
  PeriodicSyncEvent: extendable.PeriodicSyncEvent,
  PeriodicSyncManager,
  PermissionStatus: permissions.PermissionStatus,
  Permissions: permissions.Permissions,
  PromiseRejectionEvent: event.PromiseRejectionEvent,
  Request: request.Request,
  Response: response.Response,
  ServiceWorker: registration.ServiceWorker,
  ServiceWorkerGlobalScope: global.ServiceWorkerGlobalScope,
  ServiceWorkerRegistration: registration.ServiceWorkerRegistration,
  SyncEvent: extendable.SyncEvent,
  SyncManager,
  TextDecoder: encoding.TextDecoder,
  TextEncoder: encoding.TextEncoder,
  URL: url.URL,
  URLSearchParams: url.URLSearchParams,
  WindowClient: clients.WindowClient,
  WorkerGlobalScope: global.WorkerGlobalScope,
  WorkerLocation: navigator.WorkerLocation,
  WorkerNavigator: navigator.WorkerNavigator,
};
for (const name in eager) expose(name, eager[name]);
if (extensions.explainerOptions) {
  expose("PeriodicSyncRegistration", PeriodicSyncRegistration);
  expose("SyncRegistration", SyncRegistration);
}

// The large libraries are evaluated when a script first names one of their interfaces.
const indexedDbNames = [
  "DOMStringList", "IDBCursor", "IDBCursorWithValue", "IDBDatabase", "IDBFactory", "IDBIndex", "IDBKeyRange", "IDBObjectStore", "IDBOpenDBRequest",
  "IDBRecord", "IDBRequest", "IDBTransaction", "IDBVersionChangeEvent",
];
const indexedDb = (): typeof import("./indexeddb/index.ts") => require("./indexeddb/index.ts") as typeof import("./indexeddb/index.ts");
for (const name of indexedDbNames) exposeLazily(name, () => indexedDb().interfaces[name]);
const cacheInterfaces = (): typeof import("./caches/index.ts") => require("./caches/index.ts") as typeof import("./caches/index.ts");
for (const name of ["Cache", "CacheStorage", "StorageManager"] as const) exposeLazily(name, () => cacheInterfaces()[name]);
const subtle = (): typeof import("./subtle/index.ts") => require("./subtle/index.ts") as typeof import("./subtle/index.ts");
for (const name of ["CryptoKey", "SubtleCrypto"] as const) exposeLazily(name, () => subtle()[name]);
const transforms = (): typeof import("./transform-streams.ts") => require("./transform-streams.ts") as typeof import("./transform-streams.ts");
for (const name of ["CompressionStream", "DecompressionStream", "TextDecoderStream", "TextEncoderStream"] as const) exposeLazily(name, () => transforms()[name]);
const files = (): typeof import("./file-reader.ts") => require("./file-reader.ts") as typeof import("./file-reader.ts");
for (const name of ["FileReader", "ProgressEvent"] as const) exposeLazily(name, () => files()[name]);
exposeLazily("URLPattern", () => (require("./url-pattern.ts") as typeof import("./url-pattern.ts")).URLPattern);
const messaging = (): typeof import("./messaging.ts") => require("./messaging.ts") as typeof import("./messaging.ts");
for (const name of ["BroadcastChannel", "MessageChannel", "MessagePort"] as const) exposeLazily(name, () => messaging()[name]);
exposeLazily("EventSource", () => (require("./event-source.ts") as typeof import("./event-source.ts")).EventSource);
const sockets = (): typeof import("./web-socket.ts") => require("./web-socket.ts") as typeof import("./web-socket.ts");
for (const name of ["CloseEvent", "WebSocket"] as const) exposeLazily(name, () => sockets()[name]);
const notifications = (): typeof import("./notifications.ts") => require("./notifications.ts") as typeof import("./notifications.ts");
for (const name of ["Notification", "NotificationEvent"] as const) exposeLazily(name, () => notifications()[name]);
const push = (): typeof import("./push.ts") => require("./push.ts") as typeof import("./push.ts");
for (const name of ["PushEvent", "PushManager", "PushMessageData"] as const) exposeLazily(name, () => push()[name]);
const locks = (): typeof import("./locks.ts") => require("./locks.ts") as typeof import("./locks.ts");
for (const name of ["Lock", "LockManager"] as const) exposeLazily(name, () => locks()[name]);
const timing = (): typeof import("./user-timing.ts") => require("./user-timing.ts") as typeof import("./user-timing.ts");
for (const name of ["PerformanceEntry", "PerformanceMark", "PerformanceMeasure", "PerformanceObserver", "PerformanceObserverEntryList"] as const) {
  exposeLazily(name, () => timing()[name]);
}
const streamNames = [
  "ReadableStream", "ReadableStreamDefaultReader", "ReadableStreamBYOBReader", "ReadableStreamDefaultController", "ReadableByteStreamController",
  "ReadableStreamBYOBRequest", "WritableStream", "WritableStreamDefaultWriter", "WritableStreamDefaultController", "TransformStream",
  "TransformStreamDefaultController", "ByteLengthQueuingStrategy", "CountQueuingStrategy",
] as const;
for (const name of streamNames) {
  exposeLazily(name, () => (require("./streams.ts") as typeof import("./streams.ts")).streamInterface(name));
}

global.installGlobal();
host.connect({
  timer: runHook(timerFired),
  settled: runHook(operationSettled),
  cryptoSettled: runHook((id, error, info, first, second) => subtle().cryptoSettled(id, error, info, first, second)),
  fetchHead: runHook(fetching.fetchHead),
  fetchFailed: runHook(fetching.fetchFailed),
  fetchOver: runHook(fetching.fetchOver),
  bodyReadable: runHook(hostBody.bodyReadable),
  bodyWritable: runHook(hostBody.bodyWritable),
  socketOpened: runHook((id, protocol) => sockets().socketOpened(id, protocol)),
  socketMessage: runHook((id, data) => sockets().socketMessage(id, data)),
  socketSent: runHook((id, bytes) => sockets().socketSent(id, bytes)),
  socketClosed: runHook((id, clean, failed, code, reason) => sockets().socketClosed(id, clean, failed, code, reason)),
  fetchEventAborted: runHook(extendable.fetchEventAborted),
  listenedTypes: () => jsonStringify(eventTarget.listenedTypes(globalThis)),
  dispatch: runHook(extendable.dispatchFunctionalEvent),
  timedOut: runHook(extendable.eventTimedOut),
  registrationChanged: runHook(registration.registrationChanged),
  onLineChanged: runHook(navigator.onLineChanged),
  permissionChanged: runHook(permissions.permissionChanged),
  portMessage: runHook((id, data, ports) => messaging().portMessage(id, data, ports)),
  portClosed: runHook((id) => messaging().portClosed(id)),
  broadcast: runHook((name, data) => messaging().broadcastReceived(name, data)),
  lockTold: runHook((id, verdict) => locks().lockTold(id, verdict)),
  webMessage: runHook(webview.webMessage),
  idbNotice: runHook((notice) => indexedDb().notice(notice)),
  microtasksDone: runHook(microtasksEnded),
  unhandledRejection: runHook(global.unhandledRejection),
});
