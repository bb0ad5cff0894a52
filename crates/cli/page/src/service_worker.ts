// https://w3c.github.io/ServiceWorker/#serviceworker-interface

import type { ServiceWorkerState, WorkerInfo } from "../protocol";
import { serialize } from "./data.ts";
import { gateway } from "./gateway.ts";
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
    gateway().post({ type: "postMessage", worker, data: serialize(message, transferList(options)) });
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

/** The second argument of `postMessage`: a sequence of objects, or a dictionary that has one. */
function transferList(options: unknown): unknown[] {
  if (options === undefined || options === null) return [];
  if (typeof options !== "object" && typeof options !== "function") {
    throw new TypeError("The transfer list must be a sequence of objects.");
  }
  if (Symbol.iterator in (options as object)) return [...(options as Iterable<unknown>)];
  const { transfer } = options as { transfer?: Iterable<unknown> };
  return transfer === undefined ? [] : [...transfer];
}

finishInterface(ServiceWorker, "ServiceWorker");
exposeInterface(ServiceWorker, "ServiceWorker");
