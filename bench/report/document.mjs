import { readFileSync } from "node:fs";
import { allQueues } from "../queues/all.mjs";
import { judgeGoals } from "./goals.mjs";
import { machine } from "./machine.mjs";
import { number, range } from "./numbers.mjs";
import { ratioOf, summaryOf } from "./ratios.mjs";

/** What no run finds out by itself: why a goal is missed, and what was tried. */
const WHY = readFileSync(new URL("why.md", import.meta.url), "utf8").trim();

const CAVEATS = [
  "Rounds are interleaved (A B C, A B C, …); shown is the median with minimum and maximum. Ratios are of the same round, then their median: they say more than the absolute numbers, which follow the machine and its neighbours.",
  "Workers are warm and stand still (SIGSTOP) until all tasks are queued, so no start-up is counted; a drain ends with the last end as it is stored, where a queue stores it, and else when nothing is left.",
  "The queueing side is the process of the bench, the worker another one; p-queue has neither storage nor a second process and stands for what the language allows.",
  "Peers run with the settings their documentation gives for throughput, and with their own durability: see below what each keeps.",
  "The raw limit is a program that can do nothing else: no retries, no leases, no cancelling, no child processes.",
];

/** The page of a run. */
export function document({ mode, seconds, scenarios, results, profile }) {
  return `# What was measured

${mode === "quick" ? "**A quick run: one round of few tasks. It shows that the bench runs, and nothing else.**\n\n" : ""}\
${new Date().toISOString().slice(0, 10)}, ${mode} run of ${Math.round(seconds)} s, by \`npm run bench${mode === "quick" ? " -- --quick" : ""}\`.

${list(machine())}

![Tasks per second, queued and drained](results.svg)

## Goals

${goals(results)}

## Where the time goes

The supervisor's CPU profile while it drains, concurrency 100, default settings (\`npm run bench -- --profile\`):

${profileTable(profile)}

${WHY}

## What the queues keep

| queue | version, durability |
| --- | --- |
${allQueues.map(({ label, keeps }) => `| ${label} | ${keeps} |`).join("\n")}

## How it was measured

${list(CAVEATS)}

${scenarios.map((scenario) => section(scenario, results)).join("\n")}`;
}

export function profileTable(profile) {
  const rows = profile.map(
    ({ area, us, share }) => `| ${area} | ${number(us)} | ${Math.round(share * 100)} % |`,
  );
  return ["| area | µs a task | share |", "| --- | ---: | ---: |", ...rows].join("\n");
}

function goals(results) {
  const rows = judgeGoals(results).map(({ figure, goal, found, isReached }) => {
    const verdict = found === undefined ? "not measured" : isReached ? "reached" : "**not reached**";
    return `| ${figure} | ${goal} | ${found === undefined ? "–" : range(found)} | ${verdict} |`;
  });
  return ["| figure | goal | found | |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

function section({ name, title, what }, results) {
  const tables = results.filter(({ scenario }) => scenario === name).map(table);
  return `## ${title}\n\n${what} (\`--only ${name}\`)\n\n${tables.join("\n")}`;
}

/** One figure of a scenario, for all who were measured. */
export function table({ title, figure, baseline, rows }) {
  const unit = figure.unit === "" ? figure.label : `${figure.label}, ${figure.unit}`;
  const against = rows.find(({ contender }) => contender === baseline)?.label;
  const head = [`| ${title} | ${unit} |`, "| --- | ---: |"];
  if (against === undefined) return lines(head, rows, (row) => [row.label, cell(row)]);
  const wide = [`${head[0]} × ${against} |`, `${head[1]} ---: |`];
  return lines(wide, rows, (row) => [row.label, cell(row), ratio({ rows }, row.contender, baseline)]);
}

function lines(head, rows, cells) {
  return `${[...head, ...rows.map((row) => `| ${cells(row).join(" | ")} |`)].join("\n")}\n`;
}

function cell({ values, missing }) {
  if (values.length === 0) return `not measured: ${(missing ?? "").replaceAll("|", "\\|")}`;
  return range(summaryOf(values));
}

function ratio(result, contender, baseline) {
  if (contender === baseline) return number(1);
  const found = ratioOf(result, contender, baseline);
  return found === undefined ? "–" : range(found);
}

function list(items) {
  return items.map((item) => `- ${item}`).join("\n");
}
