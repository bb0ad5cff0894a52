// What the modules of the page script find in Node instead of a browser.

import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** Sets what the modules look at while they are evaluated. */
export function pretendToBeAPage() {
  Object.assign(globalThis, {
    isSecureContext: true,
    HTMLScriptElement: class {},
    location: new URL("http://localhost/"),
    document: Object.assign(new EventTarget(), { currentScript: null, baseURI: "http://localhost/" }),
  });
}

/**
 * Bundles a module that imports from `src`.
 * @param {string} contents
 * @param {"iife" | "esm"} format
 */
export async function bundle(contents, format) {
  const resolveDir = fileURLToPath(new URL("../../src", import.meta.url));
  const { outputFiles } = await build({ stdin: { contents, resolveDir, loader: "ts" }, bundle: true, format, write: false });
  return outputFiles[0].text;
}

/**
 * Evaluates a module that imports from `src`, and gives its exports.
 * @param {string} contents
 */
export async function importFromPage(contents) {
  return await import(`data:text/javascript;base64,${Buffer.from(await bundle(contents, "esm")).toString("base64")}`);
}
