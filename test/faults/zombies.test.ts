import { existsSync, readdirSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, test } from "vitest";
import { Project } from "../cli/project.js";
import {
  freezeBetweenWrites,
  GATED,
  integrityOf,
  isAlive,
  launchWorker,
  type Process,
  recordOf,
  signal,
  startsOf,
  until,
} from "./stage.js";

const LEASE = { QTASKS_LEASE: "2" };
const workers: Process[] = [];

afterAll(() => {
  // What a failed test left stopped could not end.
  for (const worker of workers) for (const pid of worker.family) signal(pid, "SIGKILL");
});

const fresh = (env: Record<string, string> = LEASE, tasks = GATED) =>
  new Project({ "tasks/all.mjs": tasks }, env);

async function startWorker(project: Project, name: string, ...words: readonly string[]): Promise<Process> {
  const worker = await launchWorker(project, ["--name", name, ...words]);
  workers.push(worker);
  return worker;
}

/** The first worker froze in claim 1 of the task; the second has claim 2 now. */
async function outlived(task: string) {
  const project = fresh();
  const frozen = await startWorker(project, "frozen");
  const uuid = await project.put([task]);
  await project.appears("began-1");
  await freezeBetweenWrites(project, frozen);
  const newer = await startWorker(project, "newer");
  await project.appears("began-2");
  return { project, frozen, newer, uuid };
}

/** Wakes the frozen worker's child first: its run is over when the supervisor wakes and hears of it. */
async function wakeToTheEnd(project: Project, frozen: Process): Promise<void> {
  const [supervisor = 0, ...children] = frozen.family;
  for (const pid of children) signal(pid, "SIGCONT");
  await project.appears("ends-1");
  // The child's message is written to the pipe right after; it must be there before the supervisor looks at the clock.
  await sleep(200);
  signal(supervisor, "SIGCONT");
}

/** The worker can still work: the other one is stopped, so that it has to. */
async function expectWorksOn(project: Project, worker: Process, other: Process): Promise<void> {
  other.running.kill("SIGTERM");
  expect(await other.ended).toMatchObject({ code: 0 });
  const added = await project.qtasks(["call", "add", "2", "3", "--timeout", "60"]);
  expect(added).toMatchObject({ code: 0, stdout: "5\n" });
  worker.running.kill("SIGTERM");
  const end = await worker.ended;
  expect(end).toMatchObject({ code: 0 });
  expect(end.stdout).not.toMatch(/"event":"task(Success|Error|Retry|Cancel)".*"taskName":"(job|once|deaf)"/);
  expect(await integrityOf(project)).toBe("ok");
}

