// The parts of Web IDL that classes need to look like a browser's own: constructors that scripts cannot call, members
// that enumerate, and event handler attributes.

/** What our own code passes to a constructor that scripts must not call. */
export const KEY = Symbol("wakeworker");

/** Throws what a browser throws when a script calls a constructor that the standard does not give it. */
export function requireKey(args: unknown[], name: string): void {
  if (args[0] !== KEY) throw new TypeError(`Failed to construct '${name}': Illegal constructor`);
}

/** Gives a class the property attributes of an interface: enumerable members and a class string. */
export function finishInterface(constructor: Function, name: string): void {
  const prototype = constructor.prototype as object;
  for (const key of Object.getOwnPropertyNames(prototype)) {
    if (key === "constructor") continue;
    const descriptor = Object.getOwnPropertyDescriptor(prototype, key)!;
    Object.defineProperty(prototype, key, { ...descriptor, enumerable: true });
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: name, configurable: true });
  Object.defineProperty(constructor, "name", { value: name, configurable: true });
}

/** Takes members of an extension that is switched off away again, so that scripts find the standard's interface. */
export function withholdMembers(constructor: Function, names: readonly string[]): void {
  for (const name of names) Reflect.deleteProperty(constructor.prototype as object, name);
}

/** Throws what a browser throws if a call gave too few arguments. */
export function requireArguments(given: number, needed: number, operation: string, name: string): void {
  if (given >= needed) return;
  const plural = needed === 1 ? "" : "s";
  throw new TypeError(`Failed to execute '${operation}' on '${name}': ${needed} argument${plural} required, but only ${given} present.`);
}

/** Puts an interface object on the global, where it replaces the browser's. */
export function exposeInterface(constructor: Function, name: string): void {
  // R1: where the page is no secure context there are no service workers either.
  if (!isSecureContext) return;
  Object.defineProperty(globalThis, name, { value: constructor, writable: true, enumerable: false, configurable: true });
}

/** The state of one event handler attribute, such as `onmessage`. */
export class HandlerAttribute {
  #target: EventTarget;
  #type: string;
  #handler: EventListener | null = null;
  #listening = false;

  constructor(target: EventTarget, type: string) {
    this.#target = target;
    this.#type = type;
  }

  get value(): EventListener | null {
    return this.#handler;
  }

  /** Anything that is not an object means "none", as in the HTML standard. */
  set value(handler: unknown) {
    const callable = typeof handler === "function" || (typeof handler === "object" && handler !== null);
    this.#handler = callable ? (handler as EventListener) : null;
    // The listener keeps the place in the order of listeners that the first handler took.
    if (callable && !this.#listening) {
      this.#listening = true;
      this.#target.addEventListener(this.#type, (event) => {
        if (typeof this.#handler === "function") this.#handler.call(this.#target, event);
      });
    }
  }
}

/** `[EnforceRange]`-free enumeration conversion: the value as text, which must be one of `allowed`. */
export function toEnumeration<T extends string>(value: unknown, allowed: readonly T[], what: string): T {
  const text = String(value);
  const found = allowed.find((each) => each === text);
  if (found === undefined) {
    throw new TypeError(`The provided value '${text}' is not a valid enum value of type ${what}.`);
  }
  return found;
}

/** The 16-bit units of a DOMString (R12). */
export function toUnits(text: string): number[] {
  return Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
}

/** The DOMString with these 16-bit units. */
export function fromUnits(units: number[]): string {
  let text = "";
  for (const unit of units) text += String.fromCharCode(unit);
  return text;
}

/** The exception for an error that the gateway reports by name. */
export function toException(name: string, message: string): Error {
  return name === "TypeError" ? new TypeError(message) : new DOMException(message, name);
}
