// Structured clone: by structuredClone and by postMessage. tests/clone_vectors.rs has what IndexedDB stores.

/** Sends a value through a message to this worker itself. */
function throughMessage(value) {
  return new Promise((resolve, reject) => {
    addEventListener("message", (event) => resolve(event.data), { once: true });
    addEventListener("messageerror", () => reject(new Error("messageerror")), { once: true });
    self.serviceWorker.postMessage(value);
  });
}

for (const [name, clone] of [["structuredClone", async (value) => structuredClone(value)], ["postMessage", throughMessage]]) {
  test(`${name}: primitives`, async () => {
    for (const value of [undefined, null, true, false, 0, -0, 1.5, Number.NaN, Infinity, -Infinity, 2n ** 70n, -1n, "", "a\u0000\ud800b", "\u{1f600}"]) {
      assertEquals(await clone(value), value);
      assertEquals((await clone([value]))[0], value);
    }
  });

  test(`${name}: objects and arrays`, async () => {
    const value = { b: [1, { c: null }], a: "x", 1: undefined, ["__proto__x"]: 1 };
    assertDeepEquals(await clone(value), value);
    const own = JSON.parse('{"__proto__": 5}');
    const copied = await clone(own);
    assertEquals(Object.getOwnPropertyDescriptor(copied, "__proto__").value, 5);
    assertEquals(Object.getPrototypeOf(copied), Object.prototype);
    const sparse = [1, , 3];
    sparse.extra = "e";
    const array = await clone(sparse);
    assertDeepEquals([array.length, 1 in array, array[2], array.extra], [3, false, 3, "e"]);
    class Point {
      x = 1;
      get y() {
        return 2;
      }
    }
    const point = await clone(new Point());
    assertDeepEquals(point, { x: 1 });
    assertEquals(Object.getPrototypeOf(point), Object.prototype);
    assertDeepEquals(await clone({ get g() { return 7; } }), { g: 7 });
    assertDeepEquals(await clone(Object.create(null)), {});
  });

  test(`${name}: cycles and shared references`, async () => {
    const shared = new Date(3);
    const value = { shared, list: [shared], map: new Map() };
    value.self = value;
    value.map.set(value, value.list);
    const copy = await clone(value);
    assertEquals(copy.self, copy);
    assertEquals(copy.list[0], copy.shared);
    assertEquals(copy.map.get(copy), copy.list);
    assert(copy.shared !== shared);
  });

  test(`${name}: Date, RegExp, Map, Set, boxed primitives, errors`, async () => {
    assertEquals((await clone(new Date(1e12))).getTime(), 1e12);
    assertEquals((await clone(new Date(Number.NaN))).getTime(), Number.NaN);
    const pattern = await clone(/a\/b[\]]/giu);
    assertDeepEquals([pattern.source, pattern.flags, pattern.lastIndex], ["a\\/b[\\]]", "giu", 0]);
    assertDeepEquals([...(await clone(new Map([[1, "x"], [{ k: 1 }, new Set([2])]])))].length, 2);
    assertDeepEquals([...(await clone(new Set(["b", "a"])))], ["b", "a"]);
    for (const primitive of [true, 5, "s", 7n]) {
      const boxed = await clone(Object(primitive));
      assertEquals(typeof boxed, "object");
      assertEquals(boxed.valueOf(), primitive);
    }
    const error = new TypeError("bad", { cause: { code: 7 } });
    const copy = await clone(error);
    assertDeepEquals([copy.constructor === TypeError, copy.message, copy.cause.code], [true, "bad", 7]);
    const exception = await clone(new DOMException("m", "NotFoundError"));
    assertDeepEquals([exception instanceof DOMException, exception.name, exception.message, exception.code], [true, "NotFoundError", "m", 8]);
    class Own extends Error {}
    assertEquals((await clone(new Own("m"))).constructor, Error);
  });

  test(`${name}: binary data`, async () => {
    const buffer = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer;
    const value = { a: new Uint16Array(buffer, 2, 2), b: new DataView(buffer, 1, 3), c: buffer, f: new Float64Array([Math.PI]), big: new BigInt64Array([-5n]) };
    const copy = await clone(value);
    assertEquals(copy.a.buffer, copy.c);
    assertEquals(copy.b.buffer, copy.c);
    assertDeepEquals([...copy.a], [0x0403, 0x0605]);
    assertDeepEquals([copy.b.byteOffset, copy.b.byteLength, copy.b.getUint8(0), copy.f[0], copy.big[0]], [1, 3, 2, Math.PI, -5n]);
    assert(copy.c !== buffer);
    const resizable = await clone(new ArrayBuffer(4, { maxByteLength: 16 }));
    assertDeepEquals([resizable.byteLength, resizable.maxByteLength], [4, 16]);
    assertEquals((await clone(new Uint8Array(0))).length, 0);
  });

  test(`${name}: Blob and File`, async () => {
    const blob = await clone(new Blob(["x\u00e4"], { type: "a/b" }));
    assertDeepEquals([blob instanceof Blob, blob.type, await blob.text()], [true, "a/b", "x\u00e4"]);
    const file = (await clone({ f: new File(["y"], "n", { lastModified: 9 }) })).f;
    assertDeepEquals([file instanceof File, file.name, file.lastModified, await file.text()], [true, "n", 9, "y"]);
  });
}

