// Who sent a message: a client or a worker of this registration.

import { makeClient } from "./clients.ts";
import { type WorkerRecord, workerObject } from "./registration.ts";

/** The object for the `source` member of a message event. */
export function messageSource(source: unknown): unknown {
  if (typeof source !== "object" || source === null) return null;
  if ("workerId" in source) {
    const { workerId, scriptUrl, state } = source as { workerId: number; scriptUrl: string; state: WorkerRecord["state"] };
    return workerObject({ id: workerId, scriptUrl, state });
  }
  return makeClient(source as ClientInfo);
}
