#!/usr/bin/env node
// Writes docs/conformance.md: every requirement, whether it holds, and the tests that prove it.
//
//   node scripts/ledger.mjs            writes the file
//   node scripts/ledger.mjs --check    writes nothing; fails if the file is stale or a MUST is neither held nor excused
//
// A test proves what it cites: `R26` in a comment on its `#[test]` line, directly above it or inside it. `CR: Name` in the
// same place says that it covers the behaviour behind Chromium's unit test of that name. What does not hold, and why, is in
// docs/ledger/exceptions.tsv; Chromium's tests are listed, with reasons where they have no counterpart, in
// docs/ledger/chromium.tsv.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const output = "docs/conformance.md";
const STATES = { departed: "departed", "not-applicable": "not applicable", open: "open" };

const problems = [];
const requirements = table("docs/ledger/requirements.tsv", 4).map(([id, mark, group, text]) => ({ id, mark, group, text, tests: [] }));
const exceptions = new Map(table("docs/ledger/exceptions.tsv", 3).map(([id, state, reason]) => [id, { state, reason }]));
const chromium = table("docs/ledger/chromium.tsv", 3).map(([suite, name, reason]) => ({ suite, name, reason, tests: [] }));

const byId = new Map(requirements.map((requirement) => [requirement.id, requirement]));
const byName = grouped(chromium, (test) => test.name);
for (const test of tests()) {
  for (const id of test.requirements) {
    const requirement = byId.get(id);
    if (requirement === undefined) problems.push(`${test.name} cites ${id}, which is no requirement`);
    else requirement.tests.push(test.name);
  }
  for (const name of test.chromium) {
    const covered = chromiumTests(name);
    if (covered.length === 0) problems.push(`${test.name} cites Chromium's ${name}, which docs/ledger/chromium.tsv does not list, or lists for several browser tests (write Suite.Name)`);
    for (const entry of covered) entry.tests.push(test.name);
  }
}
check();

const text = page();
if (process.argv.includes("--check")) {
  if (readFileSync(path.join(root, output), "utf8") !== text) problems.push(`${output} is stale; run: node scripts/ledger.mjs`);
} else {
  writeFileSync(path.join(root, output), text);
}
for (const problem of problems) console.error(`error: ${problem}`);
const sums = totals();
console.log(sums.map(({ mark, held, all, others }) => `${mark} ${held} of ${all} held${others}`).join("; "));
if (problems.length > 0) process.exit(1);

/**
 * What `Name` or `Suite.Name` stands for. Equal names in unit tests of several layers are one behaviour; in the browser
 * tests of the two APIs they are two, and must be told apart.
 */
function chromiumTests(name) {
  const [suite, own] = name.includes(".") ? name.split(".") : [null, name];
  const all = (byName.get(own) ?? []).filter((entry) => suite === null || entry.suite === suite);
  const ambiguous = all.length > 1 && all.every((entry) => entry.suite.endsWith("BrowserTest"));
  return ambiguous ? [] : all;
}

