// Bundles the JavaScript layer into classic scripts, dist/*.js, which build.rs embeds: `main.js` runs when a worker
// starts; every other one is a part that is read when a script first needs something of it.
//
// A part is a module that others load with `require`. esbuild's code splitting puts each module into one script only, so
// a class exists once. What a script has from another one it gets through `$part(name)`, which gives the other's exports.

import { build } from "esbuild";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "src");
const entry = join(source, "index.ts");
const common = {
  absWorkingDir: here,
  inject: ["src/primordials.ts"],
  bundle: true,
  format: "esm",
  target: "es2023",
  platform: "neutral",
  mainFields: ["module", "main"],
  minifyWhitespace: true,
  legalComments: "eof",
  charset: "utf8",
  logLevel: "warning",
  write: false,
};

/** `src/subtle/index.ts` is the part `subtle`. */
const partName = (file) => file.slice(source.length + 1).replace(/(\/index)?\.ts$/, "").replaceAll(/[/\\]/g, "-");

/** Replaces `require("./x.ts")` with `$part("x")`, and notes the part. */
function cutting(parts) {
  return {
    name: "cutting",
    setup(builder) {
      builder.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        if (!path.startsWith(source)) return undefined;
        const contents = (await readFile(path, "utf8")).replaceAll(/\brequire\("(\.[^"]+)"\)/g, (_, target) => {
          const file = resolve(dirname(path), target);
          parts.set(partName(file), file);
          return `$part(${JSON.stringify(partName(file))})`;
        });
        return { contents, loader: "ts" };
      });
      // Every part reaches all that the main script has, so the splitting keeps the main script in one piece.
      builder.onResolve({ filter: /^part-entry:/ }, ({ path }) => ({ path: path.slice("part-entry:".length), namespace: "part-entry" }));
      builder.onLoad({ filter: /.*/, namespace: "part-entry" }, ({ path }) => ({
        contents: `import ${JSON.stringify(entry)}; export * from ${JSON.stringify(parts.get(path))};`,
        resolveDir: source,
      }));
    },
  };
}

/** The parts that the main script and, in turn, the parts themselves name. */
async function findParts() {
  const parts = new Map();
  for (let known = -1; parts.size > known; ) {
    known = parts.size;
    await build({ ...common, entryPoints: [entry, ...parts.values()], outdir: "dist", plugins: [cutting(parts)] });
  }
  return parts;
}

const bindings = (list) =>
  list.split(",").filter(Boolean).map((item) => {
    const [from, to = from] = item.split(" as ");
    return { from, to };
  });

/** An ES module of esbuild's as a script: what it imports and exports, and its code. */
function takeApart(name, text) {
  const imports = [];
  const legal = /\n\/\*![^]*\*\/$/.exec(text.trim())?.[0] ?? "";
  let code = text.trim().slice(0, text.trim().length - legal.length);
  for (let found; (found = /^import(?:\{([^}]*)\}from)?"\.\/([^"]+)\.js";/.exec(code)); code = code.slice(found[0].length)) {
    imports.push({ names: bindings(found[1] ?? ""), from: found[2] });
  }
  const end = /export\{([^}]*)\};$/.exec(code);
  if (end !== null) code = code.slice(0, end.index);
  const exports = bindings(end?.[1] ?? "");
  if (/(^|[;}\n])(import|export)[\s{"*]/.test(code)) throw new Error(`${name}: esbuild's output has an import or an export in a form that build.mjs does not know`);
  for (const { from } of exports) {
    // Scripts have each other's values, not live bindings.
    const assignments = code.match(new RegExp(`(?<![\\w$.#])${from.replaceAll("$", "\\$")}(=(?![=>])|[-+*]=|\\+\\+|--)`, "g")) ?? [];
    if (assignments.length > 1) throw new Error(`${name}: \`${from}\` is assigned ${assignments.length} times and used by another script, which would miss a change; export a function that gives it`);
  }
  return { imports, exports, code, legal };
}

const record = (exports) => `{__proto__:null,${exports.map(({ from, to }) => (from === to ? from : `${to}:${from}`)).join(",")}}`;

const parts = await findParts();
const { outputFiles, metafile } = await build({
  ...common,
  entryPoints: [{ in: entry, out: "index" }, ...Array.from(parts.keys(), (name) => ({ in: `part-entry:${name}`, out: name }))],
  outdir: "dist",
  splitting: true,
  chunkNames: "[hash]",
  metafile: true,
  plugins: [cutting(parts)],
});
const main = Object.keys(metafile.outputs).find((output) => "src/index.ts" in metafile.outputs[output].inputs);
const scripts = new Map();
for (const { path, text } of outputFiles) {
  const output = path.slice(here.length + 1).replaceAll("\\", "/");
  if (output === "dist/index.js") continue;
  const name = output === main ? "main" : output.slice("dist/".length, -".js".length);
  scripts.set(name, takeApart(name, text));
}
const nameOf = (file) => (`dist/${file}.js` === main ? "main" : file);

await mkdir(join(here, "dist"), { recursive: true });
for (const [name, { imports, exports, code, legal }] of scripts) {
  const head = imports
    .filter(({ from, names }) => names.length > 0 || nameOf(from) !== "main")
    .map(({ from, names }) => `const{${names.map(({ from, to }) => (from === to ? from : `${from}:${to}`)).join(",")}}=$part("${nameOf(from)}");`);
  const script =
    name === "main"
      ? // The records have no prototype, so nothing that a script does to Object.prototype is seen here.
        `(()=>{"use strict";const $read=__host.readPart,$parts={__proto__:null},$part=name=>$parts[name]??=$read(name)($part);${code}$parts.main=${record(exports)};})();`
      : `($part=>{"use strict";${head.join("")}${code}return${record(exports)};});`;
  await writeFile(join(here, "dist", `${name}.js`), script + legal);
}
// What an earlier build left goes last, so that a build beside this one always finds a whole layer.
for (const file of await readdir(join(here, "dist"))) {
  if (!scripts.has(file.replace(/\.js$/, ""))) await rm(join(here, "dist", file), { recursive: true, force: true });
}
