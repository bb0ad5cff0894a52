// What the classes that a page shares with workers need of JavaScript and of their host, for a page.

export { host } from "./host.ts";
export const { parse: jsonParse, stringify: jsonStringify } = JSON;
export const { apply, ownKeys } = Reflect;
export const { defineProperty, getPrototypeOf } = Object;

let lastId = 0;

/** Draws an id for an asynchronous operation. */
export function drawId(): number {
  lastId += 1;
  return lastId;
}
