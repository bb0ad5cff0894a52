// The databases that page and workers share: the connection for them, made when a script first uses `indexedDB`.

import { lost, provideSerializer, received, shareDatabases } from "../../../quickjs/js/src/page/databases.ts";
import { fromBase64, toBase64 } from "./clone/base64.ts";
import { deserializeWithBlobs, serializeWithBlobs, withContents } from "./data.ts";

/** Questions that wait for a connection; a page that asks more than that without one is not waiting for answers. */
const WAITING_MAX = 10_000;
/** What the gateway takes (`MESSAGE_BYTES_MAX` of socket.rs). */
const QUESTION_BYTES_MAX = 32 * 1024 * 1024;

/** The blobs of values that are on their way to the gateway. */
const blobsOf = new WeakMap<ArrayBuffer, readonly Blob[]>();

function serialize(value: unknown): ArrayBuffer {
  const { bytes, blobs } = serializeWithBlobs(value);
  if (blobs.length > 0) blobsOf.set(bytes.buffer, blobs);
  return bytes.buffer;
}

function toText(stored: ArrayBuffer): string | Promise<string> {
  const [bytes, blobs] = [new Uint8Array(stored), blobsOf.get(stored)];
  return blobs === undefined ? toBase64(bytes) : withContents({ bytes, blobs }).then(toBase64);
}

/** Gives the page the databases of its origin's workers. */
export function connectDatabases(url: string, topOrigin: string | null): void {
  let socket: WebSocket | null = null;
  let greeted = false;
  let waiting: string[] = [];

  const ended = (own: WebSocket): void => {
    if (socket !== own) return;
    socket = null;
    greeted = false;
    waiting = [];
    lost();
  };
  const open = (): void => {
    const own = new WebSocket(url);
    socket = own;
    own.onopen = () => {
      own.send(JSON.stringify({ protocol: 1, topOrigin }));
      greeted = true;
      for (const question of waiting.splice(0)) own.send(question);
    };
    own.onmessage = (event) => {
      if (socket === own) received(String(event.data));
    };
    own.onclose = () => ended(own);
  };

  provideSerializer({
    serialize,
    deserialize: (stored) => deserializeWithBlobs({ bytes: new Uint8Array(stored), blobs: blobsOf.get(stored) ?? [] }),
    toText,
    fromText: (text) => fromBase64(text).buffer,
  });
  shareDatabases({
    questionBytesMax: QUESTION_BYTES_MAX,
    send(question) {
      if (socket !== null && greeted) {
        socket.send(question);
        return;
      }
      waiting.push(question);
      try {
        if (socket === null) open();
      } catch {
        // A policy of the page forbids the address.
        queueMicrotask(lost);
      }
      if (waiting.length > WAITING_MAX && socket !== null) {
        const own = socket;
        own.close();
        ended(own);
      }
    },
  });
  // A page in the back/forward cache must not hold a transaction.
  addEventListener("pagehide", () => {
    const own = socket;
    if (own === null) return;
    own.close();
    ended(own);
  });
}
