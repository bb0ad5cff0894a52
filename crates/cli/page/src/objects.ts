// What the page knows of its origin's registrations, and the one JavaScript object for each registration and worker.

import type { RegistrationInfo, SyncDone, WorkerInfo } from "../protocol";
import { type ServiceWorkerRegistration, createRegistration, setRegistrationInfo } from "./registration.ts";
import { type ServiceWorker, createWorker, setWorkerState } from "./service_worker.ts";
import { createSyncDoneEvent } from "./sync_done.ts";

interface Known {
  info: RegistrationInfo;
  object: ServiceWorkerRegistration | null;
  /** The installing worker whose `updatefound` has been fired, or that was there before the page knew the registration. */
  announced: number | null;
}

const registrations = new Map<number, Known>();
/** Unregistered, and perhaps in use. */
const leaving = new Map<number, Known>();
const workers = new Map<number, ServiceWorker>();

/** The object for a worker, always the same one. */
export function workerFor(info: WorkerInfo): ServiceWorker {
  let worker = workers.get(info.id);
  if (worker === undefined) {
    worker = createWorker(info);
    workers.set(info.id, worker);
  }
  return worker;
}

/**
 * The object for a registration, always the same one. `asked` says that it answers `register()` or `update()`: a
 * worker found by that call is announced after the promise has been fulfilled, so that the caller can listen.
 */
export function registrationFor(info: RegistrationInfo, asked: boolean): ServiceWorkerRegistration {
  let known = registrations.get(info.id);
  if (known === undefined) {
    known = { info, object: null, announced: null };
    registrations.set(info.id, known);
  }
  if (known.object === null) {
    known.object = createRegistration(known.info);
    if (!asked) known.announced = known.info.installing?.id ?? null;
  }
  setTimeout(announce, 0, known);
  return known.object;
}

/** Takes over what the gateway says about a registration, and fires the events that follow from it. */
export function updateRegistration(info: RegistrationInfo): void {
  const known = registrations.get(info.id);
  if (known === undefined) {
    registrations.set(info.id, { info, object: null, announced: null });
    return;
  }
  // A worker that the answer to `register()` or `update()` brought may go on before the timer that announces it.
  announce(known);
  const before = slots(known.info);
  known.info = info;
  if (known.object !== null) setRegistrationInfo(known.object, info);
  announce(known);
  const now = slots(info);
  for (const worker of now) {
    const object = workers.get(worker.id);
    if (object !== undefined) setWorkerState(object, worker.state);
  }
  for (const worker of before) {
    if (!now.some((each) => each.id === worker.id)) retire(worker.id);
  }
}

/** The registration is gone; its object and its workers stay as they are as long as a page uses them. */
export function removeRegistration(id: number): void {
  const known = registrations.get(id);
  if (known === undefined) return;
  registrations.delete(id);
  leaving.set(id, known);
}

/** The workers of a registration that is gone are redundant. The object stays with whoever holds it. */
export function clearRegistration(id: number): void {
  const known = leaving.get(id);
  if (known === undefined) return;
  leaving.delete(id);
  const workersBefore = slots(known.info);
  known.info = { ...known.info, installing: null, waiting: null, active: null };
  if (known.object !== null) setRegistrationInfo(known.object, known.info);
  for (const worker of workersBefore) retire(worker.id);
}

/** Replaces everything by what the gateway says after a connection was made. */
export function replaceRegistrations(infos: RegistrationInfo[]): void {
  for (const id of [...registrations.keys()]) {
    if (!infos.some((info) => info.id === id)) removeRegistration(id);
  }
  // On a new connection nothing controls the page that was unregistered before.
  for (const id of [...leaving.keys()]) clearRegistration(id);
  for (const info of infos) updateRegistration(info);
}

/** A sync event of a registration has ended (R248). */
export function announceSyncDone(done: SyncDone): void {
  registrations.get(done.registration)?.object?.dispatchEvent(createSyncDoneEvent(done));
}

/** The registration with the longest scope that matches a URL (R159). */
export function matchRegistration(url: string): RegistrationInfo | null {
  let best: RegistrationInfo | null = null;
  for (const { info } of registrations.values()) {
    if (url.startsWith(info.scope) && (best === null || info.scope.length > best.scope.length)) best = info;
  }
  return best;
}

function announce(known: Known): void {
  const installing = known.info.installing?.id ?? null;
  if (known.object === null || installing === null || installing === known.announced) return;
  known.announced = installing;
  known.object.dispatchEvent(new Event("updatefound"));
}

function retire(id: number): void {
  const worker = workers.get(id);
  if (worker === undefined) return;
  workers.delete(id);
  setWorkerState(worker, "redundant");
}

function slots(info: RegistrationInfo): WorkerInfo[] {
  return [info.installing, info.waiting, info.active].filter((worker) => worker !== null);
}
