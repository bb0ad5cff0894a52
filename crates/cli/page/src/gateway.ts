// The connection, for the classes that need it. It is made once, before any script of the page runs.

import type { Connection } from "./connection.ts";

let connection: Connection | null = null;

export function setGateway(value: Connection): void {
  connection = value;
}

export function gateway(): Connection {
  if (connection === null) throw new TypeError("The page script of WakeWorker is still starting.");
  return connection;
}
