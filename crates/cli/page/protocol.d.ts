// The protocol between a page and the gateway that serves it: JSON texts on one WebSocket at `/.wakeworker/socket`.
//
// The page speaks first (`Hello`), the gateway answers `Welcome`; after that both send whenever they have something to
// say. Everything that a script awaits is a `Call` with exactly one `Result` or `Failure`; everything else is a
// statement that needs no answer. Whoever breaks the protocol, floods it, or does not read, is disconnected; a page
// then connects again and starts anew with `Hello`.
//
// A `Data` text is a structured clone in the format of docs/store-format.md, as Base64; the gateway passes it on unread.

/** The version that both sides must name. It changes with every change that an older side would misread. */
export type ProtocolVersion = 1;

/** Identity of a service worker registration, unique within a profile and kept over restarts. */
export type RegistrationId = number;
/** Identity of one version of a worker, unique within a profile. */
export type WorkerId = number;
/** Text of a serialised JavaScript value. */
export type Data = string;

export type ServiceWorkerState = "parsed" | "installing" | "installed" | "activating" | "activated" | "redundant";

/** A permission that the host decides. */
export type PermissionName = "background-sync" | "periodic-background-sync";

/** The 16-bit units of a tag, because a JSON text cannot carry a lone surrogate everywhere (R12). */
export type TagUnits = number[];

/** Conditions of a sync registration, from the older explainer; the defaults are "auto" and "online". */
export interface SyncConditions {
  powerState: "auto" | "avoid-draining";
  networkState: "online" | "avoid-cellular" | "any";
}

/** What `periodicSync.register` asks for. */
export interface PeriodicOptions extends SyncConditions {
  minInterval?: number;
}

/** What `sync.register` asks for beyond the specification. */
export interface OneShotOptions extends SyncConditions {
  minDelay?: number;
  maxDelay?: number;
}

/** A sync registration as the older explainer's registration objects show it. */
export interface SyncRecordInfo extends SyncConditions {
  tag: TagUnits;
  minInterval?: number;
}

/** One worker of a registration. */
export interface WorkerInfo {
  id: WorkerId;
  scriptUrl: string;
  state: ServiceWorkerState;
}

/** A registration with its up to three workers. */
export interface RegistrationInfo {
  id: RegistrationId;
  scope: string;
  updateViaCache: "imports" | "all" | "none";
  installing: WorkerInfo | null;
  waiting: WorkerInfo | null;
  active: WorkerInfo | null;
}

/** The worker that controls a page. */
export interface ControllerInfo {
  registration: RegistrationId;
  worker: WorkerInfo;
}

/** What the gateway writes into the attributes of the script tag: the page's identity and its controller at load. */
export interface PageFacts {
  /** The identity that the gateway reserved for this page when it was navigated to. */
  client: string;
  /** The controller that the navigation found, so that `navigator.serviceWorker.controller` is right from the start. */
  controller: ControllerInfo | null;
  /** Names of the extensions of the sync APIs that the host has switched on, with spaces between them. */
  extensions: string;
  /** "shared" if the page has the databases of its workers. */
  storage?: "shared";
}

// -- page to gateway ------------------------------------------------------------------------------------------------

/** The first message of a connection. */
export interface Hello {
  type: "hello";
  protocol: ProtocolVersion;
  /** The identity from `PageFacts`. The gateway gives another one if it no longer knows it. */
  client: string;
  /** The document's URL when it was created. */
  url: string;
  frameType: "top-level" | "auxiliary" | "nested";
  /** Origin of the top-level document when it differs from this one: the registrations live in a partition (R175). */
  topOrigin: string | null;
  visibilityState: "visible" | "hidden";
  focused: boolean;
  /** Whose registration controls the page as far as it knows, so that a page outlives a restart of the gateway. */
  controller: RegistrationId | null;
}

/** Something about the page changed. */
export interface ClientChanged {
  type: "client";
  /** The document's URL now; requests name it in their `Referer`. */
  url: string;
  visibilityState: "visible" | "hidden";
  focused: boolean;
}

/**
 * The number of a message port whose other end is not in this page. The page draws the numbers of ports that it sends, from
 * -1 downwards, and never uses one twice on one connection; the gateway draws those of ports that come, above 0. Ports end
 * with the connection.
 */
export type PortNumber = number;

/** A message for a worker. */
export interface PostMessage {
  type: "postMessage";
  worker: WorkerId;
  data: Data;
  ports: PortNumber[];
}

/** A message for a port, or through it to its other end. */
export interface PortMessage {
  type: "portMessage";
  port: PortNumber;
  data: Data;
  ports: PortNumber[];
}

/** A port was closed, or its other end is gone. */
export interface PortClosed {
  type: "portClosed";
  port: PortNumber;
}

/** Whether the page has a BroadcastChannel, and wants to hear `Broadcast`. At first it has none. */
export interface HearsBroadcasts {
  type: "broadcasts";
  hears: boolean;
}

