// Values as text for people: the console's formatter.

const DEPTH_MAX = 3;
const ITEMS_MAX = 100;
const STRING_LENGTH_MAX = 10_000;
const LINE_LENGTH = 76;
const PAIR_ITERABLES = ["Headers", "FormData", "URLSearchParams"];

const objectToString = Object.prototype.toString;
const errorToString = Error.prototype.toString;
const functionToString = Function.prototype.toString;
const dateToIsoString = Date.prototype.toISOString;
const regExpToString = RegExp.prototype.toString;

/** An error with its stack, causes included; other values as `inspect` shows them. */
export function describeError(error: unknown): string {
  return error instanceof Error || isDomException(error) ? errorText(error as Error, new Set(), 0) : inspect(error);
}

/** A value as text, bounded in depth and length. Never throws, whatever getters and proxies do. */
export function inspect(value: unknown): string {
  try {
    return format(value, 0, new Set());
  } catch {
    return "[value that cannot be inspected]";
  }
}

/** `console.log`'s way with several arguments: %-directives in the first, strings bare, the rest inspected. */
export function formatArguments(args: readonly unknown[]): string {
  const parts: string[] = [];
  let next = 0;
  const first = args[0];
  if (typeof first === "string" && args.length > 1 && first.includes("%")) {
    next = 1;
    parts.push(
      first.replace(/%[sdifoOc%]/g, (directive) => {
        if (directive === "%%") return "%";
        if (next >= args.length) return directive;
        const argument = args[next];
        next += 1;
        switch (directive) {
          case "%s":
            return typeof argument === "string" ? argument : typeof argument === "object" ? inspect(argument) : String(argument);
          case "%d":
          case "%i":
            return typeof argument === "symbol" ? "NaN" : String(Math.trunc(Number(argument)));
          case "%f":
            return typeof argument === "symbol" ? "NaN" : String(Number(argument));
          case "%c":
            return "";
          default:
            return inspect(argument);
        }
      }),
    );
  }
  for (; next < args.length; next += 1) {
    const argument = args[next];
    parts.push(typeof argument === "string" ? argument : inspect(argument));
  }
  return parts.join(" ");
}

function isDomException(value: unknown): boolean {
  return typeof value === "object" && value !== null && value instanceof DOMException;
}

/** A stack without the frames of this bundle, which mean nothing to the script's author, unless there are no others. */
export function ownFramesHidden(stack: string): string {
  const shown = stack.split("\n").filter((line) => !line.includes("wakeworker:runtime:") && !line.endsWith(" (native)"));
  return shown.length === 0 ? stack : shown.join("\n");
}

/** Where an error was thrown, as far as its stack tells. */
export function errorPosition(error: unknown): { filename: string; lineno: number; colno: number } | null {
  try {
    const { stack } = error as Error;
    if (typeof stack !== "string") return null;
    const match = /\(?([^\s()]+):(\d+):(\d+)\)?$/m.exec(ownFramesHidden(stack));
    return match === null ? null : { filename: match[1] as string, lineno: Number(match[2]), colno: Number(match[3]) };
  } catch {
    return null;
  }
}

function errorText(error: Error, seen: Set<unknown>, depth: number): string {
  seen.add(error);
  let head: string;
  let stack = "";
  try {
    head = Reflect.apply(errorToString, error, []) as string;
    // The engine's stack has no "Name: message" line of its own.
    stack = typeof error.stack === "string" ? ownFramesHidden(error.stack.trimEnd()) : "";
  } catch {
    head = "Error that cannot be read";
  }
  let text = stack === "" || stack.startsWith(head) ? stack || head : `${head}\n${stack}`;
  try {
    if ("cause" in error && error.cause !== undefined && !seen.has(error.cause) && depth < DEPTH_MAX) {
      const cause = error.cause;
      text += `\n  [cause]: ${cause instanceof Error ? errorText(cause, seen, depth + 1) : format(cause, depth + 1, seen)}`;
    }
    const { errors } = error as { errors?: unknown };
    if (Array.isArray(errors) && depth < DEPTH_MAX) {
      for (const inner of errors.slice(0, ITEMS_MAX)) {
        text += `\n  [error]: ${inner instanceof Error && !seen.has(inner) ? errorText(inner, seen, depth + 1) : format(inner, depth + 1, seen)}`;
      }
    }
  } catch {
    text += "\n  [cause that cannot be read]";
  }
  return text;
}

