// MessageChannel, MessagePort (HTML 9.4) and BroadcastChannel (HTML 9.5).

const next = (target, type = "message") => new Promise((resolve) => target.addEventListener(type, resolve, { once: true }));

test("messages wait until a port is started, and come in order", async () => {
  const { port1, port2 } = new MessageChannel();
  const seen = [];
  port2.addEventListener("message", (event) => seen.push(event.data));
  port1.postMessage(1);
  port1.postMessage({ two: new Map([[1, new Date(5)]]) });
  await nextTask();
  assertEquals(seen.length, 0);
  port2.start();
  port2.start();
  port1.postMessage(3);
  await nextTask();
  await nextTask();
  assertEquals(seen.length, 3);
  assertEquals(seen[1].two.get(1).getTime(), 5);
  assertDeepEquals([seen[0], seen[2]], [1, 3]);
});

test("onmessage starts a port; events are trusted and without origin", async () => {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage("x");
  const event = await new Promise((resolve) => (port2.onmessage = resolve));
  assertDeepEquals([event.data, event.origin, event.source, event.isTrusted, event.ports.length], ["x", "", null, true, 0]);
  assert(event.target === port2 && event instanceof MessageEvent);
  port2.onmessage = null;
  assertEquals(port2.onmessage, null);
});

test("a transferred port takes its messages along", async () => {
  const inner = new MessageChannel();
  const outer = new MessageChannel();
  inner.port1.postMessage("before");
  const buffer = new ArrayBuffer(4);
  outer.port1.postMessage({ buffer }, [inner.port2, buffer]);
  assertEquals(buffer.detached, true);
  inner.port1.postMessage("after");
  outer.port2.start();
  const { ports, data } = await next(outer.port2);
  assertEquals(data.buffer.byteLength, 4);
  assertEquals(ports.length, 1);
  assert(ports[0] instanceof MessagePort && ports[0] !== inner.port2);
  const seen = [];
  const two = new Promise((resolve) => (ports[0].onmessage = ({ data }) => seen.push(data) === 2 && resolve()));
  await two;
  assertDeepEquals(seen, ["before", "after"]);
  ports[0].postMessage("back");
  inner.port1.start();
  assertEquals((await next(inner.port1)).data, "back");
  // The old object is an empty shell.
  inner.port2.postMessage("nowhere");
  inner.port2.start();
  inner.port2.close();
  assertThrows("DataCloneError", () => outer.port1.postMessage(0, [inner.port2]));
});

test("what cannot be sent", async () => {
  const { port1, port2 } = new MessageChannel();
  assertThrows("DataCloneError", () => port1.postMessage(() => {}));
  assertThrows("DataCloneError", () => port1.postMessage(0, [port1]));
  assertThrows("DataCloneError", () => port1.postMessage(0, [new MessageChannel().port1, {}]));
  const { port1: twice } = new MessageChannel();
  assertThrows("DataCloneError", () => port1.postMessage(0, { transfer: [twice, twice] }));
  assertThrows(TypeError, () => port1.postMessage());
  assertThrows(TypeError, () => new MessagePort());
  // Sending a port to its own other end ends the channel.
  port1.postMessage(0, [port2]);
  port1.postMessage(1);
  port1.close();
  port1.close();
});

test("a closed channel delivers nothing", async () => {
  const { port1, port2 } = new MessageChannel();
  let count = 0;
  port2.onmessage = () => (count += 1);
  port1.postMessage(1);
  port2.close();
  port1.postMessage(2);
  await nextTask();
  await nextTask();
  assertEquals(count, 0);
});

test("BroadcastChannel reaches the other channels of its name", async () => {
  const [a, b, other] = [new BroadcastChannel("n"), new BroadcastChannel("n"), new BroadcastChannel("m")];
  assertEquals(a.name, "n");
  let wrong = 0;
  a.onmessage = other.onmessage = () => (wrong += 1);
  const heard = next(b);
  a.postMessage({ x: [1] });
  const event = await heard;
  assertDeepEquals(event.data, { x: [1] });
  assertDeepEquals([event.origin, event.isTrusted], ["https://js.test", true]);
  assertEquals(wrong, 0);
  assertThrows("DataCloneError", () => a.postMessage(Symbol("s")));
  assertThrows(TypeError, () => a.postMessage());
  a.postMessage("late");
  b.close();
  b.onmessage = () => (wrong += 1);
  await nextTask();
  await nextTask();
  assertEquals(wrong, 0);
  assertThrows("InvalidStateError", () => b.postMessage(1));
  assertThrows(TypeError, () => new BroadcastChannel());
  assertEquals(new BroadcastChannel(null).name, "null");
});
