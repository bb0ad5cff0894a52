// The assertions of the tests in this folder. See README.md.

const registeredTests = [];
let failures = 0;
// Some tests replace the engine's objects.
const { stringify } = JSON;

/** Registers a test; its body may be async. */
function test(name, body) {
  registeredTests.push({ name, body });
}

class AssertionError extends Error {
  get name() {
    return "AssertionError";
  }
}

function show(value) {
  if (typeof value === "string") return stringify(value);
  if (Object.is(value, -0)) return "-0";
  if (typeof value === "object" && value !== null && !(value instanceof Error)) {
    try {
      return stringify(value) ?? String(value);
    } catch {
      return Object.prototype.toString.call(value);
    }
  }
  return String(value);
}

function fail(message) {
  throw new AssertionError(message);
}

function assert(condition, message = "the condition is false") {
  if (condition !== true) fail(`${message} (got ${show(condition)})`);
}

function assertEquals(actual, expected, message = "") {
  if (!Object.is(actual, expected)) fail(`${message}${message && ": "}got ${show(actual)}, expected ${show(expected)}`);
}

/** Compares plain data: arrays, plain objects, primitives. */
function assertDeepEquals(actual, expected, message = "") {
  const same = (a, b) => {
    if (Object.is(a, b)) return true;
    if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
    if (Array.isArray(a) !== Array.isArray(b)) return false;
    const keys = Reflect.ownKeys(a);
    const others = Reflect.ownKeys(b);
    return keys.length === others.length && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
  };
  if (!same(actual, expected)) fail(`${message}${message && ": "}got ${show(actual)}, expected ${show(expected)}`);
}

/** `kind` is a constructor such as TypeError, or the name of a DOMException. */
function checkError(error, kind, what) {
  if (typeof kind === "string") {
    if (!(error instanceof DOMException)) fail(`${what}: got ${show(error)}, expected a DOMException ${kind}`);
    if (error.constructor !== DOMException) fail(`${what}: the exception's constructor is not DOMException`);
    assertEquals(error.name, kind, what);
  } else if (error === null || error === undefined || error.constructor !== kind) {
    fail(`${what}: got ${show(error)}, expected a ${kind.name}`);
  }
}

function assertThrows(kind, body, message = "the call") {
  let error;
  let threw = false;
  try {
    body();
  } catch (exception) {
    threw = true;
    error = exception;
  }
  if (!threw) fail(`${message} did not throw`);
  checkError(error, kind, message);
}

/** The call must give a promise, not throw, and the promise must reject. */
async function assertRejects(kind, body, message = "the call") {
  let promise;
  try {
    promise = body();
  } catch (exception) {
    fail(`${message} threw ${show(exception)} instead of rejecting`);
  }
  assert(promise instanceof Promise, `${message} gives a promise`);
  let error;
  let rejected = false;
  try {
    await promise;
  } catch (exception) {
    rejected = true;
    error = exception;
  }
  if (!rejected) fail(`${message} did not reject`);
  checkError(error, kind, message);
}

/** Resolves when this worker is the active one: before, `register` is refused (R16, R94). */
const activated = new Promise((resolve) => {
  addEventListener("activate", async () => {
    // The state changes a little after the activate event has ended.
    do await nextTask();
    while (registration.active === null || registration.active.state !== "activated");
    resolve();
  });
});

/** Resolves in a later task. */
function nextTask() {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Runs what was registered and says how it went. */
async function done() {
  let passed = 0;
  for (const { name, body } of registeredTests) {
    try {
      await body();
      passed += 1;
    } catch (error) {
      failures += 1;
      const wrapped = new AssertionError(`${name}: ${error && error.name === "AssertionError" ? error.message : String(error)}`);
      if (error && error.stack) wrapped.stack = error.stack;
      reportError(wrapped);
    }
  }
  if (registeredTests.length === 0) reportError(new AssertionError("the file registered no test"));
  else if (failures === 0) console.log(`done: ${passed} passed`);
}

// The file itself runs after this one and before the first task.
setTimeout(done, 0);
