// DOMStringList (HTML, section 2.6.6), as a fixed list.

import { defineProperty } from "#boundary";
import { defineInterface, internal, requireArguments, requireInternal, toDOMString } from "../webidl.ts";

export class DOMStringList {
  #names: readonly string[] = [];
  constructor(token: unknown = undefined, names: unknown = undefined) {
    requireInternal(token);
    this.#names = names as readonly string[];
    this.#names.forEach((name, index) => defineProperty(this, index, { value: name, enumerable: true, configurable: true }));
  }
  get length(): number {
    return this.#names.length;
  }
  item(index: unknown): string | null {
    const names = this.#names;
    requireArguments(arguments.length, 1, "DOMStringList.item");
    return names[Number(index) >>> 0] ?? null;
  }
  contains(name: unknown): boolean {
    const names = this.#names;
    requireArguments(arguments.length, 1, "DOMStringList.contains");
    return names.includes(toDOMString(name));
  }
}
defineProperty(DOMStringList.prototype, Symbol.iterator, { value: Array.prototype.values, writable: true, configurable: true });
defineInterface(DOMStringList, "DOMStringList");

/** The names in the order of their code units. */
export function sortedNames(names: Iterable<string>): DOMStringList {
  return new DOMStringList(internal, [...names].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
}
