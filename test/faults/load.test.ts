import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { SqliteBroker } from "../../src/brokers/sqlite/broker.js";
import { loadDriver } from "../../src/brokers/sqlite/driver.js";
import type { NewTask } from "../../src/core/record.js";
import { system } from "../../src/setup/system.js";
import { logLines, Project } from "../cli/project.js";
import { integrityOf, launchCommand, launchWorker, until } from "./stage.js";

const WORKERS = 5;
const CALLERS = 45;
const TASKS_EACH = 25;

const TASKS = `
import { appendFileSync } from "node:fs";
import { app, currentTask } from "qtasks";
app.task({ name: "mark", retry: 3 }, async (n) => {
  appendFileSync("runs", currentTask().taskUuid + "\\n");
  return n;
});
`;

/** Queues one by one, at once with the others, and prints each id. */
const CALLER = `
import { existsSync } from "node:fs";
import { QueueTasks } from "qtasks";
const app = new QueueTasks();
await app.open();
console.log("ready");
while (!existsSync("go")) await new Promise((resolve) => setTimeout(resolve, 5));
for (let n = 0; n < ${TASKS_EACH}; n++) console.log((await app.addTask("mark", [n])).uuid);
await app.close();
`;

test(`${WORKERS + CALLERS} processes queue and claim together: nothing fails, nothing is lost, nothing runs twice`, async () => {
  const project = new Project({ "tasks/all.mjs": TASKS, "caller.mjs": CALLER });
  const workers = await Promise.all(Array.from({ length: WORKERS }, () => launchWorker(project)));
  const callers = await Promise.all(
    Array.from({ length: CALLERS }, () => launchCommand(project, [process.execPath, "caller.mjs"])),
  );
  await Promise.all(callers.map((caller) => caller.running.says(/ready/)));
  project.write("go");
  const ends = await Promise.all(callers.map((caller) => caller.ended));
  expect(ends.map(({ code, stderr }) => [code, stderr])).toEqual(ends.map(() => [0, ""]));
  const uuids = ends.flatMap(({ stdout }) => stdout.trim().split("\n").slice(1));
  expect(new Set(uuids).size).toBe(CALLERS * TASKS_EACH);
  expect((await project.qtasks(["wait", "-", "--timeout", "120"], { stdin: uuids.join("\n") })).code).toBe(0);
  const runs = project.read("runs").trim().split("\n");
  expect(runs.toSorted()).toEqual(uuids.toSorted());
  for (const worker of workers) worker.running.kill("SIGTERM");
  for (const worker of workers) {
    const { code, stderr } = await worker.ended;
    expect([code, stderr]).toEqual([0, expect.not.stringContaining("failed")]);
  }
  expect(await integrityOf(project)).toBe("ok");
  const { counts } = await project.json<{ counts: unknown }>(["status"]);
  expect(counts).toEqual({ new: 0, process: 0, success: CALLERS * TASKS_EACH, error: 0, cancel: 0 });
});

/** Its calls wait all at once, and each must get the result of its own task. */
const WAITER = `
import { QueueTasks } from "qtasks";
const app = new QueueTasks();
const numbers = Array.from({ length: 50 }, (_, n) => n + Number(process.argv[2]));
const results = await Promise.all(numbers.map((n) => app.addTask("mark", [n], { timeout: 100 })));
console.log(JSON.stringify(results.filter(({ returning }, index) => returning !== numbers[index])));
await app.close();
`;

test("200 callers that wait in four processes get each the result of its own task", async () => {
  const project = new Project({ "tasks/all.mjs": TASKS, "waiter.mjs": WAITER });
  const waiters = [0, 50, 100, 150].map((from) =>
    project.startCommand(process.execPath, ["waiter.mjs", `${from}`], {}),
  );
  await until("all of them wait", async () => {
    const { counts } = await project.json<{ counts: { new: number } }>(["status"]);
    return counts.new === 200;
  });
  const worker = await launchWorker(project);
  for (const waiter of waiters) expect(await waiter.ended).toMatchObject({ code: 0, stdout: "[]\n" });
  worker.running.kill("SIGTERM");
  expect((await worker.ended).code).toBe(0);
});

test("others queue all the while as very many tasks are forgotten", async () => {
  const thousands = 40;
  const filler = `
import { QueueTasks } from "qtasks";
const app = new QueueTasks();
for (let n = 0; n < ${thousands}; n++)
  await app.addTasks(Array.from({ length: 1000 }, () => ({ taskName: "mark", args: [n], options: {} })));
await app.close();
`;
  const project = new Project({ "tasks/all.mjs": TASKS, "filler.mjs": filler });
  const filled = project.startCommand(process.execPath, ["filler.mjs"], {});
  expect(await filled.ended).toMatchObject({ code: 0 });
  const path = project.path(".qtasks/queue.db");
  const broker = new SqliteBroker({ path, durability: "full", busyTimeoutMs: 10_000 });
  await broker.open();
  const purging = project.qtasks(["purge", "--yes"]);
  const seen = new Set<number>();
  for (let left = thousands; left > 0; seen.add(left)) {
    await broker.enqueue([newTask("mark")]);
    const [counts] = await broker.counts();
    left = Math.floor((counts?.new ?? 0) / 1000);
  }
  await broker.close();
  expect(await purging).toMatchObject({ code: 0 });
  // Whoever queues comes to it between the pieces, where letting go of the lock for a moment leaves a few chances.
  expect(seen.size).toBeGreaterThan(thousands / 2);
});

