// Event and EventTarget (DOM standard, section 2).

test("listeners run in the order in which they were added, each once", () => {
  const target = new EventTarget();
  const log = [];
  const first = () => log.push("first");
  target.addEventListener("x", first);
  target.addEventListener("x", first);
  target.addEventListener("x", () => log.push("second"));
  target.dispatchEvent(new Event("x"));
  assertDeepEquals(log, ["first", "second"]);
  target.removeEventListener("x", first);
  target.dispatchEvent(new Event("x"));
  assertDeepEquals(log, ["first", "second", "second"]);
});

test("capture is part of a listener's identity, and capturing listeners run first", () => {
  const target = new EventTarget();
  const log = [];
  const listener = (event) => log.push(event.eventPhase);
  target.addEventListener("x", () => log.push("bubble"));
  target.addEventListener("x", listener, true);
  target.removeEventListener("x", listener);
  target.dispatchEvent(new Event("x"));
  assertDeepEquals(log, [Event.AT_TARGET, "bubble"]);
  target.removeEventListener("x", listener, { capture: true });
  target.dispatchEvent(new Event("x"));
  assertDeepEquals(log, [Event.AT_TARGET, "bubble", "bubble"]);
});

test("once, signal, passive, handleEvent", () => {
  const target = new EventTarget();
  const log = [];
  const controller = new AbortController();
  target.addEventListener("x", () => log.push("once"), { once: true });
  target.addEventListener("x", () => log.push("signal"), { signal: controller.signal });
  target.addEventListener("x", (event) => event.preventDefault(), { passive: true });
  const object = {
    handleEvent(event) {
      log.push(this === object && event.type);
    },
  };
  target.addEventListener("x", object);
  const event = new Event("x", { cancelable: true });
  assert(target.dispatchEvent(event), "a passive listener cannot cancel");
  assertEquals(event.defaultPrevented, false);
  controller.abort();
  target.addEventListener("x", () => log.push("never"), { signal: controller.signal });
  target.dispatchEvent(new Event("x"));
  assertDeepEquals(log, ["once", "signal", "x", "x"]);
});

test("a listener removed during dispatch does not run; one added does not run yet", () => {
  const target = new EventTarget();
  const log = [];
  const late = () => log.push("late");
  target.addEventListener("x", () => {
    log.push("a");
    target.removeEventListener("x", removed);
    target.addEventListener("x", late);
  });
  const removed = () => log.push("removed");
  target.addEventListener("x", removed);
  target.dispatchEvent(new Event("x"));
  assertDeepEquals(log, ["a"]);
});

test("stopImmediatePropagation, preventDefault, returnValue", () => {
  const target = new EventTarget();
  const log = [];
  target.addEventListener("x", (event) => {
    log.push(1);
    event.preventDefault();
    event.stopImmediatePropagation();
  });
  target.addEventListener("x", () => log.push(2));
  const event = new Event("x", { cancelable: true });
  assertEquals(target.dispatchEvent(event), false);
  assertEquals(event.returnValue, false);
  assertDeepEquals(log, [1]);
  const stubborn = new Event("x");
  assertEquals(target.dispatchEvent(stubborn), true);
});

test("a listener that throws is reported as an error event and the others go on", () => {
  const target = new EventTarget();
  const log = [];
  const thrown = new Error("from a listener");
  const onError = (event) => {
    log.push(event.error === thrown, event.message.includes("from a listener"));
    event.preventDefault();
  };
  addEventListener("error", onError);
  target.addEventListener("x", () => {
    throw thrown;
  });
  target.addEventListener("x", () => log.push("other"));
  assertEquals(target.dispatchEvent(new Event("x")), true);
  removeEventListener("error", onError);
  assertDeepEquals(log, [true, true, "other"]);
});

test("event handler attributes keep their place, ignore non-objects, cancel by false", () => {
  // R6
  for (const name of ["oninstall", "onactivate", "onfetch", "onmessage", "onmessageerror", "onsync", "onperiodicsync", "onerror", "onunhandledrejection"]) {
    assertEquals(self[name], null, name);
  }
  const log = [];
  self.onsync = () => log.push("old");
  addEventListener("sync", listener);
  function listener() {
    log.push("listener");
  }
  self.onsync = (event) => {
    log.push("new");
    return false;
  };
  const event = new Event("sync", { cancelable: true });
  dispatchEvent(event);
  assertDeepEquals(log, ["new", "listener"]);
  assertEquals(event.defaultPrevented, true);
  self.onsync = 5;
  assertEquals(self.onsync, null);
  dispatchEvent(new Event("sync"));
  assertDeepEquals(log, ["new", "listener", "listener"]);
  removeEventListener("sync", listener);
});

