// Tasks of a page. A script that our code calls is never the bottom of the stack, so its microtasks run when our task
// has ended, not between two listeners.

/** What the callback that `callScript` called last returned; undefined if it threw. */
export let lastValue: unknown;

/** Calls a script's callback; an exception is reported. Gives whether it threw. */
export function callScript(callback: Function, thisArgument: unknown, args: unknown[]): boolean {
  lastValue = undefined;
  try {
    lastValue = Reflect.apply(callback, thisArgument, args);
    return false;
  } catch (exception) {
    reportError(exception);
    return true;
  }
}

const waiting: (() => void)[] = [];
// Timers wait four milliseconds when they are nested, and a second in the background; messages do not.
const { port1, port2 } = new MessageChannel();
port1.onmessage = (): void => {
  const run = waiting.shift();
  run?.();
};

/** Runs something as a task, in the order of the calls. */
export function queueTask(run: () => void): void {
  waiting.push(run);
  port2.postMessage(null);
}

/** Calls something when the microtasks of the listeners that were just called have run. */
export function afterMicrotasks(callback: () => void): void {
  queueTask(callback);
}

let atMicrotasksEnd: () => void = () => {};

/** Sets what happens when a script that has begun a transaction, and its microtasks, are done. */
export function setMicrotasksEnd(callback: () => void): void {
  atMicrotasksEnd = callback;
}

let isWanted = false;

/** Asks for one call of that. */
export function wantMicrotasksEnd(): void {
  if (isWanted) return;
  isWanted = true;
  queueTask(() => {
    isWanted = false;
    atMicrotasksEnd();
  });
}
