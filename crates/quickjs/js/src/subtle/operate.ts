// One operation of the host: what is ordered, and the promise for what it gives.

import { drawId, host, jsonParse, jsonStringify } from "../boundary.ts";
import { hostError } from "../operations.ts";

/** An order for crypto/mod.rs. */
export interface Order {
  op: "digest" | "generate" | "import" | "export" | "encrypt" | "decrypt" | "sign" | "verify" | "derive" | "wrap" | "unwrap";
  name?: string;
  [parameter: string]: unknown;
}

export interface Inputs {
  key?: ArrayBuffer | undefined;
  data?: ArrayBuffer | undefined;
  extra?: ArrayBuffer | undefined;
  more?: ArrayBuffer | undefined;
}

export interface Output {
  info: unknown;
  first: ArrayBuffer;
  second: ArrayBuffer;
}

interface Waiting {
  resolve: (output: Output) => void;
  reject: (error: unknown) => void;
}

const waiting = new Map<number, Waiting>();
const nothing = new ArrayBuffer(0);

/** Starts an operation; the bytes are copied before this returns. */
export function operate(order: Order, { key = nothing, data = nothing, extra = nothing, more = nothing }: Inputs): Promise<Output> {
  const id = drawId();
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    try {
      host.cryptoRun(id, jsonStringify(order), key, data, extra, more);
    } catch (error) {
      waiting.delete(id);
      throw hostError(error);
    }
  });
}

/** The `cryptoSettled` hook. */
export function cryptoSettled(id: number, error: string | null, info: string = "null", first: ArrayBuffer | null = null, second: ArrayBuffer | null = null): void {
  const operation = waiting.get(id);
  waiting.delete(id);
  if (error !== null) operation?.reject(hostError(jsonParse(error)));
  else operation?.resolve({ info: jsonParse(info), first: first ?? nothing, second: second ?? nothing });
}
