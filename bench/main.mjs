import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { removeFolders } from "./lib/folders.mjs";
import { measureScenario } from "./lib/measure.mjs";
import { profileOfDrain } from "./lib/profile.mjs";
import { stopServers } from "./lib/servers.mjs";
import { allQueues } from "./queues/all.mjs";
import { chart } from "./report/chart.mjs";
import { document, profileTable, table } from "./report/document.mjs";
import { allScenarios } from "./scenarios/all.mjs";

const ROUNDS = { full: 3, quick: 1 };
const PROFILED = { full: 100_000, quick: 10_000 };

const HELP = `npm run bench -- [--quick] [--only NAME]... [--queue ID]...
  --quick      fewer tasks, one round, about two minutes: shows that the bench runs, and RESULTS.md stays as it is
  --only NAME  this scenario, or all whose names begin with it and a dash
  --queue ID   where queues are compared, only these and the one they are compared with
               With --only or --queue the tables are printed, and RESULTS.md stays as it is.
  --profile    only the CPU profile of the worker while it drains, concurrency 100
  scenarios:   ${allScenarios.map(({ name }) => name).join(" ")}
  queues:      ${allQueues.map(({ id }) => id).join(" ")}`;

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    queue: { type: "string", multiple: true, default: [] },
    profile: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const mode = flags.quick ? "quick" : "full";
const say = (text) => console.error(text);

if (flags.help) console.log(HELP);
else if (flags.profile) console.log(profileTable(await profiled()));
else await bench();

async function profiled() {
  try {
    return await profileOfDrain(PROFILED[mode]);
  } finally {
    removeFolders();
  }
}

async function bench() {
  const isWhole = flags.only.length + flags.queue.length === 0;
  const scenarios = chosenScenarios().map(withChosenQueues);
  const startedMs = Date.now();
  const results = [];
  let profile;
  try {
    for (const scenario of scenarios) {
      say(scenario.title);
      const rounds = (scenario.rounds ?? ROUNDS)[mode];
      results.push(...(await measureScenario(scenario, { rounds, n: scenario.n[mode], say })));
    }
    if (isWhole) profile = await profileOfDrain(PROFILED[mode]);
  } finally {
    await stopServers();
    removeFolders();
  }
  const run = { mode, seconds: (Date.now() - startedMs) / 1000, scenarios, results, profile };
  if (!isWhole) {
    console.log(results.map(table).join("\n"));
    return;
  }
  if (mode === "quick") {
    console.log(document(run));
    return;
  }
  writeFileSync(new URL("RESULTS.md", import.meta.url), document(run));
  writeFileSync(new URL("results.svg", import.meta.url), chart(results));
  say(`bench/RESULTS.md and bench/results.svg are written, after ${run.seconds.toFixed(0)} s.`);
}

function chosenScenarios() {
  if (flags.only.length === 0) return allScenarios.filter(({ inQuick = true }) => inQuick || !flags.quick);
  const found = allScenarios.filter(({ name }) =>
    flags.only.some((word) => name === word || name.startsWith(`${word}-`)),
  );
  if (found.length > 0) return found;
  console.error(`error: no scenario is called ${flags.only.join(" or ")}\n${HELP}`);
  process.exit(2);
}

function withChosenQueues(scenario) {
  const areQueues = scenario.contenders.every((contender) => allQueues.includes(contender));
  if (!areQueues) return scenario;
  const isAsked = ({ id, isVariant }) =>
    flags.queue.length === 0 ? !(flags.quick && isVariant) : flags.queue.includes(id);
  const isChosen = (queue) => queue.id === scenario.baseline || isAsked(queue);
  return { ...scenario, contenders: scenario.contenders.filter(isChosen) };
}
