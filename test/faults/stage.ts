import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { type Database, loadDriver } from "../../src/brokers/sqlite/driver.js";
import type { Task } from "../../src/core/task.js";
import type { How, Project, Running } from "../cli/project.js";

export const REPO = fileURLToPath(new URL("../..", import.meta.url));
export const BIN = join(REPO, "bin", "qtasks.js");
/** Many more rounds, for a run by hand. */
export const isLong = process.env.QTASKS_TEST_LONG === "1";

/** Ends what hangs, and nothing else: no promise is about so long a time. */
const PATIENCE_MS = 90_000;

export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
    await sleep(20);
  }
}

/** `test` where the tool is there, else a skip that names what is missing. */
export function testWith(tool: boolean, missing: string): typeof test {
  if (tool) return test;
  const skip = (name: string) => test.skip(`${name} [SKIPPED: ${missing}]`, () => {});
  process.stderr.write(`SKIPPED for want of ${missing}\n`);
  return skip as typeof test;
}

export function hasCommand(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore", timeout: 20_000 }).status === 0;
}

/** A process of a project, with its id: signals can be sent to it and to all that it started. */
export class Process {
  readonly running: Running;
  readonly pid: number;

  constructor(running: Running, pid: number) {
    this.running = running;
    this.pid = pid;
  }

  get ended(): Running["ended"] {
    return this.running.ended;
  }

  /** Resolves once the worker's log (`--log-format json`) has such an event. */
  async logs(event: string, uuid = ""): Promise<void> {
    await this.running.says(new RegExp(`"event":"${event}".*${uuid}`));
  }

  /** it, then what it started, however deep: children are in process groups of their own */
  get family(): readonly number[] {
    return [this.pid, ...descendantsOf(this.pid)];
  }

  /** Stops it with its whole family, and resolves once nothing of it runs. */
  async freeze(): Promise<void> {
    for (;;) {
      const { family } = this;
      for (const pid of family) signal(pid, "SIGSTOP");
      await until("all are stopped", () => family.every((pid) => "TtZ?".includes(stateOf(pid))));
      if (this.family.length === family.length) return;
    }
  }

  thaw(): void {
    for (const pid of this.family.toReversed()) signal(pid, "SIGCONT");
  }

  /** Ends the supervisor alone, as an out-of-memory killer would. */
  kill(): void {
    signal(this.pid, "SIGKILL");
  }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone.
  }
}

/** Starts a command of the project and learns its process id. */
export async function launch(project: Project, words: readonly string[], how: How = {}): Promise<Process> {
  return await launchCommand(project, [process.execPath, BIN, ...words], how);
}

let lastPidFile = 0;

export async function launchCommand(
  project: Project,
  command: readonly string[],
  how: How = {},
): Promise<Process> {
  const file = project.path(`pid-${++lastPidFile}`);
  const script = 'echo $$ > "$0.draft" && mv "$0.draft" "$0" && exec "$@"';
  const running = project.startCommand("/bin/sh", ["-c", script, file, ...command], how);
  await until("the process has started", () => existsSync(file));
  return new Process(running, Number(readFileSync(file, "utf8")));
}

/** A worker that logs its events as JSON; resolves once it claims. */
export async function launchWorker(
  project: Project,
  words: readonly string[] = [],
  how: How = {},
): Promise<Process> {
  const all = ["worker", "--processes", "1", "--log-format", "json", ...words];
  const worker = await launch(project, all, how);
  await worker.running.says(/concurrency \d+/);
  return worker;
}

/** The letter in /proc: R, S, T (stopped), Z (dead, not yet reaped); "?" when it is gone. */
export function stateOf(pid: number): string {
  return statOf(pid)?.state ?? "?";
}

export function isAlive(pid: number): boolean {
  return !"Z?X".includes(stateOf(pid));
}

export function descendantsOf(pid: number): readonly number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = statOf(Number(entry));
    if (stat !== undefined) parents.set(Number(entry), stat.parent);
  }
  const found = [pid];
  for (const one of found) for (const [child, parent] of parents) if (parent === one) found.push(child);
  return found.slice(1);
}

function statOf(pid: number): { state: string; parent: number } | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state = "?", parent = "0"] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

/** A record as `status --json` gives it: dates are text. */
export type Shown = Omit<Task, "history"> & {
  readonly history: readonly { readonly attempt: number; readonly status: string; readonly worker: string }[];
};

export async function recordOf(project: Project, uuid: string): Promise<Shown> {
  return (await project.record(uuid)) as Shown;
}

/** The queue file's own connection of the test: opened, used and closed. */
export async function withFile<T>(project: Project, use: (db: Database) => T | Promise<T>): Promise<T> {
  const driver = await loadDriver();
  const db = driver.connect(project.path(".qtasks/queue.db"), { readOnly: false });
  try {
    db.exec("PRAGMA busy_timeout = 10000");
    return await use(db);
  } finally {
    db.close();
  }
}

/**
 * Stops a worker with its family, but not within a write: SQLite's lock is kept by a stopped process, and nobody could
 * write until it goes on.
 */
export async function freezeBetweenWrites(project: Project, worker: Process): Promise<void> {
  await until("the worker is stopped outside a write", async () => {
    await worker.freeze();
    if (await mayWrite(project)) return true;
    worker.thaw();
    return false;
  });
}

async function mayWrite(project: Project): Promise<boolean> {
  try {
    await withFile(project, (db) => db.exec("PRAGMA busy_timeout = 1000; BEGIN IMMEDIATE; ROLLBACK"));
    return true;
  } catch {
    return false;
  }
}

/** What `PRAGMA integrity_check` says of the queue: "ok". */
export async function integrityOf(project: Project): Promise<string> {
  return await withFile(project, (db) => {
    const row = db.prepare("PRAGMA integrity_check").get() as { integrity_check: string };
    return row.integrity_check;
  });
}

/** The claim numbers of all runs that began, in order; for `GATED`. */
export const startsOf = (project: Project) =>
  existsSync(project.path("starts")) ? project.read("starts").trim().split("\n") : [];

/**
 * A task whose every run writes `began-FENCE` and waits for a file `go-FENCE`, whose text says how it is to end:
 * `throw`, or anything else to return its claim number. `deaf` runs do not heed the abort signal.
 */
export const GATED = `
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { app, currentTask } from "qtasks";
async function gated(pause) {
  const { fence, attempt } = currentTask();
  appendFileSync("starts", fence + "\\n");
  writeFileSync("began-" + fence, String(attempt));
  while (!existsSync("go-" + fence)) await pause();
  const how = readFileSync("go-" + fence, "utf8");
  console.log("line of " + fence);
  writeFileSync("ends-" + fence, "");
  if (how === "throw") throw new Error("error of " + fence);
  return fence;
}
export const job = app.task({ name: "job", retry: 3, retryDelay: 0 }, async () => await gated(() => currentTask().sleep(0.01)));
export const once = app.task({ name: "once", retry: 0 }, async () => await gated(() => currentTask().sleep(0.01)));
export const deaf = app.task({ name: "deaf", retry: 0 }, async () => await gated(() => sleep(10)));
export const add = app.task("add", async (a, b) => a + b);
`;