describe.concurrent("a worker that was frozen past its lease and woken again", () => {
  for (const stale of ["return", "throw"] as const) {
    test(`cannot store the ${stale === "return" ? "result" : "error, nor a retry,"} of its stale run while the newer one goes on`, async () => {
      const { project, frozen, newer, uuid } = await outlived("job");
      project.write("go-1", stale);
      await wakeToTheEnd(project, frozen);
      // It works again, so it has dealt with what it held.
      const added = await project.qtasks(["call", "add", "1", "1", "--timeout", "60"]);
      expect(added.stdout).toBe("2\n");
      expect(await recordOf(project, uuid)).toMatchObject({ status: "process", attempt: 1, worker: "newer" });
      project.write("go-2", "return");
      await newer.logs("taskSuccess", uuid);
      const record = await recordOf(project, uuid);
      expect(record).toMatchObject({ status: "success", returning: 2, attempt: 1, deaths: 1, error: null });
      expect(record.history).toMatchObject([
        { status: "lost", worker: "frozen" },
        { status: "success", worker: "newer" },
      ]);
      expect(startsOf(project)).toEqual(["1", "2"]);
      const { stdout } = await project.qtasks(["logs", uuid]);
      expect(stdout).toContain("line of 2");
      expect(stdout).not.toContain("line of 1");
      await expectWorksOn(project, frozen, newer);
    });
  }

  test("stops its stale run within a second, even one that does not heed the signal, and works on", async () => {
    const { project, frozen, newer, uuid } = await outlived("deaf");
    const [, child = 0] = frozen.family;
    frozen.thaw();
    const woken = performance.now();
    await frozen.logs("taskStopping", uuid);
    await until("the stale run's process is gone", () => !isAlive(child));
    // Half a second of grace and a kill; the rest is for a busy machine.
    expect(performance.now() - woken).toBeLessThan(5000);
    expect(await recordOf(project, uuid)).toMatchObject({ status: "process", worker: "newer" });
    project.write("go-2", "return");
    await newer.logs("taskSuccess", uuid);
    expect(existsSync(project.path("ends-1"))).toBe(false);
    await expectWorksOn(project, frozen, newer);
  });

  test("changes nothing where the newer run is done", async () => {
    const { project, frozen, newer, uuid } = await outlived("job");
    project.write("go-2", "return");
    await newer.logs("taskSuccess", uuid);
    const before = await recordOf(project, uuid);
    project.write("go-1", "throw");
    await wakeToTheEnd(project, frozen);
    await expectWorksOn(project, frozen, newer);
    expect(await recordOf(project, uuid)).toEqual(before);
    expect(before).toMatchObject({ status: "success", returning: 2 });
    expect((await project.qtasks(["logs", uuid])).stdout).not.toContain("line of 1");
  });

  test("changes nothing where the newer run has failed", async () => {
    const { project, frozen, newer, uuid } = await outlived("once");
    // Its one attempt was not used up by the other worker's freezing, but is now: the first run counts as attempt 1.
    project.write("go-2", "throw");
    await newer.logs("taskError", uuid);
    const before = await recordOf(project, uuid);
    expect(before).toMatchObject({ status: "error", error: { message: "error of 2" } });
    project.write("go-1", "return");
    await wakeToTheEnd(project, frozen);
    await expectWorksOn(project, frozen, newer);
    expect(await recordOf(project, uuid)).toEqual(before);
  });

  test("changes nothing where the newer run has been cancelled", async () => {
    const { project, frozen, newer, uuid } = await outlived("job");
    expect((await project.qtasks(["cancel", uuid])).code).toBe(0);
    await newer.logs("taskCancel", uuid);
    const before = await recordOf(project, uuid);
    expect(before.status).toBe("cancel");
    project.write("go-1", "return");
    await wakeToTheEnd(project, frozen);
    await expectWorksOn(project, frozen, newer);
    expect(await recordOf(project, uuid)).toEqual(before);
  });

  test("changes nothing where the newer run's retry waits", async () => {
    const { project, frozen, newer, uuid } = await outlived("job");
    newer.running.kill("SIGTERM");
    project.write("go-2", "throw");
    expect(await newer.ended).toMatchObject({ code: 0 });
    const before = await recordOf(project, uuid);
    expect(before.status).toBe("new");
    project.write("go-1", "return");
    project.write("go-3", "return");
    await wakeToTheEnd(project, frozen);
    await frozen.logs("taskSuccess", uuid);
    const record = await recordOf(project, uuid);
    expect(record).toMatchObject({ status: "success", returning: 3 });
    expect(record.history.map(({ status }) => status)).toEqual(["lost", "error", "success"]);
    expect(startsOf(project)).toEqual(["1", "2", "3"]);
  });
});

