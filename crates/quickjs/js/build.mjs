// Bundles the JavaScript layer into one classic script, dist/bundle.js, which build.rs embeds.

import { build } from "esbuild";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
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
  logLevel: "warning",
});
