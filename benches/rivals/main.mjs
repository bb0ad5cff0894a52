// wakeworker beside workerd, deno, bun and node, in one run and in turns, on whatever machine this is: read the ratios.
//
//   scripts/bench rivals [start] [further] [throughput] [--quick]
//
// WAKEWORKER names another program than target/release/wakeworker. All load goes to 127.0.0.1.
import { availableParallelism, loadavg } from "node:os";
import { NAMES, PROGRAMS, requireProgram, Scratch } from "./contestants.mjs";
import { measureFurther } from "./further.mjs";
import { runTime } from "./process.mjs";
import { measureStarts } from "./start.mjs";
import { measureThroughput } from "./throughput.mjs";

const PARTS = ["start", "further", "throughput"];
const args = process.argv.slice(2);
const quick = args.includes("--quick");
const wanted = args.filter((arg) => arg !== "--quick");
const unknown = wanted.filter((arg) => !PARTS.includes(arg));
if (unknown.length > 0) {
  console.error(`unknown part ${unknown.join(", ")}: there are ${PARTS.join(", ")}, and --quick`);
  process.exit(2);
}
const has = (/** @type {string} */ part) => wanted.length === 0 || wanted.includes(part);

// Whoever is missing is missed now, not after some minutes.
for (const name of NAMES) {
  requireProgram(name);
  runTime({ program: PROGRAMS[name], args: ["--version"] });
}
console.log(`${availableParallelism()} processors, load before: ${loadavg().map((load) => load.toFixed(1)).join(" ")}`);
const scratch = await Scratch.make();
try {
  if (has("start")) await measureStarts(scratch, quick ? 5 : 25);
  if (has("further")) await measureFurther(scratch, quick ? 5 : 30);
  if (has("throughput")) await measureThroughput(scratch, quick ? 1 : 5, quick ? 1 : 2);
} finally {
  await scratch.remove();
}