test("CryptoKeys are cloned and stored with everything that makes them", async () => {
  const key = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, true, ["sign", "verify"]);
  const database = await new Promise((resolve, reject) => {
    const opening = indexedDB.open("keys", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("s");
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
  const store = () => database.transaction("s", "readwrite").objectStore("s");
  const done = (request) => new Promise((resolve, reject) => Object.assign(request, { onsuccess: () => resolve(request.result), onerror: () => reject(request.error) }));
  await done(store().put({ key, pair }, 1));
  const data = new Uint8Array([1, 2, 3]);
  for (const found of [await done(store().get(1)), structuredClone({ key, pair }), await throughMessage({ key, pair })]) {
    assert(found.key instanceof CryptoKey && found.key !== key);
    assertDeepEquals([found.key.type, found.key.extractable, found.key.algorithm.hash.name, [...found.key.usages].sort()], ["secret", false, "SHA-256", ["sign", "verify"]]);
    assert(await crypto.subtle.verify("HMAC", key, await crypto.subtle.sign("HMAC", found.key, data), data));
    const signed = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, found.pair.privateKey, data);
    assert(await crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, pair.publicKey, signed, data));
  }
  database.close();
});

test("what cannot be cloned", () => {
  const refused = [() => {}, Symbol("s"), { f() {} }, [Symbol.iterator], new WeakMap(), new WeakSet(), new WeakRef({}), Promise.resolve(), new Request("/"), new Headers(), registration, self, new Event("x"), new Map([[1, () => {}]]), (function* () {})(), [][Symbol.iterator](), new Map().keys(), new FinalizationRegistry(() => {}), Object(Symbol("s"))];
  for (const value of refused) {
    assertThrows("DataCloneError", () => structuredClone(value), Object.prototype.toString.call(value));
    assertThrows("DataCloneError", () => self.serviceWorker.postMessage(value), Object.prototype.toString.call(value));
  }
  assertThrows(RangeError, () =>
    structuredClone({
      get bad() {
        throw new RangeError("getter");
      },
    }),
  );
  assertThrows(TypeError, () => structuredClone());
});

test("proxies are refused, and none of their traps run", () => {
  const told = [];
  const handler = new Proxy({}, { get: (_, trap) => void told.push(trap) });
  for (const target of [{}, [], new Map(), () => {}]) {
    assertThrows("DataCloneError", () => structuredClone({ proxy: new Proxy(target, handler) }));
  }
  assertDeepEquals(told, []);
});

test("getters run once, in order, and may change what follows", () => {
  const order = [];
  const value = {
    get a() {
      order.push("a");
      delete value.c;
      value.z = 1;
      return { get inner() { return order.push("inner"); } };
    },
    get b() { return order.push("b"); },
    c: 3,
  };
  const copy = structuredClone(value);
  assertDeepEquals(order, ["a", "inner", "b"]);
  assertDeepEquals(Object.keys(copy), ["a", "b"], "what was added is not seen, what was removed is not copied");
  const list = [0, 1, 2, 3];
  Object.defineProperty(list, 0, { get: () => (delete list[1], delete list[3], 7), enumerable: true });
  const holes = structuredClone(list);
  assertDeepEquals([holes.length, holes[0], 1 in holes, holes[2], 3 in holes], [4, 7, false, 2, false]);
  const buffer = new ArrayBuffer(4);
  assertThrows("DataCloneError", () => structuredClone([{ get x() { return buffer.transfer(), 1; } }, new Uint8Array(buffer)]), "detached meanwhile");
  const map = new Map([[{ get k() { return map.delete("later"), 1; } }, 1], ["later", 2]]);
  assertEquals(structuredClone(map).size, 2, "the entries are those at the beginning");
});

test("nesting ends at a limit, not at the end of the stack", () => {
  const nested = (depth) => {
    let value = null;
    for (let i = 0; i < depth; i += 1) value = i % 3 === 0 ? [value] : i % 3 === 1 ? { value } : new Map([[value, new Error("e", { cause: 1 })]]);
    return value;
  };
  let depth = 0;
  for (let value = structuredClone(nested(1999)); value !== null; value = Array.isArray(value) ? value[0] : value instanceof Map ? value.keys().next().value : value.value) depth += 1;
  assertEquals(depth, 1999);
  assertThrows("DataCloneError", () => structuredClone(nested(2001)));
  assertThrows("DataCloneError", () => structuredClone(nested(100_000)));
  let error = new Error("last");
  for (let i = 0; i < 50_000; i += 1) error = new Error("e", { cause: error });
  assertThrows("DataCloneError", () => structuredClone(error));
});