function grouped(list, keyOf) {
  const groups = new Map();
  for (const item of list) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

/** The rows of a tab-separated file, without its heading. */
function table(file, columns) {
  const lines = readFileSync(path.join(root, file), "utf8").replace(/\n$/, "").split("\n").slice(1);
  return lines.map((line, i) => {
    const cells = line.split("\t");
    if (cells.length !== columns) throw new Error(`${file}, line ${i + 2}: ${cells.length} columns, ${columns} are expected`);
    return cells;
  });
}

/** Every test of the repository with what it cites. */
function tests() {
  const files = execFileSync("git", ["ls-files", "crates", "tests", "examples"], { cwd: root, encoding: "utf8" }).trimEnd().split("\n");
  return files.flatMap((file) => {
    if (file.endsWith(".rs")) return rustTests(file);
    if (/\.test\.m?js$/.test(file)) return scriptTests(file);
    return [];
  });
}

function rustTests(file) {
  const lines = read(file);
  const found = [];
  for (let at = 0; at < lines.length; at += 1) {
    if (!/^\s*#\[(\w+::)*test\b/.test(lines[at])) continue;
    let first = at;
    while (first > 0 && /^\s*(\/\/|#\[)/.test(lines[first - 1])) first -= 1;
    let head = at;
    while (head < lines.length && !/^\s*(pub )?(async )?fn \w+/.test(lines[head])) head += 1;
    if (head === lines.length) continue;
    const [, indent, name] = /^(\s*)(?:pub )?(?:async )?fn (\w+)/.exec(lines[head]);
    let end = head;
    while (end < lines.length - 1 && lines[end] !== `${indent}}`) end += 1;
    found.push({ name: `${file}: ${name}`, ...cited(lines.slice(first, end + 1)) });
  }
  return found;
}

function scriptTests(file) {
  const lines = read(file);
  const heads = lines.flatMap((line, at) => (/^\s*test\(/.test(line) ? [at] : []));
  const starts = heads.map((head) => {
    let first = head;
    while (first > 0 && /^\s*\/\//.test(lines[first - 1])) first -= 1;
    return first;
  });
  return heads.map((head, i) => {
    const title = /test\(\s*(["'`])(.*?)\1/.exec(lines[head])?.[2] ?? "?";
    return { name: `${file}: ${title}`, ...cited(lines.slice(starts[i], starts[i + 1] ?? lines.length)) };
  });
}

/** What the comments in these lines cite. */
function cited(lines) {
  const comments = lines.flatMap((line) => /(?:^|\s)\/\/[/!]?(.*)$/.exec(line)?.[1] ?? []).join("\n");
  const ids = new Set();
  for (const [, first, last] of comments.matchAll(/\bR(\d+)(?:\s*[-–]\s*R(\d+))?\b/g)) {
    for (let id = Number(first); id <= Number(last ?? first); id += 1) ids.add(`R${id}`);
  }
  const names = [...comments.matchAll(/\bCR: ([\w.-]+(?:, (?!R\d)[\w.-]+)*)/g)].flatMap(([, list]) => list.split(", "));
  return { requirements: [...ids], chromium: names };
}

function read(file) {
  return readFileSync(path.join(root, file), "utf8").split("\n");
}

/** Excuses must be needed, complete and about something that exists; every MUST is held or excused. */
function check() {
  for (const [id, { state, reason }] of exceptions) {
    if (!byId.has(id)) problems.push(`docs/ledger/exceptions.tsv: ${id} is no requirement`);
    if (!(state in STATES)) problems.push(`docs/ledger/exceptions.tsv: ${id} has the state ${state}; allowed: ${Object.keys(STATES).join(", ")}`);
    if (reason.trim() === "") problems.push(`docs/ledger/exceptions.tsv: ${id} has no reason`);
    if (state !== "departed" && byId.get(id)?.tests.length > 0) problems.push(`docs/ledger/exceptions.tsv: ${id} is ${STATES[state]}, but cited by ${byId.get(id).tests[0]}`);
  }
  for (const { id, mark, tests } of requirements) {
    if (mark === "MUST" && tests.length === 0 && !exceptions.has(id)) {
      problems.push(`${id} is a MUST without a test that cites it and without a line in docs/ledger/exceptions.tsv`);
    }
  }
  for (const { name, reason, tests } of chromium) {
    if (tests.length === 0 && reason === "") problems.push(`Chromium's ${name} has neither a test of ours (CR: ${name}) nor a reason in docs/ledger/chromium.tsv`);
    if (tests.length > 0 && reason !== "") problems.push(`Chromium's ${name} has a reason in docs/ledger/chromium.tsv, but is cited by ${tests[0]}`);
  }
}

function stateOf({ id, tests }) {
  const exception = exceptions.get(id);
  if (exception !== undefined) return STATES[exception.state];
  return tests.length > 0 ? "held" : "open";
}

function totals() {
  return ["MUST", "SHOULD", "BEYOND"].map((mark) => {
    const of = requirements.filter((requirement) => requirement.mark === mark);
    const count = (state) => of.filter((requirement) => stateOf(requirement) === state).length;
    const others = Object.values(STATES).flatMap((state) => (count(state) > 0 ? [`, ${count(state)} ${state}`] : [])).join("");
    return { mark, all: of.length, held: count("held"), others };
  });
}

function page() {
  const out = [
    "# Conformance",
    "",
    "Generated by `node scripts/ledger.mjs` from the citations in the tests; do not edit. Every requirement of the two",
    "specifications, of WebView2's host API and of what users ask for, with the tests that prove it. MUST: a specification",
    "says so. SHOULD: Chromium, the only complete implementation, does so, or a source recommends it. BEYOND: no source has",
    "it. Departures are argued in [spec-notes.md](spec-notes.md).",
    "",
    "| mark | requirements | held | departed | not applicable | open |",
    "|---|---|---|---|---|---|",
  ];
  for (const mark of ["MUST", "SHOULD", "BEYOND"]) {
    const of = requirements.filter((requirement) => requirement.mark === mark);
    const count = (state) => of.filter((requirement) => stateOf(requirement) === state).length;
    out.push(`| ${mark} | ${of.length} | ${["held", "departed", "not applicable", "open"].map(count).join(" | ")} |`);
  }
  for (const [group, members] of grouped(requirements, (requirement) => requirement.group)) {
    out.push("", `## ${group}`, "", "| | mark | requirement | state | tests |", "|---|---|---|---|---|");
    for (const requirement of members) {
      const exception = exceptions.get(requirement.id);
      const state = stateOf(requirement) + (exception ? `: ${exception.reason}` : "");
      out.push(`| ${requirement.id} | ${requirement.mark} | ${cell(requirement.text)} | ${cell(state)} | ${names(requirement.tests)} |`);
    }
  }
  out.push("", "# Chromium's unit tests", "", "The behaviours behind the names of Chromium's own tests of background sync.");
  for (const [suite, members] of grouped(chromium, (test) => test.suite)) {
    out.push("", `## ${suite}`, "", "| Chromium's test | ours, or why there is none |", "|---|---|");
    for (const test of members) out.push(`| ${test.name} | ${test.tests.length > 0 ? names(test.tests) : cell(test.reason)} |`);
  }
  return `${out.join("\n")}\n`;
}

function names(tests) {
  return [...new Set(tests)].map((name) => `\`${cell(name.replace(/^crates\//, ""))}\``).join("<br>");
}

function cell(text) {
  return text.replaceAll("|", "\\|");
}
