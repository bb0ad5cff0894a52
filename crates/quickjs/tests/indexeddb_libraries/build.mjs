// Bundles a script with its packages to standard output: `node build.mjs libraries.js`.

import { build } from "esbuild";

const result = await build({
  entryPoints: [process.argv[2]],
  bundle: true,
  format: "iife",
  platform: "browser",
  write: false,
  define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
  logLevel: "error",
});
process.stdout.write(result.outputFiles[0].text);