describe.concurrent("a worker that is slow", () => {
  test("keeps its task when it was frozen for less than its lease", async () => {
    // Longer than all that follows may take: where a busy machine outlasts it, the other rightly takes the task.
    const project = fresh({ QTASKS_LEASE: "600" });
    const worker = await startWorker(project, "frozen");
    const uuid = await project.put(["once"]);
    await project.appears("began-1");
    await freezeBetweenWrites(project, worker);
    const other = await startWorker(project, "other");
    // Meanwhile the other looks for the dead more than once, and works.
    for (let round = 0; round < 3; round++) {
      expect((await project.qtasks(["call", "add", "1", "1", "--timeout", "60"])).stdout).toBe("2\n");
      await sleep(700);
    }
    worker.thaw();
    project.write("go-1", "return");
    await worker.logs("taskSuccess", uuid);
    const record = await recordOf(project, uuid);
    expect(record).toMatchObject({
      status: "success",
      returning: 1,
      attempt: 1,
      deaths: 0,
      history: [{ status: "success" }],
    });
    expect(startsOf(project)).toEqual(["1"]);
    other.running.kill("SIGTERM");
    expect((await other.ended).code).toBe(0);
  });

  test("loses nothing when the whole machine sleeps for many leases and wakes", async () => {
    const project = fresh();
    const both = await Promise.all([
      startWorker(project, "a", "-c", "2"),
      startWorker(project, "b", "-c", "2"),
    ]);
    const uuids = await Promise.all([1, 2, 3, 4].map(() => project.put(["once"])));
    await Promise.all([1, 2, 3, 4].map((fence) => project.appears(`began-${fence}`)));
    await Promise.all(both.map((worker) => worker.freeze()));
    await sleep(5000);
    for (const worker of both) worker.thaw();
    // Each has looked for the lost and renewed its own by then.
    for (const round of [1, 2, 3]) await sleep(round * 500);
    for (const fence of [1, 2, 3, 4]) project.write(`go-${fence}`, "return");
    expect((await project.qtasks(["wait", ...uuids, "--timeout", "60"])).code).toBe(0);
    const records = await Promise.all(uuids.map((uuid) => recordOf(project, uuid)));
    for (const record of records)
      expect(record).toMatchObject({ attempt: 1, deaths: 0, history: [{ status: "success" }] });
    expect(startsOf(project)).toHaveLength(4);
  });

  test("keeps a task that blocks its process for many leases: it runs once", async () => {
    const project = fresh(
      LEASE,
      `
import { appendFileSync, existsSync } from "node:fs";
import { app } from "qtasks";
app.task({ name: "block", retry: 3 }, function block() {
  appendFileSync("starts", "1\\n");
  while (!existsSync("go")) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  return "once";
});
app.task("add", async (a, b) => a + b);
`,
    );
    const worker = await startWorker(project, "blocked");
    const uuid = await project.put(["block"]);
    await project.appears("starts");
    const other = await startWorker(project, "other");
    await sleep(6000);
    project.write("go");
    await worker.logs("taskSuccess", uuid);
    expect(await recordOf(project, uuid)).toMatchObject({
      returning: "once",
      attempt: 1,
      deaths: 0,
      history: [{ status: "success" }],
    });
    expect(startsOf(project)).toEqual(["1"]);
    other.running.kill("SIGTERM");
    expect((await other.ended).stdout).not.toContain(uuid);
  });
});

