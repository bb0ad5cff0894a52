// A further worker in a process that runs: from the request to the answer of a worker that was not running, and the memory
// that it takes.
import { Agent } from "node:http";
import { many } from "./contestants.mjs";
import { median, number, ratio, spread, table } from "./figures.mjs";
import { Contestant, get } from "./process.mjs";

/**
 * @param {import("./contestants.mjs").Scratch} scratch
 * @param {number} count workers in each process
 */
export async function measureFurther(scratch, count) {
  const paths = Array.from({ length: count + 1 }, (_, n) => `/w${n}/`);
  const starts = await many(scratch, paths);
  const figures = starts.map(() => ({ cold: /** @type {number[]} */ ([]), warm: /** @type {number[]} */ ([]), memory: 0 }));
  const contestants = starts.map((start) => new Contestant(start.command));
  const agents = starts.map(() => new Agent({ keepAlive: true, maxSockets: 1 }));
  try {
    const before = [];
    for (const [n, start] of starts.entries()) {
      await contestants[n].firstAnswer(start.port, start.target(paths[0]), "hello");
      before.push(contestants[n].memoryMib());
    }
    for (const path of paths.slice(1)) {
      for (const [n, start] of starts.entries()) {
        figures[n].cold.push(await timed(start, path, agents[n]));
        figures[n].warm.push(await timed(start, path, agents[n]));
      }
    }
    for (const [n, contestant] of contestants.entries()) figures[n].memory = (contestant.memoryMib() - before[n]) / count;
  } finally {
    for (const agent of agents) agent.destroy();
    await Promise.all(contestants.map((contestant) => contestant.kill()));
  }
  const own = { cold: median(figures[0].cold), memory: figures[0].memory };
  table(
    `A further worker in a running process: its first answer, a second one, and its memory (PSS); medians of ${count} workers`,
    ["", "first ms", "10–90 %", "× ours", "second ms", "memory MiB", "× ours"],
    starts.map((start, n) => [
      start.name,
      number(median(figures[n].cold)),
      spread(figures[n].cold),
      ratio(median(figures[n].cold), own.cold),
      number(median(figures[n].warm)),
      number(figures[n].memory),
      ratio(figures[n].memory, own.memory),
    ]),
  );
}

/**
 * @param {import("./contestants.mjs").Start} start
 * @param {string} path
 * @param {Agent} agent
 */
async function timed(start, path, agent) {
  const begin = performance.now();
  const text = await get(start.port, start.target(path), agent);
  if (text !== "hello") throw new Error(`${start.name} answered ${JSON.stringify(text)} to ${path}`);
  return performance.now() - begin;
}
