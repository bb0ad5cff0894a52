// The console never throws, whatever it is given.

test("every method takes every value", () => {
  const hostile = {
    get getter() {
      throw new Error("no");
    },
    toString() {
      throw new Error("no");
    },
  };
  const proxy = new Proxy({}, {
    get() {
      throw new Error("no");
    },
    ownKeys() {
      throw new Error("no");
    },
  });
  const cyclic = { name: "cyclic" };
  cyclic.self = cyclic;
  const bare = Object.create(null);
  const unconvertible = [hostile, proxy, bare];
  const labelled = ["count", "countReset", "time", "timeLog", "timeEnd"];
  const values = [undefined, null, "text", 5, -0, 1n, Symbol("s"), () => {}, class A {}, [1, , 3], new Map([[cyclic, 1]]), new Set([1]), cyclic, hostile, proxy, new Error("e", { cause: new TypeError("c") }), new Date(Number.NaN), /x/g, new Uint8Array(200), new ArrayBuffer(5), Promise.resolve(), new WeakMap(), bare, "x".repeat(20000), new Request("/"), new AggregateError([new Error("1")])];
  for (const method of ["debug", "log", "info", "warn", "error", "dir", "table", "trace", "assert", "count", "countReset", "group", "groupCollapsed", "groupEnd", "time", "timeLog", "timeEnd"]) {
    assertEquals(typeof console[method], "function", method);
    for (const value of values) {
      // Labels are converted to strings, so what cannot be converted throws, as in a browser.
      if (labelled.includes(method) && (typeof value === "symbol" || unconvertible.includes(value))) continue;
      assertEquals(console[method](value, value), undefined);
    }
  }
  console.log("%s %d %i %f %o %O %c %%", "a", 1.5, "7", 2.5, {}, [], "css");
  console.log();
  for (let i = 0; i < 50; i += 1) console.groupEnd();
});

test("shape", () => {
  assertEquals(Object.prototype.toString.call(console), "[object console]");
  assertDeepEquals(Object.keys(Object.getPrototypeOf(console)), []);
  const { log } = console;
  log("detached methods work");
});
