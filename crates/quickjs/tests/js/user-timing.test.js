// performance.mark, measure and their observers (User Timing; Performance Timeline).

test("marks and measures", () => {
  const mark = performance.mark("a", { startTime: 5, detail: { x: 1 } });
  assertDeepEquals([mark.name, mark.entryType, mark.startTime, mark.duration, mark.detail.x], ["a", "mark", 5, 0, 1]);
  assert(mark instanceof PerformanceMark && mark instanceof PerformanceEntry);
  performance.mark("b", { startTime: 9 });
  const between = performance.measure("m", "a", "b");
  assertDeepEquals([between.startTime, between.duration, between.detail], [5, 4, null]);
  assertDeepEquals([performance.measure("m2", { start: 2, duration: 3 }).startTime, performance.measure("m2", { end: 9, duration: 3 }).startTime], [2, 6]);
  const now = performance.now();
  const whole = performance.measure("whole");
  assert(whole.startTime === 0 && whole.duration >= now);
  assertDeepEquals(performance.getEntriesByType("mark").map(({ name }) => name), ["a", "b"]);
  assertEquals(performance.getEntriesByName("m2").length, 2);
  assertEquals(performance.getEntriesByName("m2", "mark").length, 0);
  const starts = performance.getEntries().map(({ startTime }) => startTime);
  assertDeepEquals(starts, [...starts].sort((x, y) => x - y));
  performance.clearMarks("a");
  assertEquals(performance.getEntriesByType("mark").length, 1);
  performance.clearMeasures();
  performance.clearMarks();
  assertEquals(performance.getEntries().length, 0);
  assertEquals(JSON.parse(JSON.stringify(between)).duration, 4);
});

test("what is wrong with a measure is said", () => {
  assertThrows("SyntaxError", () => performance.measure("m", "no such mark"));
  assertThrows(TypeError, () => performance.measure("m", { detail: 1 }));
  assertThrows(TypeError, () => performance.measure("m", { start: 1, end: 2, duration: 3 }));
  assertThrows(TypeError, () => performance.measure("m", { start: 1 }, "b"));
  assertThrows(TypeError, () => performance.mark("m", { startTime: -1 }));
  assertThrows("DataCloneError", () => performance.mark("m", { detail: () => {} }));
  assertThrows(TypeError, () => performance.mark());
});

test("observers hear of entries in a later task", async () => {
  const heard = [];
  const observer = new PerformanceObserver((list, self) => heard.push([list.getEntriesByType("mark").length, self === observer]));
  performance.mark("before");
  observer.observe({ type: "mark", buffered: true });
  performance.mark("after");
  performance.measure("not observed");
  assertEquals(heard.length, 0);
  await nextTask();
  assertDeepEquals(heard, [[2, true]]);
  performance.mark("taken");
  assertEquals(observer.takeRecords()[0].name, "taken");
  observer.disconnect();
  performance.mark("unheard");
  await nextTask();
  assertEquals(heard.length, 1);
  assertDeepEquals([...PerformanceObserver.supportedEntryTypes], ["mark", "measure"]);
  assertThrows(TypeError, () => observer.observe());
  observer.observe({ entryTypes: ["mark", "unknown"] });
  assertThrows("InvalidModificationError", () => observer.observe({ type: "mark" }));
  observer.disconnect();
});

// Performance Timeline, "filter buffer by name and type": sorted by start time.
test("an observer gets its entries in the order of their start times", async () => {
  const names = await new Promise((resolve) => {
    const observer = new PerformanceObserver((list) => {
      observer.disconnect();
      resolve(list.getEntries().map(({ name }) => name));
    });
    observer.observe({ entryTypes: ["mark", "measure"] });
    performance.mark("late", { startTime: 7 });
    performance.measure("early", { start: 1, end: 8 });
    performance.mark("middle", { startTime: 3 });
  });
  assertDeepEquals(names, ["early", "middle", "late"]);
});

// User Timing, "convert a mark to a timestamp", step 1.
test("the times of a navigation are no marks of a worker", () => {
  performance.mark("navigationStart");
  assertThrows(TypeError, () => performance.measure("m", "navigationStart"));
  assertThrows(TypeError, () => performance.measure("m", { start: 0, end: "loadEventEnd" }));
  performance.clearMarks();
});

// High Resolution Time, section 8.1: 100 µs for contexts that are not cross-origin isolated.
test("the clock has steps of 100 µs", () => {
  for (let i = 0; i < 100; i += 1) {
    const tenths = performance.now() * 10;
    assert(Math.abs(tenths - Math.round(tenths)) < 1e-6, String(tenths));
  }
});
