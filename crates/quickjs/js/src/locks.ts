// LockManager and Lock (Web Locks API, section 3).

import { addAbortAlgorithm, isAbortSignal, removeAbortAlgorithm } from "./abort.ts";
import { drawId, host, jsonParse, jsonStringify, promiseResolve, then } from "./boundary.ts";
import { hostError, promiseOperation } from "./operations.ts";
import { defineInterface, internal, requireArguments, requireInternal, toDictionary, toDOMString, toEnumeration } from "./webidl.ts";

type Mode = "shared" | "exclusive";

export class Lock {
  #name: string;
  #mode: Mode;
  constructor(token: unknown = undefined, name: unknown = undefined, mode: unknown = undefined) {
    requireInternal(token);
    this.#name = name as string;
    this.#mode = mode as Mode;
  }
  get name(): string {
    return this.#name;
  }
  get mode(): Mode {
    return this.#mode;
  }
}
defineInterface(Lock, "Lock");

type Verdict = "granted" | "unavailable" | "aborted" | "stolen";

/** What the host tells of the requests that have not ended. */
const requests = new Map<number, (verdict: Verdict) => void>();

/** The `lockTold` hook. */
export function lockTold(id: number, verdict: Verdict): void {
  requests.get(id)?.(verdict);
}

interface Wish {
  name: string;
  mode: Mode;
  manner: "wait" | "ifAvailable" | "steal";
  signal: unknown;
}

function toWish(nameGiven: unknown, options: unknown): Wish {
  const name = toDOMString(nameGiven);
  const members = toDictionary(options, "LockOptions");
  const ifAvailable = Boolean(members.ifAvailable);
  const mode = members.mode === undefined ? "exclusive" : toEnumeration(members.mode, ["shared", "exclusive"] as const, "LockOptions.mode");
  const { signal } = members;
  if (signal !== undefined && !isAbortSignal(signal)) throw new TypeError("LockOptions.signal is not an AbortSignal");
  const steal = Boolean(members.steal);
  const refuse = (why: string): never => {
    throw new DOMException(`LockManager.request: ${why}`, "NotSupportedError");
  };
  if (name.startsWith("-")) refuse(`the name "${name}" begins with "-"`);
  if (steal && ifAvailable) refuse("steal and ifAvailable exclude each other");
  if (steal && mode !== "exclusive") refuse("only an exclusive lock can be stolen");
  if (signal !== undefined && (steal || ifAvailable)) refuse("a signal goes with neither steal nor ifAvailable");
  return { name, mode, manner: steal ? "steal" : ifAvailable ? "ifAvailable" : "wait", signal };
}

function requestLock({ name, mode, manner, signal }: Wish, callback: Function): Promise<unknown> {
  if (isAbortSignal(signal)) signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const id = drawId();
    const end = (): void => {
      requests.delete(id);
      if (isAbortSignal(signal)) removeAbortAlgorithm(signal, abort);
    };
    // Only a request that still waits is aborted: the algorithm goes with the grant.
    const abort = (): void => {
      end();
      host.lockRelease(id);
      if (isAbortSignal(signal)) reject(signal.reason);
    };
    const run = (lock: Lock | null): void => {
      const result = promiseOperation(async () => Reflect.apply(callback, undefined, [lock]) as unknown);
      const settle = (finish: (value: unknown) => void) => (value: unknown): void => {
        end();
        if (lock !== null) host.lockRelease(id);
        finish(value);
      };
      then(promiseResolve(result), settle(resolve), settle(reject));
    };
    requests.set(id, (verdict) => {
      if (verdict === "granted") {
        if (isAbortSignal(signal)) removeAbortAlgorithm(signal, abort);
        run(new Lock(internal, name, mode));
      } else if (verdict === "unavailable") {
        run(null);
      } else {
        end();
        reject(new DOMException(`the lock "${name}" was ${verdict === "stolen" ? "stolen by another request" : "given up"}`, "AbortError"));
      }
    });
    if (isAbortSignal(signal)) addAbortAlgorithm(signal, abort);
    try {
      host.lockRequest(id, jsonStringify(name), mode === "exclusive", manner);
    } catch (error) {
      end();
      throw hostError(error);
    }
  });
}

export class LockManager {
  #ready = true;
  constructor(token: unknown = undefined) {
    requireInternal(token);
  }
  request(name: unknown, optionsOrCallback: unknown, ...more: unknown[]): Promise<unknown> {
    return promiseOperation(() => {
      void this.#ready;
      requireArguments(arguments.length, 2, "LockManager.request");
      const callback = arguments.length > 2 ? more[0] : optionsOrCallback;
      if (typeof callback !== "function") throw new TypeError("LockManager.request: the callback is not a function");
      return requestLock(toWish(name, arguments.length > 2 ? optionsOrCallback : undefined), callback);
    });
  }
  query(): Promise<unknown> {
    return promiseOperation(async () => {
      void this.#ready;
      return jsonParse(host.lockQuery());
    });
  }
}
defineInterface(LockManager, "LockManager");

/** `navigator.locks`. */
export const locks = new LockManager(internal);
