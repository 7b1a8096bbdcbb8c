import { existsSync, readFileSync } from "node:fs";
import { Project } from "../cli/project.js";
import { isAlive, until } from "./stage.js";

/** What a bound may be exceeded by where the machine is slow and busy: what hangs does so for ever. */
export const SLACK_MS = 8000;

/** For task modules: where and when a run began, and runs that last until the test says so. */
const PROBE = `
import { appendFileSync, existsSync } from "node:fs";
import { currentTask } from "qtasks";
export function begin(key, more = {}) {
  const run = { pid: process.pid, ppid: process.ppid, atMs: Date.now(), ...more };
  appendFileSync(key + ".runs", JSON.stringify(run) + "\\n");
}
export async function gate(key) {
  begin(key);
  while (!existsSync(key + ".go")) await currentTask().sleep(0.01);
  return key;
}
const cell = new Int32Array(new SharedArrayBuffer(4));
export function gateSync(key) {
  begin(key);
  while (!existsSync(key + ".go")) Atomics.wait(cell, 0, 0, 10);
  return key;
}
export function spin(key) {
  begin(key);
  for (;;);
}
`;

const IMPORTS = `
import { app, currentTask } from "qtasks";
import { begin, gate, gateSync, spin } from "../probe.mjs";
`;

/** A project with one module of tasks, which can use the probe. */
export function projectOf(tasks: string, env: Readonly<Record<string, string>> = {}): Project {
  return new Project({ "probe.mjs": PROBE, "tasks/all.mjs": IMPORTS + tasks }, env);
}

export interface ProbedRun {
  /** of the child process */
  readonly pid: number;
  /** of the supervisor */
  readonly ppid: number;
  /** epoch milliseconds */
  readonly atMs: number;
  /** of a process that the task started */
  readonly grandchild?: number;
}

/** The runs that have begun under that key, in order. */
export function runsOf(project: Project, key: string): readonly ProbedRun[] {
  const file = project.path(`${key}.runs`);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.slice(0, -1).map((line) => JSON.parse(line) as ProbedRun);
}

/** Resolves to the latest run once so many have begun. */
export async function begun(project: Project, key: string, count = 1): Promise<ProbedRun> {
  await until(`run ${count} of ${key} has begun`, () => runsOf(project, key).length >= count);
  return runsOf(project, key)[count - 1] as ProbedRun;
}

/** Resolves to the milliseconds after which none of them was left. */
export async function goneMs(...pids: readonly number[]): Promise<number> {
  const start = performance.now();
  await until(`${pids.join(", ")} are gone`, () => !pids.some(isAlive));
  return performance.now() - start;
}

/** How the runs of a record ended, in order. */
export function statuses(record: { readonly history: readonly { readonly status: string }[] }): string[] {
  return record.history.map(({ status }) => status);
}