function quote(text: string): string {
  const shown = text.length > STRING_LENGTH_MAX ? text.slice(0, STRING_LENGTH_MAX) : text;
  const escaped = shown.replace(/[\\'\n\r\t\u0000-\u001f\u007f]/g, (c) => {
    if (c === "\n") return "\\n";
    if (c === "\r") return "\\r";
    if (c === "\t") return "\\t";
    if (c === "'" || c === "\\") return `\\${c}`;
    return `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
  return `'${escaped}'${text.length > shown.length ? `… ${text.length - shown.length} more` : ""}`;
}

function format(value: unknown, depth: number, seen: Set<unknown>): string {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint":
      return `${value}n`;
    case "symbol":
    case "boolean":
    case "undefined":
      return String(value);
    case "function":
      return formatFunction(value);
    default:
      return value === null ? "null" : formatObject(value as object, depth, seen);
  }
}

function formatFunction(value: Function): string {
  const isClass = /^class\b/.test(Reflect.apply(functionToString, value, []) as string);
  const name = typeof value.name === "string" && value.name !== "" ? `: ${value.name}` : " (anonymous)";
  return isClass ? `[class${name.replace(":", "")}]` : `[Function${name}]`;
}

/** The constructor's name, or null for null-prototype objects. */
function constructorName(value: object): string | null {
  const tag = (Reflect.apply(objectToString, value, []) as string).slice(8, -1);
  for (let proto = Object.getPrototypeOf(value) as object | null; proto !== null; proto = Object.getPrototypeOf(proto) as object | null) {
    const descriptor = Object.getOwnPropertyDescriptor(proto, "constructor");
    if (descriptor !== undefined && typeof descriptor.value === "function" && descriptor.value.name !== "") {
      const name = descriptor.value.name as string;
      return tag !== "Object" && tag !== name && name === "Object" ? tag : name;
    }
  }
  return null;
}

function formatObject(value: object, depth: number, seen: Set<unknown>): string {
  if (value instanceof Error || isDomException(value)) {
    if (seen.has(value)) return "[Circular]";
    return errorText(value as Error, seen, depth);
  }
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? "Invalid Date" : (Reflect.apply(dateToIsoString, value, []) as string);
  }
  if (value instanceof RegExp) return Reflect.apply(regExpToString, value, []) as string;
  if (seen.has(value)) return "[Circular]";
  const name = constructorName(value);
  if (depth >= DEPTH_MAX) return Array.isArray(value) ? "[Array]" : `[${name ?? "Object: null prototype"}]`;
  seen.add(value);
  try {
    return formatMembers(value, name, depth, seen);
  } finally {
    seen.delete(value);
  }
}

function formatMembers(value: object, name: string | null, depth: number, seen: Set<unknown>): string {
  const inner = (item: unknown): string => format(item, depth + 1, seen);
  const items: string[] = [];
  let prefix = name === "Object" ? "" : `${name ?? "[Object: null prototype]"} `;
  let brackets = ["{", "}"];
  let total = 0;
  const add = (make: () => string): void => {
    total += 1;
    if (total <= ITEMS_MAX) items.push(make());
  };
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
    const list = value as ArrayLike<unknown>;
    brackets = ["[", "]"];
    prefix = name === "Array" ? "" : `${name}(${list.length}) `;
    for (let i = 0; i < Math.min(list.length, ITEMS_MAX); i += 1) items.push(i in list ? inner(list[i]) : "<empty>");
    total = list.length;
  } else if (value instanceof Map) {
    prefix = `Map(${value.size}) `;
    for (const [key, item] of Map.prototype.entries.call(value)) add(() => `${inner(key)} => ${inner(item)}`);
  } else if (value instanceof Set) {
    prefix = `Set(${value.size}) `;
    for (const item of Set.prototype.values.call(value)) add(() => inner(item));
  } else if (name !== null && PAIR_ITERABLES.includes(name)) {
    for (const [key, item] of value as Iterable<[string, unknown]>) add(() => `${quote(key)} => ${inner(item)}`);
  } else if (value instanceof ArrayBuffer) {
    items.push(`byteLength: ${value.byteLength}`);
    total = 1;
  } else if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) {
    items.push("…");
    total = 1;
  } else if (value instanceof String || value instanceof Number || value instanceof Boolean) {
    return `[${name}: ${format(value.valueOf(), depth + 1, seen)}]`;
  }
  if (brackets[0] === "{" && !PAIR_ITERABLES.includes(name ?? "")) addProperties(value, add, inner);
  if (total > ITEMS_MAX) items.push(`… ${total - ITEMS_MAX} more`);
  if (items.length === 0) return `${prefix}${brackets.join("")}`;
  const line = items.join(", ");
  if (line.length + prefix.length <= LINE_LENGTH && !line.includes("\n")) {
    return `${prefix}${brackets[0]} ${line} ${brackets[1]}`;
  }
  const indent = "  ".repeat(depth + 1);
  const lines = brackets[0] === "[" ? packLines(items) : items;
  return `${prefix}${brackets[0]}\n${lines.map((item) => indent + item).join(",\n")}\n${"  ".repeat(depth)}${brackets[1]}`;
}

/** Puts as many short items on a line as fit. */
function packLines(items: readonly string[]): string[] {
  const lines: string[] = [];
  for (const item of items) {
    const last = lines.at(-1);
    if (last !== undefined && !item.includes("\n") && !last.includes("\n") && last.length + item.length + 2 <= LINE_LENGTH) {
      lines[lines.length - 1] = `${last}, ${item}`;
    } else {
      lines.push(item);
    }
  }
  return lines;
}

/** Own properties; for our interface objects, the values of the prototype's attributes. */
function addProperties(value: object, add: (make: () => string) => void, inner: (item: unknown) => string): void {
  const showKey = (key: string | symbol): string => (typeof key === "symbol" ? `[${String(key)}]` : /^[A-Za-z_$][\w$]*$/.test(key) ? key : quote(key));
  const show = (key: string | symbol, descriptor: PropertyDescriptor): void => {
    add(() => {
      if ("value" in descriptor) return `${showKey(key)}: ${inner(descriptor.value)}`;
      return `${showKey(key)}: ${descriptor.get === undefined ? "[Setter]" : descriptor.set === undefined ? "[Getter]" : "[Getter/Setter]"}`;
    });
  };
  let shown = 0;
  for (const key of Reflect.ownKeys(value)) {
    const descriptor = Object.getOwnPropertyDescriptor(value, key);
    if (descriptor === undefined || descriptor.enumerable !== true || key === "isTrusted") continue;
    shown += 1;
    show(key, descriptor);
  }
  const proto = Object.getPrototypeOf(value) as object | null;
  if (shown > 0 || proto === null || !Object.hasOwn(proto, Symbol.toStringTag)) return;
  for (const key of Object.keys(proto)) {
    const descriptor = Object.getOwnPropertyDescriptor(proto, key);
    if (descriptor?.get === undefined || key.startsWith("on")) continue;
    const getter = descriptor.get;
    add(() => {
      try {
        return `${key}: ${inner(Reflect.apply(getter, value, []))}`;
      } catch {
        return `${key}: [Getter]`;
      }
    });
  }
}
