// The protocol between a page and the gateway that serves it: JSON texts on one WebSocket at `/.wakeworker/socket`.
//
// The page speaks first (`Hello`), the gateway answers `Welcome`; after that both send whenever they have something to
// say. Everything that a script awaits is a `Call` with exactly one `Result` or `Failure`; everything else is a
// statement that needs no answer. Whoever breaks the protocol, floods it, or does not read, is disconnected; a page
// then connects again and starts anew with `Hello`.
//
// A `Data` text is the output of the structured-clone serialiser that page and worker share
// (crates/quickjs/js/src/clone.ts); the gateway passes it on unread.

/** The version that both sides must name. It changes with every change that an older side would misread. */
export type ProtocolVersion = 1;

/** Identity of a service worker registration, unique within a profile and kept over restarts. */
export type RegistrationId = number;
/** Identity of one version of a worker, unique within a profile. */
export type WorkerId = number;
/** Text of a serialised JavaScript value. */
export type Data = string;

export type ServiceWorkerState = "parsed" | "installing" | "installed" | "activating" | "activated" | "redundant";

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

/** A message for a worker. */
export interface PostMessage {
  type: "postMessage";
  worker: WorkerId;
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
    };
    value: RegistrationInfo;
  };
  getRegistration: { params: { url: string }; value: RegistrationInfo | null };
  getRegistrations: { params: Record<string, never>; value: RegistrationInfo[] };
  update: { params: { registration: RegistrationId }; value: RegistrationInfo };
  unregister: { params: { registration: RegistrationId }; value: boolean };
  "sync.register": {
    params: {
      registration: RegistrationId;
      /** The tag's 16-bit units, because a JSON text cannot carry a lone surrogate everywhere (R12). */
      tag: number[];
    };
    value: null;
  };
  "sync.getTags": { params: { registration: RegistrationId }; value: number[][] };
}

/** A question. Ids are drawn by the page and never used twice on one connection. */
export type Call = {
  [M in keyof Methods]: { type: "call"; id: number; method: M; params: Methods[M]["params"] };
}[keyof Methods];

export type PageMessage = Hello | ClientChanged | PostMessage | Call;

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

/** A registration is gone. */
export interface Unregistered {
  type: "unregistered";
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
  source: WorkerInfo;
}

export type GatewayMessage =
  | Welcome
  | Result
  | Failure
  | RegistrationChanged
  | Unregistered
  | ControllerChanged
  | MessageFromWorker;