test("onerror gets five arguments and cancels by true", () => {
  let args;
  self.onerror = (...given) => {
    args = given;
    return true;
  };
  const error = new RangeError("quiet");
  reportError(error);
  self.onerror = null;
  assertEquals(args.length, 5);
  assertEquals(args[4], error);
});

test("dispatchEvent refuses an event that is being dispatched, and things that are no events", () => {
  const target = new EventTarget();
  target.addEventListener("x", (event) => assertThrows("InvalidStateError", () => target.dispatchEvent(event)));
  target.dispatchEvent(new Event("x"));
  assertThrows(TypeError, () => target.dispatchEvent({ type: "x" }));
  assertThrows(TypeError, () => target.dispatchEvent());
});

test("Event: attributes, conversions, shape", () => {
  const event = new Event(5, { bubbles: 1, cancelable: "", composed: true });
  assertEquals(event.type, "5");
  assertDeepEquals([event.bubbles, event.cancelable, event.composed, event.isTrusted], [true, false, true, false]);
  assertEquals(event.eventPhase, 0);
  assertEquals(event.target, null);
  assertDeepEquals(event.composedPath(), []);
  assert(event.timeStamp >= 0);
  assertThrows(TypeError, () => new Event());
  assertThrows(TypeError, () => new Event("x", 5));
  assertThrows(TypeError, () => Event("x"));
  const trusted = Object.getOwnPropertyDescriptor(event, "isTrusted");
  assertEquals(trusted.configurable, false);
  assertEquals(typeof trusted.get, "function");
  assertThrows(TypeError, () => Object.getOwnPropertyDescriptor(Event.prototype, "type").get.call({}));
  assertEquals(Object.prototype.toString.call(event), "[object Event]");
});

test("CustomEvent, ErrorEvent, MessageEvent, PromiseRejectionEvent", () => {
  const detail = {};
  assertEquals(new CustomEvent("x", { detail }).detail, detail);
  assertEquals(new CustomEvent("x").detail, null);
  const error = new ErrorEvent("error", { message: "m", filename: "f", lineno: 3, colno: 4, error: detail });
  assertDeepEquals([error.message, error.filename, error.lineno, error.colno], ["m", "f", 3, 4]);
  assertEquals(error.error, detail);
  const message = new MessageEvent("message", { data: detail, origin: "o", lastEventId: "i" });
  assertEquals(message.data, detail);
  assertDeepEquals([message.origin, message.lastEventId, message.source], ["o", "i", null]);
  assert(Object.isFrozen(message.ports));
  assertThrows(TypeError, () => new PromiseRejectionEvent("unhandledrejection", {}));
});

test("AbortController and AbortSignal", async () => {
  const controller = new AbortController();
  const log = [];
  controller.signal.onabort = (event) => log.push(event.isTrusted, event.target === controller.signal);
  controller.abort();
  controller.abort("again");
  assertEquals(controller.signal.aborted, true);
  assertEquals(controller.signal.reason.name, "AbortError");
  assertDeepEquals(log, [true, true]);
  assertThrows("AbortError", () => controller.signal.throwIfAborted());
  assertEquals(AbortSignal.abort("why").reason, "why");
  const one = new AbortController();
  const any = AbortSignal.any([new AbortController().signal, one.signal]);
  const both = AbortSignal.any([any]);
  one.abort(7);
  assertDeepEquals([any.reason, both.reason], [7, 7]);
  const timeout = AbortSignal.timeout(0);
  await new Promise((resolve) => timeout.addEventListener("abort", resolve));
  assertEquals(timeout.reason.name, "TimeoutError");
  assertThrows(TypeError, () => AbortSignal.timeout(-1));
  assertThrows(TypeError, () => AbortSignal.any(5));
  assertThrows(TypeError, () => new AbortSignal());
});

test("error events tell where", () => {
  let seen;
  addEventListener("error", (event) => {
    seen = event;
    event.preventDefault();
  }, { once: true });
  reportError(new Error("here"));
  assert(seen.filename.endsWith("event-target.test.js"), seen.filename);
  assert(seen.lineno > 200 && seen.colno > 0);
});

test("a signal of a clone of a clone follows the first signal; any() of many", () => {
  const controller = new AbortController();
  const request = new Request("/", { signal: controller.signal });
  const copy = new Request(request.clone().clone());
  const log = [];
  copy.signal.addEventListener("abort", () => log.push("copy"));
  const any = AbortSignal.any([copy.signal, AbortSignal.any([controller.signal]), new AbortController().signal]);
  any.onabort = () => log.push("any");
  controller.abort();
  assertDeepEquals([...log].sort(), ["any", "copy"]);
});
