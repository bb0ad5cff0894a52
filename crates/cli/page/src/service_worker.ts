// https://w3c.github.io/ServiceWorker/#serviceworker-interface

import type { ServiceWorkerState, WorkerInfo } from "../protocol";
import { gateway } from "./gateway.ts";
import { serializeForElsewhere } from "./ports.ts";
import { HandlerAttribute, KEY, exposeInterface, finishInterface, requireKey } from "./webidl.ts";

/** Changes the state of a worker object and fires `statechange`. */
export let setWorkerState: (worker: ServiceWorker, state: ServiceWorkerState) => void;

export class ServiceWorker extends EventTarget {
  #info: WorkerInfo;
  #onstatechange = new HandlerAttribute(this, "statechange");
  #onerror = new HandlerAttribute(this, "error");

  constructor(...args: unknown[]) {
    requireKey(args, "ServiceWorker");
    super();
    this.#info = { ...(args[1] as WorkerInfo) };
  }

  get scriptURL(): string {
    return this.#info.scriptUrl;
  }

  get state(): ServiceWorkerState {
    return this.#info.state;
  }

  postMessage(message: unknown, options: unknown = undefined): void {
    const worker = this.#info.id;
    if (arguments.length === 0) {
      throw new TypeError("Failed to execute 'postMessage' on 'ServiceWorker': 1 argument required, but only 0 present.");
    }
    const { data, ports } = serializeForElsewhere(message, options);
    gateway().post({ type: "postMessage", worker, data, ports });
  }

  get onstatechange(): EventListener | null {
    return this.#onstatechange.value;
  }

  set onstatechange(handler: unknown) {
    this.#onstatechange.value = handler;
  }

  get onerror(): EventListener | null {
    return this.#onerror.value;
  }

  set onerror(handler: unknown) {
    this.#onerror.value = handler;
  }

  static {
    setWorkerState = (worker, state) => {
      if (worker.#info.state === state) return;
      worker.#info.state = state;
      worker.dispatchEvent(new Event("statechange"));
    };
  }
}

/** Makes the object for a worker. */
export function createWorker(info: WorkerInfo): ServiceWorker {
  return new ServiceWorker(KEY, info);
}

finishInterface(ServiceWorker, "ServiceWorker");
exposeInterface(ServiceWorker, "ServiceWorker");
