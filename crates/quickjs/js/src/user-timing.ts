// Marks, measures and their observers (User Timing; Performance Timeline).

import { host } from "./boundary.ts";
import { callScript } from "./tasks.ts";
import { structuredClone } from "./structured-clone.ts";
import { queueTask } from "./timers.ts";
import { defineInterface, type Dictionary, internal, isObject, requireArguments, requireInternal, toDictionary, toDOMString, toSequence } from "./webidl.ts";

interface EntryParts {
  name: string;
  entryType: "mark" | "measure";
  startTime: number;
  duration: number;
}

let lastId = 0;
let partsOf: (entry: PerformanceEntry) => EntryParts;

export class PerformanceEntry {
  #parts: EntryParts;
  #id: number;

  static {
    partsOf = (entry) => entry.#parts;
  }

  constructor(token: unknown = undefined, parts: unknown = undefined) {
    requireInternal(token);
    this.#parts = parts as EntryParts;
    lastId += 1;
    this.#id = lastId;
  }
  get id(): number {
    return this.#id;
  }
  get name(): string {
    return this.#parts.name;
  }
  get entryType(): string {
    return this.#parts.entryType;
  }
  get startTime(): number {
    return this.#parts.startTime;
  }
  get duration(): number {
    return this.#parts.duration;
  }
  /** Workers are not navigated. */
  get navigationId(): number {
    void this.#parts;
    return 0;
  }
  toJSON(): object {
    const { name, entryType, startTime, duration } = this.#parts;
    return { id: this.#id, name, entryType, startTime, duration, navigationId: 0 };
  }
}
defineInterface(PerformanceEntry, "PerformanceEntry");

function toTime(value: unknown, what: string): number {
  const number = +(value as number);
  if (!Number.isFinite(number)) throw new TypeError(`${what}: ${number} is not a finite number`);
  return number;
}

/** A time that cannot be negative. */
function toPointInTime(value: unknown, what: string): number {
  const time = toTime(value, what);
  if (time < 0) throw new TypeError(`${what}: the time ${time} is negative`);
  return time;
}

const cloned = (detail: unknown): unknown => (detail === undefined || detail === null ? null : structuredClone(detail));

export class PerformanceMark extends PerformanceEntry {
  #detail: unknown;
  constructor(markName: unknown, options: unknown = undefined) {
    requireArguments(arguments.length, 1, "PerformanceMark constructor");
    const name = toDOMString(markName);
    const { detail, startTime } = toDictionary(options, "PerformanceMarkOptions");
    const start = startTime === undefined ? host.now() : toPointInTime(startTime, "PerformanceMarkOptions.startTime");
    super(internal, { name, entryType: "mark", startTime: start, duration: 0 });
    this.#detail = cloned(detail);
  }
  get detail(): unknown {
    return this.#detail;
  }
}
defineInterface(PerformanceMark, "PerformanceMark");

export class PerformanceMeasure extends PerformanceEntry {
  #detail: unknown;
  constructor(token: unknown = undefined, parts: unknown = undefined, detail: unknown = undefined) {
    requireInternal(token);
    super(internal, parts);
    this.#detail = detail;
  }
  get detail(): unknown {
    return this.#detail;
  }
}
defineInterface(PerformanceMeasure, "PerformanceMeasure");

/** The timeline, in the order of the start times; among equals in the order of their making. */
let timeline: PerformanceEntry[] = [];

function add(entry: PerformanceEntry): void {
  const { startTime } = partsOf(entry);
  let at = timeline.length;
  while (at > 0 && partsOf(timeline[at - 1] as PerformanceEntry).startTime > startTime) at -= 1;
  timeline.splice(at, 0, entry);
  for (const observer of observers) notice(observer, entry);
}

type Filter = { name?: string; type?: string };

function filtered(list: readonly PerformanceEntry[], { name, type }: Filter): PerformanceEntry[] {
  return list.filter((entry) => {
    const parts = partsOf(entry);
    return (name === undefined || parts.name === name) && (type === undefined || parts.entryType === type);
  });
}

export function mark(given: number, name: unknown, options: unknown): PerformanceMark {
  requireArguments(given, 1, "Performance.mark");
  const made = new PerformanceMark(name, options);
  add(made);
  return made;
}

/** The attributes of PerformanceTiming, which only windows have. */
const NAVIGATION_TIMES: ReadonlySet<string> = new Set([
  "navigationStart",
  "unloadEventStart",
  "unloadEventEnd",
  "redirectStart",
  "redirectEnd",
  "fetchStart",
  "domainLookupStart",
  "domainLookupEnd",
  "connectStart",
  "connectEnd",
  "secureConnectionStart",
  "requestStart",
  "responseStart",
  "responseEnd",
  "domLoading",
  "domInteractive",
  "domContentLoadedEventStart",
  "domContentLoadedEventEnd",
  "domComplete",
  "loadEventStart",
  "loadEventEnd",
]);

/** "Convert a mark to a timestamp". */
function timeOf(value: unknown, what: string): number {
  if (typeof value === "number") return toPointInTime(value, what);
  const name = toDOMString(value);
  if (NAVIGATION_TIMES.has(name)) throw new TypeError(`Performance.measure: "${name}" is a time that only windows have`);
  const found = filtered(timeline, { name, type: "mark" }).at(-1);
  if (found === undefined) throw new DOMException(`Performance.measure: there is no mark "${name}"`, "SyntaxError");
  return partsOf(found).startTime;
}

export function measure(given: number, measureName: unknown, startOrOptions: unknown, endMark: unknown): PerformanceMeasure {
  requireArguments(given, 1, "Performance.measure");
  const name = toDOMString(measureName);
  const options: Dictionary = isObject(startOrOptions) ? toDictionary(startOrOptions, "PerformanceMeasureOptions") : {};
  const { start, end, duration, detail } = options;
  const hasOptions = [start, end, duration, detail].some((member) => member !== undefined);
  if (hasOptions && endMark !== undefined) throw new TypeError("Performance.measure: an end mark does not go with options");
  if (hasOptions && start === undefined && end === undefined) throw new TypeError("Performance.measure: the options have neither start nor end");
  if (start !== undefined && end !== undefined && duration !== undefined) throw new TypeError("Performance.measure: start, end and duration are one too many");
  const length = duration === undefined ? undefined : toTime(duration, "PerformanceMeasureOptions.duration");
  const startGiven = isObject(startOrOptions) ? start : (startOrOptions ?? undefined);
  const endTime =
    endMark !== undefined
      ? timeOf(toDOMString(endMark), "Performance.measure: endMark")
      : end !== undefined
        ? timeOf(end, "PerformanceMeasureOptions.end")
        : start !== undefined && length !== undefined
          ? timeOf(start, "PerformanceMeasureOptions.start") + length
          : host.now();
  const startTime =
    startGiven !== undefined
      ? timeOf(startGiven, "Performance.measure: start")
      : end !== undefined && length !== undefined
        ? endTime - length
        : 0;
  const made = new PerformanceMeasure(internal, { name, entryType: "measure", startTime, duration: endTime - startTime }, cloned(detail));
  add(made);
  return made;
}

export function clear(type: "mark" | "measure", name: unknown): void {
  const wanted = name === undefined ? undefined : toDOMString(name);
  const gone = filtered(timeline, wanted === undefined ? { type } : { type, name: wanted });
  timeline = timeline.filter((entry) => !gone.includes(entry));
}

export const entries = (): PerformanceEntry[] => [...timeline];

export const entriesByType = (type: unknown, list: readonly PerformanceEntry[] = timeline): PerformanceEntry[] => filtered(list, { type: toDOMString(type) });

export function entriesByName(name: unknown, type: unknown, list: readonly PerformanceEntry[] = timeline): PerformanceEntry[] {
  const filter = { name: toDOMString(name) };
  return filtered(list, type === undefined ? filter : { ...filter, type: toDOMString(type) });
}

export class PerformanceObserverEntryList {
  #list: readonly PerformanceEntry[];
  constructor(token: unknown = undefined, list: unknown = undefined) {
    requireInternal(token);
    // "Filter buffer by name and type" sorts by start time; a measure is made after the marks between which it lies.
    this.#list = (list as PerformanceEntry[]).toSorted((a, b) => partsOf(a).startTime - partsOf(b).startTime);
  }
  getEntries(): PerformanceEntry[] {
    return [...this.#list];
  }
  getEntriesByType(type: unknown): PerformanceEntry[] {
    const list = this.#list;
    requireArguments(arguments.length, 1, "PerformanceObserverEntryList.getEntriesByType");
    return entriesByType(type, list);
  }
  getEntriesByName(name: unknown, type: unknown = undefined): PerformanceEntry[] {
    const list = this.#list;
    requireArguments(arguments.length, 1, "PerformanceObserverEntryList.getEntriesByName");
    return entriesByName(name, type, list);
  }
}
defineInterface(PerformanceObserverEntryList, "PerformanceObserverEntryList");

const ENTRY_TYPES: readonly string[] = Object.freeze(["mark", "measure"]);

const observers = new Set<PerformanceObserver>();
let notice: (observer: PerformanceObserver, entry: PerformanceEntry) => void;

export class PerformanceObserver {
  #callback: Function;
  #types: string[] = [];
  #kind: "single" | "multiple" | null = null;
  #buffer: PerformanceEntry[] = [];
  #queued = false;

