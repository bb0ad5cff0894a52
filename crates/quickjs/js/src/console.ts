// The console namespace object (console.spec.whatwg.org).

import { defineProperty, host } from "./boundary.ts";
import { formatArguments, inspect, ownFramesHidden } from "./inspect.ts";
import { toDOMString } from "./webidl.ts";

type Level = "debug" | "log" | "info" | "warn" | "error";

let indentation = "";
const counts = new Map<string, number>();
const timersByLabel = new Map<string, number>();

function print(level: Level, text: string): void {
  const indented = indentation === "" ? text : text.split("\n").map((line) => indentation + line).join("\n");
  host.log(level, indented.toWellFormed());
}

function logger(level: Level): (...args: unknown[]) => void {
  return (...args) => print(level, formatArguments(args));
}

function label(value: unknown): string {
  return value === undefined ? "default" : toDOMString(value);
}

/** The stack of the script that called the console. */
function stackHere(): string {
  return ownFramesHidden((new Error().stack ?? "").trimEnd());
}

function elapsed(name: string): string | null {
  const start = timersByLabel.get(name);
  return start === undefined ? null : `${name}: ${(host.now() - start).toFixed(3)} ms`;
}

function table(data: unknown, columns: unknown): string {
  if (typeof data !== "object" || data === null) return formatArguments([data]);
  const rows: [string, unknown][] = data instanceof Map ? [...data].map(([key, value]) => [inspect(key), value]) : data instanceof Set ? [...data].map((value, i) => [String(i), value]) : Object.entries(data);
  const wanted = Array.isArray(columns) ? Array.from(columns, (column) => formatArguments([column])) : null;
  const names = new Set<string>(wanted ?? []);
  let hasValues = false;
  const cells = rows.map(([index, row]) => {
    const cell = new Map<string, string>();
    if (typeof row === "object" && row !== null) {
      for (const [key, value] of Object.entries(row)) {
        if (wanted !== null && !wanted.includes(key)) continue;
        names.add(key);
        cell.set(key, inspect(value));
      }
    } else {
      hasValues = true;
    }
    return { index, cell, value: typeof row === "object" && row !== null ? "" : inspect(row) };
  });
  const header = ["(index)", ...names, ...(hasValues ? ["Values"] : [])];
  const lines = cells.map(({ index, cell, value }) => [index, ...[...names].map((name) => cell.get(name) ?? ""), ...(hasValues ? [value] : [])]);
  const widths = header.map((name, i) => Math.max(name.length, ...lines.map((line) => (line[i] as string).length)));
  const draw = (line: string[]): string => `│ ${line.map((text, i) => text.padEnd(widths[i] as number)).join(" │ ")} │`;
  const rule = (left: string, middle: string, right: string): string => left + widths.map((width) => "─".repeat(width + 2)).join(middle) + right;
  return [rule("┌", "┬", "┐"), draw(header), rule("├", "┼", "┤"), ...lines.map(draw), rule("└", "┴", "┘")].join("\n");
}

function group(...args: unknown[]): void {
  if (args.length > 0) print("log", formatArguments(args));
  indentation += "  ";
}

const methods: Record<string, (...args: unknown[]) => void> = {
  debug: logger("debug"),
  log: logger("log"),
  info: logger("info"),
  warn: logger("warn"),
  error: logger("error"),
  assert(condition, ...args) {
    if (condition) return;
    if (typeof args[0] === "string") args[0] = `Assertion failed: ${args[0]}`;
    else args.unshift("Assertion failed");
    print("error", formatArguments(args));
  },
  clear() {
    indentation = "";
  },
  trace(...args) {
    const text = formatArguments(args);
    print("log", `Trace${text === "" ? "" : `: ${text}`}\n${stackHere()}`);
  },
  dir(item) {
    print("log", inspect(item));
  },
  dirxml: logger("log"),
  table(data, columns) {
    let text: string;
    try {
      text = table(data, columns);
    } catch {
      // A getter or a proxy threw; what can be shown is shown plainly.
      text = inspect(data);
    }
    print("log", text);
  },
  count(name) {
    const key = label(name);
    const value = (counts.get(key) ?? 0) + 1;
    counts.set(key, value);
    print("info", `${key}: ${value}`);
  },
  countReset(name) {
    const key = label(name);
    if (!counts.delete(key)) print("warn", `Count for '${key}' does not exist`);
  },
  group,
  groupCollapsed: (...args) => group(...args),
  groupEnd() {
    indentation = indentation.slice(2);
  },
  time(name) {
    const key = label(name);
    if (timersByLabel.has(key)) print("warn", `Timer '${key}' already exists`);
    else timersByLabel.set(key, host.now());
  },
  timeLog(name, ...args) {
    const key = label(name);
    const text = elapsed(key);
    if (text === null) print("warn", `Timer '${key}' does not exist`);
    else print("info", args.length > 0 ? `${text} ${formatArguments(args)}` : text);
  },
  timeEnd(name) {
    const key = label(name);
    const text = elapsed(key);
    timersByLabel.delete(key);
    if (text === null) print("warn", `Timer '${key}' does not exist`);
    else print("info", text);
  },
};

/** A namespace object: its prototype is an empty object of its own. */
export const console: object = Object.create({});
for (const name of Object.keys(methods)) {
  const method = methods[name] as Function;
  defineProperty(method, "name", { value: name, configurable: true });
  defineProperty(method, "length", { value: 0, configurable: true });
  defineProperty(console, name, { value: method, writable: true, enumerable: true, configurable: true });
}
defineProperty(console, Symbol.toStringTag, { value: "console", configurable: true });