describe.concurrent("a worker that is killed", () => {
  const LONG_LEASE = { QTASKS_LEASE: "600" };

  test("has its tasks run again by another within two seconds, whatever their retry, with `lost` in the history", async () => {
    const project = fresh(LONG_LEASE);
    const worker = await startWorker(project, "killed");
    const uuid = await project.put(["once"]);
    await project.appears("began-1");
    const other = await startWorker(project, "other");
    const killed = performance.now();
    worker.kill();
    await project.appears("began-2");
    // Promised are 2 s; the rest is for a machine that is busy with other tests.
    expect(performance.now() - killed).toBeLessThan(6000);
    project.write("go-2", "return");
    await other.logs("taskSuccess", uuid);
    const record = await recordOf(project, uuid);
    expect(record).toMatchObject({ status: "success", returning: 2, deaths: 1 });
    expect(record.history).toMatchObject([
      { status: "lost", worker: "killed" },
      { status: "success", worker: "other" },
    ]);
    await until("its lock file is gone", () => lockFiles(project).length === 1);
  });

  test("has its tasks run again by the next worker that starts, before anything else", async () => {
    const project = fresh(LONG_LEASE);
    const worker = await startWorker(project, "killed");
    const uuid = await project.put(["once"]);
    await project.appears("began-1");
    worker.kill();
    await worker.ended;
    await project.put(["add", "1", "1"]);
    const next = await startWorker(project, "next", "-c", "1");
    await project.appears("began-2");
    project.write("go-2", "return");
    await next.logs("taskSuccess", uuid);
    await next.logs("taskSuccess");
    next.running.kill("SIGTERM");
    const started = (await next.ended).stdout.split("\n").filter((line) => line.includes("taskRunning"));
    expect(started[0]).toContain(uuid);
  });

  test("leaves no child and no grandchild behind, a busy loop included", async () => {
    const project = fresh(
      LONG_LEASE,
      `
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { app } from "qtasks";
app.task("spin", function spin() {
  const grandchild = spawn("sleep", ["1000"], { stdio: "ignore" });
  writeFileSync("grandchild", String(grandchild.pid));
  for (;;);
});
`,
    );
    const worker = await startWorker(project, "killed");
    await project.put(["spin"]);
    await until(
      "it spins",
      () => existsSync(project.path("grandchild")) && project.read("grandchild") !== "",
    );
    const family = worker.family.slice(1);
    expect(family).toContain(Number(project.read("grandchild")));
    const killed = performance.now();
    worker.kill();
    await until("all are gone", () => !family.some(isAlive));
    expect(performance.now() - killed).toBeLessThan(5000);
  });

  test("over and over by one task: the task ends E_LOST after three, and the rest is done", async () => {
    const project = fresh(
      LONG_LEASE,
      `
import { appendFileSync } from "node:fs";
import { app } from "qtasks";
app.task({ name: "poison", retry: 100 }, async () => {
  appendFileSync("starts", "x\\n");
  process.kill(process.ppid, "SIGKILL");
  await new Promise(() => setInterval(() => {}, 1000));
});
app.task("add", async (a, b) => a + b);
`,
    );
    const uuid = await project.put(["poison"]);
    const added = await project.put(["add", "1", "1", "--priority", "5"]);
    let rounds = 0;
    for (;;) {
      rounds += 1;
      const end = await project.qtasks(["worker", "--burst", "--processes", "1", "-c", "1"]);
      if (end.signal === null) break;
      expect(rounds).toBeLessThan(5);
    }
    expect(rounds).toBe(4);
    expect(startsOf(project)).toHaveLength(3);
    const record = await recordOf(project, uuid);
    expect(record).toMatchObject({ status: "error", error: { code: "E_LOST" }, deaths: 3 });
    expect(record.history.map(({ status }) => status)).toEqual(["lost", "lost", "lost", "error"]);
    expect(await recordOf(project, added)).toMatchObject({ status: "success", returning: 2 });
  });

  test("without its lock file is told by its lease: kept while it renews, taken back when it is dead", async () => {
    const project = fresh();
    const worker = await startWorker(project, "without-lock");
    const uuid = await project.put(["once"]);
    await project.appears("began-1");
    for (const file of lockFiles(project)) rmSync(project.path(`.qtasks/${file}`));
    const other = await startWorker(project, "other");
    await sleep(4000);
    expect(startsOf(project)).toEqual(["1"]);
    worker.kill();
    await project.appears("began-2");
    project.write("go-2", "return");
    await other.logs("taskSuccess", uuid);
    expect(await recordOf(project, uuid)).toMatchObject({ status: "success", returning: 2, deaths: 1 });
  });
});

function lockFiles(project: Project): readonly string[] {
  return readdirSync(project.path(".qtasks")).filter((file) => file.startsWith("queue.db-worker-"));
}
