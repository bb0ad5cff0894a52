// setTimeout and its kin, and the task queue for our own code, all over one host timer (FIFO at equal times).

import { drawId, host } from "./boundary.ts";
import { hostError } from "./operations.ts";
import { reportException } from "./report.ts";
import { callScript } from "./tasks.ts";
import { toDOMString } from "./webidl.ts";

interface Timer {
  run: () => void;
  delay: number;
  repeat: boolean;
  nesting: number;
}

const timers = new Map<number, Timer>();
let currentNesting = 0;
const indirectEval = globalThis.eval;
const DELAY_MAX = 0x7fffffff;
/** HTML: from the sixth nested timer on, a delay is at least 4 ms. */
const NESTING_MAX = 5;

/** The `timer` hook. */
export function timerFired(id: number): void {
  const timer = timers.get(id);
  if (timer === undefined) return;
  if (!timer.repeat) timers.delete(id);
  const outer = currentNesting;
  currentNesting = timer.nesting;
  try {
    timer.run();
  } finally {
    currentNesting = outer;
  }
  if (timer.repeat && timers.get(id) === timer) {
    timer.nesting += 1;
    setHostTimer(id, clampDelay(timer.delay, timer.nesting));
  }
}

/** Starts the host's timer; too many of them are a QuotaExceededError to the script. */
function setHostTimer(id: number, delay: number): void {
  try {
    host.setTimer(id, delay);
  } catch (error) {
    timers.delete(id);
    throw hostError(error);
  }
}

/** Runs our own code after a delay; the id can be given to `stopTimer`. */
export function startInternalTimer(delay: number, run: () => void): number {
  const id = drawId();
  timers.set(id, { run, delay, repeat: false, nesting: 0 });
  setHostTimer(id, delay);
  return id;
}

/** Runs our own code as the next task. */
export function queueTask(run: () => void): void {
  startInternalTimer(0, run);
}

/** Stops a timer, of a script or our own. */
export function stopTimer(id: number): void {
  if (timers.delete(id)) host.clearTimer(id);
}

function clampDelay(delay: number, nesting: number): number {
  return nesting > NESTING_MAX && delay < 4 ? 4 : delay;
}

function startScriptTimer(handler: unknown, timeout: unknown, args: unknown[], repeat: boolean): number {
  let run: () => void;
  if (typeof handler === "function") {
    run = () => {
      callScript(handler, globalThis, args);
    };
  } else {
    const source = toDOMString(handler);
    run = () => {
      callScript(indirectEval, undefined, [source]);
    };
  }
  const wanted = Number(timeout as number);
  const truncated = Number.isFinite(wanted) ? Math.trunc(wanted) : 0;
  const delay = truncated > DELAY_MAX || truncated < 0 ? 0 : truncated;
  const id = drawId();
  const nesting = currentNesting + 1;
  timers.set(id, { run, delay, repeat, nesting });
  setHostTimer(id, clampDelay(delay, nesting));
  return id;
}

export const timerFunctions = {
  setTimeout(handler: unknown, timeout: unknown = 0, ...args: unknown[]): number {
    if (arguments.length === 0) throw new TypeError("setTimeout: 1 argument required, but only 0 present");
    return startScriptTimer(handler, timeout, args, false);
  },
  setInterval(handler: unknown, timeout: unknown = 0, ...args: unknown[]): number {
    if (arguments.length === 0) throw new TypeError("setInterval: 1 argument required, but only 0 present");
    return startScriptTimer(handler, timeout, args, true);
  },
  clearTimeout(id: unknown = 0): void {
    stopTimer(Number(id as number));
  },
  clearInterval(id: unknown = 0): void {
    stopTimer(Number(id as number));
  },
  queueMicrotask(callback: unknown): void {
    if (typeof callback !== "function") throw new TypeError("queueMicrotask: argument 1 is not a function");
    engineQueueMicrotask(() => {
      try {
        Reflect.apply(callback, undefined, []);
      } catch (error) {
        reportException(error);
      }
    });
  },
};

const engineQueueMicrotask = (globalThis as unknown as { queueMicrotask: (run: () => void) => void }).queueMicrotask;
