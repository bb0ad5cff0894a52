// Bundles the page and the service worker into dist/, which is all that a web server needs.
import { build } from "esbuild";
import { cp, mkdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL(".", import.meta.url));
const dist = `${root}dist`;

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
await build({
  absWorkingDir: root,
  entryPoints: { app: "src/page/app.ts", style: "src/page/style.css", sw: "src/worker/sw.ts" },
  outdir: dist,
  bundle: true,
  // A service worker registered as a classic script must not contain import or export.
  format: "iife",
  target: "es2024",
  minify: true,
  legalComments: "none",
  // Workbox carries its development checks behind this name.
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "warning",
});
for (const name of ["index.html", "icon.svg", "manifest.webmanifest"]) {
  await cp(`${root}src/page/${name}`, `${dist}/${name}`);
}
