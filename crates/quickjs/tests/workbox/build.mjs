// Bundles a worker as a page's build would, to standard output: `node build.mjs sw.js`.

import { build } from "esbuild";

const result = await build({
  entryPoints: [process.argv[2] ?? "sw.js"],
  bundle: true,
  format: "iife",
  minify: true,
  write: false,
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "warning",
});
process.stdout.write(result.outputFiles[0].text);