  static {
    notice = (observer, entry) => {
      if (!observer.#types.includes(partsOf(entry).entryType)) return;
      observer.#buffer.push(entry);
      observer.#wake();
    };
  }

  static get supportedEntryTypes(): readonly string[] {
    return ENTRY_TYPES;
  }

  constructor(callback: unknown) {
    if (typeof callback !== "function") throw new TypeError("PerformanceObserver constructor: argument 1 is not a function");
    this.#callback = callback;
  }
  observe(options: unknown = undefined): void {
    const kind = this.#kind;
    const members = toDictionary(options, "PerformanceObserverInit");
    const buffered = Boolean(members.buffered);
    const types = members.entryTypes === undefined ? null : toSequence(members.entryTypes, toDOMString, "PerformanceObserverInit.entryTypes");
    const type = members.type === undefined ? null : toDOMString(members.type);
    if ((types === null) === (type === null)) throw new TypeError("PerformanceObserver.observe: give either entryTypes or type");
    if (types !== null && members.buffered !== undefined) throw new TypeError("PerformanceObserver.observe: buffered goes with type only");
    const wanted = types === null ? "single" : "multiple";
    if (kind !== null && kind !== wanted) throw new DOMException("PerformanceObserver.observe: type and entryTypes cannot be mixed", "InvalidModificationError");
    // Types that nobody knows are passed over, as the specification wants.
    const known = (types ?? [type as string]).filter((name) => ENTRY_TYPES.includes(name));
    if (known.length === 0) return;
    this.#kind = wanted;
    this.#types = types === null ? [...new Set([...this.#types, ...known])] : known;
    observers.add(this);
    if (buffered) {
      this.#buffer.push(...filtered(timeline, { type: known[0] as string }));
      this.#wake();
    }
  }
  disconnect(): void {
    this.#types = [];
    this.#buffer = [];
    this.#kind = null;
    observers.delete(this);
  }
  takeRecords(): PerformanceEntry[] {
    const records = this.#buffer;
    this.#buffer = [];
    return records;
  }

  #wake(): void {
    if (this.#queued || this.#buffer.length === 0) return;
    this.#queued = true;
    queueTask(() => {
      this.#queued = false;
      const list = this.#buffer;
      this.#buffer = [];
      if (list.length === 0) return;
      callScript(this.#callback, this, [new PerformanceObserverEntryList(internal, list), this, { droppedEntriesCount: 0 }]);
    });
  }
}
defineInterface(PerformanceObserver, "PerformanceObserver");
