// Bundles the JavaScript layer into one classic script, dist/bundle.js, which build.rs embeds.

import { build } from "esbuild";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { patch, replacedModules } from "./indexeddb-patches.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const PACKAGE = "/fake-indexeddb/build/esm/";

/** The path of a file of fake-indexeddb inside the package, or null for other files. */
function nameInPackage(path) {
  const at = path.replaceAll("\\", "/").indexOf(PACKAGE);
  return at < 0 ? null : path.replaceAll("\\", "/").slice(at + PACKAGE.length);
}

/** esbuild plugin: makes fake-indexeddb use our events, tasks and journal (see indexeddb-patches.mjs). */
const indexedDbPatches = {
  name: "indexeddb-patches",
  setup(b) {
    b.onResolve({ filter: /^wakeworker:/ }, (args) => ({
      path: resolve(here, "src/indexeddb", `${args.path.slice("wakeworker:".length)}.ts`),
    }));
    // The package exports only its public entry points; the journal hooks into what lies below them.
    b.onResolve({ filter: /^fake-indexeddb\/esm\// }, (args) => ({
      path: resolve(here, "node_modules/fake-indexeddb/build/esm", args.path.slice("fake-indexeddb/esm/".length)),
    }));
    b.onResolve({ filter: /^\.\.?\// }, (args) => {
      if (nameInPackage(args.importer) === null) return undefined;
      const replacement = replacedModules.get(nameInPackage(resolve(args.resolveDir, args.path)));
      return replacement === undefined ? undefined : { path: resolve(here, "src/indexeddb", replacement) };
    });
    b.onLoad({ filter: /[\\/]fake-indexeddb[\\/]build[\\/]esm[\\/].*\.js$/ }, async (args) => ({
      contents: patch(nameInPackage(args.path), await readFile(args.path, "utf8")),
      loader: "js",
    }));
  },
};

await build({
  absWorkingDir: here,
  entryPoints: ["src/index.ts"],
  inject: ["src/primordials.ts"],
  outfile: "dist/bundle.js",
  bundle: true,
  format: "iife",
  target: "es2023",
  platform: "neutral",
  mainFields: ["module", "main"],
  minifyWhitespace: true,
  legalComments: "eof",
  charset: "utf8",
  plugins: [indexedDbPatches],
  logLevel: "warning",
});
