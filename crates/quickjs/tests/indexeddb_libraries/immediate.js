// fake-indexeddb takes a task for each request: with this it takes the fastest that a worker has, and no timer.

const waiting = [];
const { port1, port2 } = new MessageChannel();
port1.onmessage = () => waiting.shift()();
globalThis.setImmediate = (run) => {
  waiting.push(run);
  port2.postMessage(null);
};
