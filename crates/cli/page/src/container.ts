// https://w3c.github.io/ServiceWorker/#serviceworkercontainer-interface

import type { ControllerInfo, MessageFromWorker } from "../protocol";
import { deserialize } from "./data.ts";
import { gateway } from "./gateway.ts";
import { matchRegistration, registrationFor, workerFor } from "./objects.ts";
import { receivePorts } from "./ports.ts";
import type { ServiceWorkerRegistration } from "./registration.ts";
import type { ServiceWorker } from "./service_worker.ts";
import { HandlerAttribute, KEY, exposeInterface, finishInterface, requireKey, toEnumeration } from "./webidl.ts";

const UPDATE_VIA_CACHE = ["imports", "all", "none"] as const;
const WORKER_TYPE = ["classic", "module"] as const;

/** Sets the controller; `notify` fires `controllerchange` if it is another worker. */
export let setController: (container: ServiceWorkerContainer, controller: ControllerInfo | null, notify: boolean) => void;
/** The controller as the page knows it. */
export let getController: (container: ServiceWorkerContainer) => ControllerInfo | null;
/** Hands over a message of a worker. */
export let receiveMessage: (container: ServiceWorkerContainer, message: MessageFromWorker) => void;
/** Looks again whether `ready` can be fulfilled. */
export let checkReady: (container: ServiceWorkerContainer) => void;

export class ServiceWorkerContainer extends EventTarget {
  #controller: ControllerInfo | null;
  #onmessage = new HandlerAttribute(this, "message");
  #onmessageerror = new HandlerAttribute(this, "messageerror");
  #oncontrollerchange = new HandlerAttribute(this, "controllerchange");
  /** Messages that came before the page was ready for them; null once it is. */
  #queue: MessageFromWorker[] | null = [];
  #ready: Promise<ServiceWorkerRegistration> | null = null;
  #resolveReady: ((registration: ServiceWorkerRegistration) => void) | null = null;

  constructor(...args: unknown[]) {
    requireKey(args, "ServiceWorkerContainer");
    super();
    this.#controller = args[1] as ControllerInfo | null;
    // The standard opens the queue at the latest when the document has been parsed.
    document.addEventListener("DOMContentLoaded", () => this.startMessages(), { once: true });
  }

  get controller(): ServiceWorker | null {
    return this.#controller === null ? null : workerFor(this.#controller.worker);
  }

  get ready(): Promise<ServiceWorkerRegistration> {
    // Attributes whose type is a promise reject where others throw (Web IDL 3.7.6).
    if (!(#ready in this)) return Promise.reject(new TypeError("Illegal invocation"));
    if (this.#ready === null) {
      this.#ready = new Promise((resolve) => {
        this.#resolveReady = resolve;
      });
      this.#checkReady();
    }
    return this.#ready;
  }

  async register(scriptURL: string | URL, options: RegistrationOptions = {}): Promise<ServiceWorkerRegistration> {
    // Touching a private field first is the brand check.
    void this.#controller;
    if (arguments.length === 0) {
      throw new TypeError("Failed to execute 'register' on 'ServiceWorkerContainer': 1 argument required, but only 0 present.");
    }
    const type = toEnumeration(options.type ?? "classic", WORKER_TYPE, "WorkerType");
    const updateViaCache = toEnumeration(options.updateViaCache ?? "imports", UPDATE_VIA_CACHE, "ServiceWorkerUpdateViaCache");
    const scriptUrl = absolute(String(scriptURL), "script");
    const scope = options.scope === undefined ? null : absolute(String(options.scope), "scope");
    return registrationFor(await gateway().call("register", { scriptUrl, scope, updateViaCache, type }), true);
  }

  async getRegistration(clientURL: string | URL = ""): Promise<ServiceWorkerRegistration | undefined> {
    void this.#controller;
    const url = absolute(String(clientURL), "client");
    if (new URL(url).origin !== location.origin) {
      throw new DOMException(`The URL '${url}' is not of this origin.`, "SecurityError");
    }
    const info = await gateway().call("getRegistration", { url });
    return info === null ? undefined : registrationFor(info, false);
  }

  async getRegistrations(): Promise<readonly ServiceWorkerRegistration[]> {
    void this.#controller;
    const infos = await gateway().call("getRegistrations", {});
    return Object.freeze(infos.map((info) => registrationFor(info, false)));
  }

  startMessages(): void {
    const queue = this.#queue;
    this.#queue = null;
    // Each message is a task of its own, never part of the call that opened the queue.
    for (const message of queue ?? []) setTimeout(() => this.#deliver(message), 0);
  }

  get onmessage(): EventListener | null {
    return this.#onmessage.value;
  }

  set onmessage(handler: unknown) {
    this.#onmessage.value = handler;
    this.startMessages();
  }

  get onmessageerror(): EventListener | null {
    return this.#onmessageerror.value;
  }

  set onmessageerror(handler: unknown) {
    this.#onmessageerror.value = handler;
  }

  get oncontrollerchange(): EventListener | null {
    return this.#oncontrollerchange.value;
  }

  set oncontrollerchange(handler: unknown) {
    this.#oncontrollerchange.value = handler;
  }

  #deliver(message: MessageFromWorker): void {
    const ports = receivePorts(message.ports);
    let event: MessageEvent;
    try {
      event = new MessageEvent("message", { data: deserialize(message.data), origin: location.origin, ports });
    } catch {
      event = new MessageEvent("messageerror", { origin: location.origin });
    }
    // The constructor accepts only the browser's own workers as source.
    Object.defineProperty(event, "source", { value: workerFor(message.source), enumerable: true });
    this.dispatchEvent(event);
  }

  #checkReady(): void {
    if (this.#resolveReady === null) return;
    const info = matchRegistration(creationUrl);
    if (info === null || info.active === null) return;
    this.#resolveReady(registrationFor(info, false));
    this.#resolveReady = null;
  }

  static {
    getController = (container) => container.#controller;
    setController = (container, controller, notify) => {
      const changed = container.#controller?.worker.id !== controller?.worker.id;
      container.#controller = controller;
      if (changed && notify) container.dispatchEvent(new Event("controllerchange"));
    };
    receiveMessage = (container, message) => {
      if (container.#queue === null) container.#deliver(message);
      else container.#queue.push(message);
    };
    checkReady = (container) => container.#checkReady();
  }
}

/** The document's URL when it was created, which scopes are matched against. */
const creationUrl = location.href.split("#", 1)[0]!;

function absolute(url: string, what: string): string {
  try {
    const parsed = new URL(url, document.baseURI);
    parsed.hash = "";
    return parsed.href;
  } catch {
    throw new TypeError(`The ${what} URL '${url}' is not a valid URL.`);
  }
}

/** Makes the page's container. */
export function createContainer(controller: ControllerInfo | null): ServiceWorkerContainer {
  return new ServiceWorkerContainer(KEY, controller);
}

finishInterface(ServiceWorkerContainer, "ServiceWorkerContainer");
exposeInterface(ServiceWorkerContainer, "ServiceWorkerContainer");
