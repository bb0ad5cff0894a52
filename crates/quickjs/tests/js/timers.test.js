// Timers, microtasks and their order (HTML).

test("timers of equal delay run in order, with a microtask checkpoint after each", async () => {
  const log = [];
  setTimeout(() => {
    log.push("a");
    queueMicrotask(() => log.push("microtask of a"));
  }, 0);
  setTimeout((x, y) => log.push(x + y), 0, "b", "c");
  await nextTask();
  assertDeepEquals(log, ["a", "microtask of a", "bc"]);
});

test("a shorter delay comes first; a cleared timer never", async () => {
  const log = [];
  setTimeout(() => log.push("late"), 4);
  setTimeout(() => log.push("early"), 1);
  const cleared = setTimeout(() => log.push("cleared"), 2);
  clearTimeout(cleared);
  clearTimeout(cleared);
  clearTimeout();
  clearTimeout("nonsense");
  await new Promise((resolve) => setTimeout(resolve, 8));
  assertDeepEquals(log, ["early", "late"]);
});

test("setInterval repeats until it is cleared, also by itself", async () => {
  let count = 0;
  await new Promise((resolve) => {
    const id = setInterval(() => {
      count += 1;
      if (count === 3) {
        clearInterval(id);
        resolve();
      }
    }, 1);
  });
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(count, 3);
});

test("arguments are converted; a handler that is no function is source text", async () => {
  setTimeout("self.fromText = 1", { valueOf: () => 0 });
  await nextTask();
  assertEquals(self.fromText, 1);
  assertThrows(TypeError, () => setTimeout());
  assertThrows(TypeError, () => queueMicrotask(5));
  assertEquals(typeof setTimeout(() => {}, -1), "number");
  setTimeout(() => {}, Number.NaN);
});

test("exceptions in timers and microtasks are reported and stop nothing", async () => {
  const messages = [];
  const onError = (event) => {
    messages.push(event.error.message);
    event.preventDefault();
  };
  addEventListener("error", onError);
  setTimeout(() => {
    throw new Error("timer");
  }, 0);
  queueMicrotask(() => {
    throw new Error("microtask");
  });
  await nextTask();
  removeEventListener("error", onError);
  assertDeepEquals(messages, ["microtask", "timer"]);
});

test("performance.now is monotonic and fractional", () => {
  const first = performance.now();
  assert(performance.now() >= first);
  assert(Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 1000);
  assertEquals(Object.prototype.toString.call(performance), "[object Performance]");
});