test("with one place, tasks start by priority, due time and arrival, whichever processes queue and work", async () => {
  const project = new Project({ "tasks/all.mjs": TASKS });
  const expected: { readonly uuid: string; readonly priority: number; readonly n: number }[] = [];
  for (const [n, priority] of [5, 0, -3, 5, 0, -3, 7].entries())
    expected.push({ uuid: await project.put(["mark", `${n}`, "--priority", `${priority}`]), priority, n });
  expected.sort((a, b) => a.priority - b.priority || a.n - b.n);
  // Two workers, one after the other.
  const started: string[] = [];
  for (const words of [["--max-tasks", "3"], ["--burst"]]) {
    const all = ["worker", "-c", "1", "--processes", "1", "--log-format", "json", ...words];
    const { code, stdout } = await project.qtasks(all);
    expect(code).toBe(0);
    started.push(
      ...logLines(stdout).flatMap(({ event, uuid }) => (event === "taskRunning" && uuid ? [uuid] : [])),
    );
  }
  expect(started).toEqual(expected.map(({ uuid }) => uuid));
  expect(readFileSync(project.path("runs"), "utf8").trim().split("\n")).toEqual(started);
});

const newTask = (taskName: string, more: Partial<NewTask> = {}): NewTask => ({
  uuid: system.newId(),
  taskName,
  args: "[1]",
  priority: 0,
  runAtMs: 0,
  createdAtMs: 0,
  retry: null,
  maxTimeMs: null,
  unique: null,
  tags: [],
  ...more,
});

describe("a claim", () => {
  const folder = mkdtempSync(join(tmpdir(), "qtasks-load-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const MANY = 1_000_000;

  async function open(name: string): Promise<SqliteBroker> {
    const path = join(folder, `${name}.db`);
    const broker = new SqliteBroker({ path, durability: "normal", busyTimeoutMs: 10_000 });
    await broker.open();
    return broker;
  }

  /** Each waiting task a thousand times: in rows as the broker writes them, because it takes several times as long itself. */
  async function multiply(name: string, place: "ready" | "later"): Promise<void> {
    const db = (await loadDriver()).connect(join(folder, `${name}.db`), { readOnly: false });
    db.exec(`
BEGIN IMMEDIATE;
INSERT INTO tasks (uuid, name, args, priority, due, created, updated)
  WITH RECURSIVE copies (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copies WHERE n < 999)
  SELECT uuid || n, name, args, priority, due, created, updated FROM tasks, copies;
INSERT INTO ${place} (name, priority, due, id)
  SELECT name, priority, due, id FROM tasks WHERE id > (SELECT max(id) FROM ${place});
COMMIT`);
    db.close();
  }

  async function waitingIn(broker: SqliteBroker): Promise<number> {
    return (await broker.counts()).reduce((sum, row) => sum + row.new, 0);
  }

  /** of two hundred claims of one task each, the time that all but two keep within */
  async function slowestMs(broker: SqliteBroker): Promise<number> {
    const times: number[] = [];
    for (let n = 0; n < 220; n++) {
      const since = performance.now();
      const { claims } = await broker.claim({
        workerId: "worker",
        workerName: "worker",
        names: ["due"],
        limit: 1,
        leaseMs: 600_000,
        now: system.now(),
      });
      if (n >= 20) times.push(performance.now() - since);
      expect(claims).toHaveLength(1);
    }
    return times.toSorted((a, b) => a - b)[197] ?? Number.NaN;
  }

  test(`is no slower for ${MANY} waiting tasks, nor for as many scheduled ones of better priority`, async () => {
    const dueThousand = Array.from({ length: 1000 }, () => newTask("due"));
    const few = await open("few");
    await few.enqueue(dueThousand);
    const many = await open("many");
    await many.enqueue(dueThousand);
    await multiply("many", "ready");
    expect(await waitingIn(many)).toBe(MANY);
    const scheduled = await open("scheduled");
    const later = { priority: -1, runAtMs: Date.now() + 86_400_000, createdAtMs: Date.now() };
    await scheduled.enqueue(Array.from({ length: 1000 }, () => newTask("due", later)));
    await multiply("scheduled", "later");
    await scheduled.enqueue(dueThousand);
    expect(await waitingIn(scheduled)).toBe(MANY + 1000);
    const usual = await slowestMs(few);
    // A scan of the table would take a hundred times as long; the rest is noise of a busy machine.
    const bound = Math.max(10 * usual, 50);
    expect(await slowestMs(many)).toBeLessThan(bound);
    expect(await slowestMs(scheduled)).toBeLessThan(bound);
    for (const broker of [few, many, scheduled]) await broker.close();
  });
});
