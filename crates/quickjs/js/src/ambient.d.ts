// What the engine provides beyond ECMAScript, and what the bundler understands.

declare class DOMException {
  constructor(message?: string, name?: string);
  readonly name: string;
  readonly message: string;
  readonly code: number;
}
declare function atob(data: string): string;
declare function btoa(data: string): string;
/** Reads and evaluates the module, a part of the layer, when this is called for the first time; build.mjs sees to it. */
declare function require(path: string): unknown;