/** A message for the channels of the service workers; or of a service worker, for those of the page. */
export interface Broadcast {
  type: "broadcast";
  /** The channel's name as JSON, which can carry a lone surrogate. */
  name: string;
  data: Data;
}

/** What can be asked. Each method's parameters, and what its promise is fulfilled with. */
export interface Methods {
  register: {
    params: {
      /** Relative URLs are resolved against the page's. */
      scriptUrl: string;
      scope: string | null;
      updateViaCache: "imports" | "all" | "none";
      type: "classic" | "module";
    };
    value: RegistrationInfo;
  };
  getRegistration: { params: { url: string }; value: RegistrationInfo | null };
  getRegistrations: { params: Record<string, never>; value: RegistrationInfo[] };
  update: { params: { registration: RegistrationId }; value: RegistrationInfo };
  unregister: { params: { registration: RegistrationId }; value: boolean };
  /** Without `options`, nothing beyond the specification is asked for. */
  "sync.register": { params: { registration: RegistrationId; tag: TagUnits; options?: OneShotOptions }; value: null };
  "sync.getTags": { params: { registration: RegistrationId }; value: TagUnits[] };
  /** Whether there was an entry. Refused unless the host has switched it on (R246). */
  "sync.unregister": { params: { registration: RegistrationId; tag: TagUnits }; value: boolean };
  "sync.getRegistrations": { params: { registration: RegistrationId }; value: SyncRecordInfo[] };
  "periodicSync.register": { params: { registration: RegistrationId; tag: TagUnits; options: PeriodicOptions }; value: null };
  "periodicSync.getTags": { params: { registration: RegistrationId }; value: TagUnits[] };
  "periodicSync.unregister": { params: { registration: RegistrationId; tag: TagUnits }; value: boolean };
  "periodicSync.getRegistrations": { params: { registration: RegistrationId }; value: SyncRecordInfo[] };
  /** null leaves a part as it is. */
  "navigationPreload.set": { params: { registration: RegistrationId; enabled: boolean | null; headerValue: string | null }; value: null };
  "navigationPreload.getState": { params: { registration: RegistrationId }; value: { enabled: boolean; headerValue: string } };
  permissionState: { params: { name: PermissionName }; value: "granted" | "denied" | "prompt" };
}

/** A question. Ids are drawn by the page and never used twice on one connection. */
export type Call = {
  [M in keyof Methods]: { type: "call"; id: number; method: M; params: Methods[M]["params"] };
}[keyof Methods];

export type PageMessage = Hello | ClientChanged | PostMessage | PortMessage | PortClosed | HearsBroadcasts | Broadcast | Call;

// -- gateway to page ------------------------------------------------------------------------------------------------

/** The answer to `Hello`. */
export interface Welcome {
  type: "welcome";
  /** The page's identity from now on. */
  client: string;
  controller: ControllerInfo | null;
  /** All registrations of the page's storage key. */
  registrations: RegistrationInfo[];
}

/** A question's promise is fulfilled. */
export interface Result {
  type: "result";
  id: number;
  value: Methods[keyof Methods]["value"];
}

/** A question's promise is rejected: `TypeError`, or a DOMException with this name. */
export interface Failure {
  type: "failure";
  id: number;
  name: string;
  message: string;
}

/** A registration is new, or one of its workers changed. */
export interface RegistrationChanged {
  type: "registration";
  registration: RegistrationInfo;
}

/** A registration is gone; its workers serve the pages that they control until those are gone too. */
export interface Unregistered {
  type: "unregistered";
  id: RegistrationId;
}

/** The workers of a registration that is gone are redundant. */
export interface Cleared {
  type: "cleared";
  id: RegistrationId;
}

/** Another worker, or none, controls the page; fires `controllerchange`. */
export interface ControllerChanged {
  type: "controller";
  controller: ControllerInfo | null;
}

/** A worker called `client.postMessage()`. */
export interface MessageFromWorker {
  type: "message";
  data: Data;
  ports: PortNumber[];
  source: WorkerInfo;
}

/** A permission of the page's origin changed (R134). */
export interface PermissionChanged {
  type: "permission";
  name: PermissionName;
  state: "granted" | "denied" | "prompt";
}

/** A sync event of one of the page's registrations has ended (R248). Sent only if the host has switched it on. */
export interface SyncDone {
  type: "syncDone";
  registration: RegistrationId;
  kind: "sync" | "periodicsync";
  tag: TagUnits;
  /** Why it failed; null if it succeeded. */
  reason: string | null;
  willRetry: boolean;
}

export type GatewayMessage =
  | Welcome
  | Result
  | Failure
  | RegistrationChanged
  | Unregistered
  | Cleared
  | ControllerChanged
  | MessageFromWorker
  | PortMessage
  | PortClosed
  | Broadcast
  | PermissionChanged
  | SyncDone;
