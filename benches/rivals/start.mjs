// From nothing to the first answer of the trivial worker, the memory that this takes, and what the programs weigh.
import { setTimeout as pass } from "node:timers/promises";
import { NAMES, PROGRAMS, sizeMib, trivial } from "./contestants.mjs";
import { median, number, ratio, spread, table } from "./figures.mjs";
import { Contestant, runTime } from "./process.mjs";

/** @typedef {import("./contestants.mjs").Scratch} Scratch */

/** After this time without a request a worker of wakeworker has been stopped. */
const IDLE_MS = 33_000;

/**
 * @param {Scratch} scratch
 * @param {number} rounds
 */
export async function measureStarts(scratch, rounds) {
  const starts = await trivial(scratch);
  const times = starts.map(() => /** @type {number[]} */ ([]));
  const memory = starts.map(() => /** @type {number[]} */ ([]));
  const cpu = starts.map(() => /** @type {number[]} */ ([]));
  const programs = NAMES.map(() => /** @type {number[]} */ ([]));
  // The first round fills caches of the system, and is not counted.
  for (let round = 0; round <= rounds; round += 1) {
    for (const [n, start] of starts.entries()) {
      const contestant = new Contestant(start.command);
      try {
        const time = await contestant.firstAnswer(start.port, start.target("/"), "hello");
        if (round === 0) continue;
        times[n].push(time);
        memory[n].push(contestant.memoryMib());
        cpu[n].push(contestant.threadsCpuMs());
      } finally {
        await contestant.kill();
      }
    }
    if (round === 0) continue;
    for (const [n, name] of NAMES.entries()) programs[n].push(runTime({ program: PROGRAMS[name], args: ["--version"] }));
  }
  const idle = await idleMemory(starts);
  const own = { time: median(times[0]), memory: median(memory[0]) };
  table(
    `Start of the process to the first answer, and memory (PSS) then and after ${IDLE_MS / 1000} s without a request; medians of ${rounds} rounds`,
    ["", "start ms", "10–90 %", "× ours", "processor ms", "memory MiB", "× ours", "idle MiB", "× ours"],
    starts.map((start, n) => [
      start.name,
      number(median(times[n])),
      spread(times[n]),
      ratio(median(times[n]), own.time),
      number(median(cpu[n])),
      number(median(memory[n])),
      ratio(median(memory[n]), own.memory),
      number(idle[n]),
      ratio(idle[n], idle[0]),
    ]),
  );
  table(
    "The programs: size without debugging information, and `--version` from start to end",
    ["", "size MiB", "× ours", "run ms", "× ours"],
    NAMES.map((name, n) => [
      name,
      number(sizeMib(name)),
      ratio(sizeMib(name), sizeMib("wakeworker")),
      number(median(programs[n])),
      ratio(median(programs[n]), median(programs[0])),
    ]),
  );
}

/**
 * All at the same time, since it is a long wait.
 * @param {import("./contestants.mjs").Start[]} starts
 */
async function idleMemory(starts) {
  const contestants = starts.map((start) => new Contestant(start.command));
  try {
    await Promise.all(contestants.map((contestant, n) => contestant.firstAnswer(starts[n].port, starts[n].target("/"), "hello")));
    await pass(IDLE_MS);
    return contestants.map((contestant) => contestant.memoryMib());
  } finally {
    await Promise.all(contestants.map((contestant) => contestant.kill()));
  }
}