test("a copy is made without the script's own methods", () => {
  const undo = [];
  const hostile = () => {
    throw new Error("a script's method was called");
  };
  const replace = (object, key) => {
    const old = Object.getOwnPropertyDescriptor(object, key);
    Object.defineProperty(object, key, "value" in old ? { ...old, value: hostile } : { ...old, get: hostile });
    undo.push(() => Object.defineProperty(object, key, old));
  };
  const value = [new Map([[1, new Set([2])]]), /x/gi, new Date(1), Object(5n), new Uint8Array([1]), new Error("m"), { __proto__: null, a: 1n }];
  const typed = Object.getPrototypeOf(Uint8Array.prototype);
  for (const [object, key] of [[Map.prototype, "set"], [Map.prototype, "forEach"], [Set.prototype, "add"], [Set.prototype, "forEach"], [RegExp.prototype, "flags"], [RegExp.prototype, "source"], [Date.prototype, "getTime"], [BigInt.prototype, "toString"], [BigInt.prototype, "valueOf"], [typed, "buffer"], [typed, "length"], [typed, "byteOffset"]]) replace(object, key);
  Object.defineProperty(Object.prototype, "a", { set: hostile, configurable: true });
  let copy;
  try {
    copy = structuredClone(value);
  } finally {
    delete Object.prototype.a;
    for (const step of undo) step();
  }
  assert(sameShape(value, copy));
});

test("transfer detaches", () => {
  const buffer = new Uint8Array([1, 2]).buffer;
  const view = new Uint8Array(buffer);
  const copy = structuredClone({ buffer, view }, { transfer: [buffer] });
  assertDeepEquals([buffer.byteLength, copy.buffer.byteLength, copy.view[1]], [0, 2, 2]);
  assertEquals(copy.view.buffer, copy.buffer);
  assertThrows("DataCloneError", () => structuredClone(1, { transfer: [buffer] }), "a detached buffer");
  assertThrows("DataCloneError", () => structuredClone(1, { transfer: [{}] }));
  const other = new ArrayBuffer(1);
  assertThrows("DataCloneError", () => structuredClone(1, { transfer: [other, other] }));
  assertThrows("DataCloneError", () => structuredClone(() => {}, { transfer: [other] }));
  assertEquals(other.byteLength, 1, "a failed clone detaches nothing");
});

/** Compares two values as structured clone sees them, identity of shared objects included. */
function sameShape(a, b, seen = new Map()) {
  if (typeof a !== "object" || a === null) return Object.is(a, b);
  if (typeof b !== "object" || b === null || a === b) return false;
  if (seen.has(a)) return seen.get(a) === b;
  seen.set(a, b);
  if (Object.prototype.toString.call(a) !== Object.prototype.toString.call(b)) return false;
  if (a instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (a instanceof Map || a instanceof Set) {
    const [first, second] = [[...a].flat(), [...b].flat()];
    return first.length === second.length && first.every((item, i) => sameShape(item, second[i], seen));
  }
  if (ArrayBuffer.isView(a)) return a.byteOffset === b.byteOffset && sameShape([...a], [...b]) && sameShape(a.buffer, b.buffer, seen);
  if (a instanceof ArrayBuffer) return sameShape([...new Uint8Array(a)], [...new Uint8Array(b)]);
  const keys = Object.keys(a);
  return (!Array.isArray(a) || a.length === b.length) && keys.join() === Object.keys(b).join() && keys.every((key) => sameShape(a[key], b[key], seen));
}

test("random values are the same after a message", async () => {
  let state = 12345;
  const random = (n) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % n;
  };
  const make = (depth, pool) => {
    const known = pool.length > 0 && random(8) === 0;
    if (known) return pool[random(pool.length)];
    const kind = depth > 4 ? random(8) : random(15);
    const keep = (object) => {
      pool.push(object);
      return object;
    };
    switch (kind) {
      case 0: return undefined;
      case 1: return random(2) === 0;
      case 2: return [0, -0, Number.NaN, Infinity, -1.25, 1e300][random(6)];
      case 3: return BigInt(random(1000)) ** 9n;
      case 4: return String.fromCharCode(...Array.from({ length: random(6) }, () => random(65536)));
      case 5: return null;
      case 6: return keep(new Date(random(2) === 0 ? Number.NaN : random(1e9)));
      case 7: return keep(new Uint8Array(new Uint8Array([1, 2, 3, random(256)]).buffer, random(3)));
      case 8:
      case 9: {
        const array = keep([]);
        for (let n = random(5); n > 0; n -= 1) {
          if (random(5) === 0) array.length += 1;
          else array.push(make(depth + 1, pool));
        }
        return array;
      }
      case 10: {
        const map = keep(new Map());
        for (let n = random(4); n > 0; n -= 1) map.set(make(depth + 1, pool), make(depth + 1, pool));
        return map;
      }
      case 11: {
        const set = keep(new Set());
        for (let n = random(4); n > 0; n -= 1) set.add(make(depth + 1, pool));
        return set;
      }
      default: {
        const object = keep({});
        for (let n = random(5); n > 0; n -= 1) object[`k${random(9)}`] = make(depth + 1, pool);
        return object;
      }
    }
  };
  for (let round = 0; round < 150; round += 1) {
    const value = [make(0, [])];
    assert(sameShape(value, structuredClone(value)), `structuredClone, round ${round}`);
    assert(sameShape(value, await throughMessage(value)), `postMessage, round ${round}`);
  }
});
