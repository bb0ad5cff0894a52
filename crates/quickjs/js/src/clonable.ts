// Which objects of web interfaces can be cloned, and how ("serializable objects"). Every other one cannot.

import { isPlatformObject } from "./webidl.ts";

/** A class whose objects can be cloned. */
export interface Clonable<T extends object = object> {
  /** The interface's name; it is part of stored data. */
  interface: string;
  is(value: object): value is T;
  /** A value that can be cloned itself, from which `fromData` makes the object again. */
  toData(object: T): unknown;
  /** Throws for data that is not as `toData` gives it; the data may come from another program. */
  fromData(data: unknown): T;
}

const clonables: Clonable[] = [];

/** Makes the objects of a class clonable. */
export function defineClonable<T extends object>(clonable: Clonable<T>): void {
  clonables[clonables.length] = clonable as unknown as Clonable;
}

/** The interface and data of an object; null for one of no web interface. Throws for one that cannot be cloned. */
export function toPlatformData(value: object): { interface: string; data: unknown } | null {
  for (let i = 0; i < clonables.length; i += 1) {
    const clonable = clonables[i] as Clonable;
    if (clonable.is(value)) return { interface: clonable.interface, data: clonable.toData(value) };
  }
  if (isPlatformObject(value)) throw cloneError(value);
  return null;
}

/** The reverse. */
export function fromPlatformData(name: string, data: unknown): object {
  for (let i = 0; i < clonables.length; i += 1) {
    const clonable = clonables[i] as Clonable;
    if (clonable.interface === name) return clonable.fromData(data);
  }
  throw new DOMException(`the cloned value has an object of ${name}, an interface that does not exist here`, "DataCloneError");
}

const toStringOf = Object.prototype.toString;

/** The exception for a value that cannot be cloned. */
export function cloneError(value: unknown): DOMException {
  let what: string;
  try {
    what = typeof value === "object" && value !== null ? (toStringOf.call(value) as string) : typeof value === "function" ? `the function ${value.name || "(anonymous)"}` : String(value);
  } catch {
    what = "the value";
  }
  return new DOMException(`${what} could not be cloned`, "DataCloneError");
}
