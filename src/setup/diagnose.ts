import { createRequire } from "node:module";
import { relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CONFIG_KEYS, variableOf } from "../core/config.js";
import { type Finding, failed, sound, wrong } from "../core/finding.js";
import type { App } from "../engine/app.js";
import { discoverTaskFiles } from "./discover.js";
import { leftoverChildren } from "./leftovers.js";
import { loadProject } from "./loadConfig.js";
import type { Project, ProjectQuery } from "./projectConfig.js";
import { system } from "./system.js";
import { CHILD_ENTRY, createWorkerApp } from "./workerApp.js";

/** Looks at all that a project needs, one thing after the other. What is wrong with one does not keep it from the next. */
export async function* diagnoseProject(query: ProjectQuery): AsyncGenerator<Finding> {
  yield node();
  yield clock(await clockDriftMs());
  yield environment();
  let project: Project;
  let app: App;
  try {
    project = await loadProject(query);
    // The modules are loaded where a worker loads them: in a process of their own, which they may well bring down.
    const own = { ...query, flags: { ...query.flags, isolation: "process", processes: 1 } };
    app = createWorkerApp(await loadProject(own), own, { stray: () => {} }, SILENT);
  } catch (error) {
    yield failed("config", error);
    return;
  }
  yield config(project, query);
  yield* await broker(app);
  yield typescript(project.root);
  yield* await tasks(project, app);
  yield children();
}

const SILENT = { reportFault: () => {}, warn: () => {} };

function node(): Finding {
  const { node: version } = process.versions;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return sound("node", version);
  return wrong("node", `${version} is too old`, "Use Node 20.19 or later.");
}

const CLOCK_SAMPLE_MS = 50;
const DRIFT_LIMIT_MS = 1000;
const SOME_PAST_MS = Date.UTC(2025, 0, 1);

async function clockDriftMs(): Promise<number> {
  const before = system.now();
  await sleep(CLOCK_SAMPLE_MS);
  const after = system.now();
  return after.wallMs - before.wallMs - (after.monoMs - before.monoMs);
}

/** Due times are the wall clock's, leases the monotonic one's, which counts from the start of the machine. */
function clock(driftMs: number): Finding {
  const { wallMs, bootId } = system.now();
  const hint = "Check the time service of this machine: tasks become due by its clock.";
  if (wallMs < SOME_PAST_MS) return wrong("clock", `it is ${new Date(wallMs).toISOString()}`, hint);
  if (Math.abs(driftMs) > DRIFT_LIMIT_MS)
    return wrong("clock", `the wall clock jumped by ${Math.round(driftMs)} ms meanwhile`, hint);
  const boot =
    bootId === "unknown" ? "; the boot cannot be told, leases outlive a restart by their length" : "";
  return sound("clock", `${new Date(wallMs).toISOString()}${boot}`);
}

/** What is unknown is told once and then left out, so that the rest can be looked at. */
function environment(): Finding {
  const own = Object.keys(process.env).filter((name) => name.startsWith("QTASKS_"));
  const known = CONFIG_KEYS.map(variableOf);
  const unknown = own.filter((name) => !known.includes(name) && !name.startsWith("QTASKS_TEST_"));
  for (const name of unknown) delete process.env[name];
  if (unknown.length > 0)
    return wrong(
      "environment",
      `unknown: ${unknown.join(", ")}`,
      `Unset it, or mend the name: ${known.join(", ")}.`,
    );
  return sound("environment", own.join(", ") || "no QTASKS_ variable");
}

function config({ configFile, root }: Project, { flags, flagNames }: ProjectQuery): Finding {
  const given = Object.entries(flags).filter(([, value]) => value !== undefined);
  const over = [
    ...given.map(([key]) => flagNames[key] ?? key),
    ...CONFIG_KEYS.map(variableOf).filter((name) => process.env[name]),
  ];
  const strongest = over.length === 0 ? "" : `; over it, the strongest first: ${over.join(", ")}`;
  return sound("config", `${configFile ?? `none, the defaults serve in ${root}`}${strongest}`);
}

async function broker({ broker: own }: App): Promise<readonly Finding[]> {
  if (own.diagnose === undefined) return [sound("broker", `${own.name}, which knows nothing to look at`)];
  return [sound("broker", own.name), ...(await own.diagnose(system.now()))];
}

/** Task modules need no compiler; a project without one has its types checked by nobody. */
function typescript(root: string): Finding {
  const tsx = versionOf("tsx", import.meta.url);
  if (tsx === undefined)
    return wrong("typescript", "tsx cannot be found", "Install again: it is a dependency of qtasks.");
  const compiler = versionOf("typescript", `file://${root}/package.json`);
  return sound(
    "typescript",
    `tsx ${tsx}; typescript ${compiler ?? "is not in the project, which needs none"}`,
  );
}

function versionOf(name: string, from: string): string | undefined {
  try {
    return (createRequire(from)(`${name}/package.json`) as { version: string }).version;
  } catch {
    return undefined;
  }
}

async function tasks(project: Project, app: App): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  try {
    const files = await discoverTaskFiles(project.root, project.config.tasks);
    const shown = files.map((file) => relative(project.root, file)).join(", ");
    findings.push(sound("task files", shown || `none in ${JSON.stringify(project.config.tasks)}`));
  } catch (error) {
    return [failed("task files", error)];
  }
  const worker = app.createWorker();
  try {
    const names = await worker.engine.prepare();
    findings.push(sound("tasks", names.join(", ") || "no module registers one"));
  } catch (error) {
    findings.push(failed("tasks", error));
  } finally {
    await worker.stop();
  }
  return findings;
}

function children(): Finding {
  const left = leftoverChildren(CHILD_ENTRY);
  if (left === undefined) return sound("processes", "cannot be told on this system");
  if (left.length === 0) return sound("processes", "no child process without its worker");
  const hint = "Nothing that they do counts any more: end them with `kill`.";
  return wrong("processes", `child processes without a worker: ${left.join(", ")}`, hint);
}
