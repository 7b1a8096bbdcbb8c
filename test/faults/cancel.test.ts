import { describe, expect, test } from "vitest";
import { logLines, type Project } from "../cli/project.js";
import { begun, goneMs, projectOf, runsOf, SLACK_MS, statuses } from "./probe.js";
import { isAlive, launchWorker, recordOf, type Shown } from "./stage.js";

// Guarantee 11: cancel. Here, from another terminal.

const TASKS = `
import { pbkdf2Sync } from "node:crypto";
const retried = (name, fn) => app.task({ name, retry: 5, retryDelay: 0 }, fn);
retried("hold", async (key) => await gate(key));
retried("waits", async (key) => { begin(key); await new Promise(() => {}); });
retried("loops", (key) => spin(key));
retried("hashes", (key) => { begin(key); pbkdf2Sync("secret", "salt", 2 ** 31 - 1, 64, "sha512"); });
retried("throws", async (key) => {
  begin(key);
  await currentTask().sleep(1000).catch(() => { throw new Error("of its own, at the signal"); });
});
retried("returns", async (key) => {
  begin(key);
  await currentTask().sleep(1000).catch(() => {});
  return "all the same";
});
app.task({ name: "quick", retry: 5, retryDelay: 0 }, async (key, ms) => { begin(key); await currentTask().sleep(ms); });
`;

const RUNNING = ["waits", "loops", "hashes", "throws", "returns"] as const;

async function ended(project: Project, uuid: string) {
  await project.qtasks(["wait", uuid]);
  return await recordOf(project, uuid);
}

describe.concurrent("a task that is cancelled from another terminal", () => {
  test("never starts when it waits", async () => {
    const project = projectOf(TASKS);
    const worker = await launchWorker(project, ["-c", "1"]);
    const first = await project.put(["hold", "a"]);
    await begun(project, "a");
    const waiting = await project.put(["hold", "b"]);
    const last = await project.put(["hold", "c"]);
    expect(await project.json(["cancel", waiting])).toEqual([{ uuid: waiting, outcome: "cancelled" }]);
    for (const key of ["a", "b", "c"]) project.go(key);
    await project.qtasks(["wait", first, last]);
    expect(runsOf(project, "b")).toEqual([]);
    expect(await recordOf(project, waiting)).toMatchObject({ status: "cancel", attempt: 0, history: [] });
    worker.running.kill("SIGTERM");
    expect((await worker.ended).code).toBe(0);
  });

  test.for(RUNNING)(
    "is gone within 2 s when it %s, with the reason given, and is not retried although it could be",
    async (name) => {
      const project = projectOf(TASKS);
      const worker = await launchWorker(project);
      const uuid = await project.put([name, "x"]);
      const { pid } = await begun(project, "x");
      await project.json(["cancel", uuid, "--reason", "not wanted"]);
      const record = await ended(project, uuid);
      expect(record).toMatchObject({ status: "cancel", cancelReason: "not wanted" });
      expect(statuses(record)).toEqual(["cancel"]);
      // What heeds the signal, if only by an error, does not cost its process.
      expect(isAlive(pid)).toBe(name === "throws" || name === "returns");
      worker.running.kill("SIGTERM");
      const events = logLines((await worker.ended).stdout);
      const timeOf = (event: string) =>
        new Date(events.find((line) => line.event === event)?.time ?? Number.NaN).getTime();
      expect(timeOf("taskCancel") - timeOf("taskStopping")).toBeLessThan(2000 + SLACK_MS);
      expect(runsOf(project, "x")).toHaveLength(1);
    },
  );

  test("with --now gets no grace", async () => {
    const project = projectOf(TASKS, { QTASKS_KILL_GRACE: "600" });
    const worker = await launchWorker(project);
    const uuid = await project.put(["waits", "x"]);
    const { pid } = await begun(project, "x");
    // The grace would last for longer than the test may.
    expect((await project.qtasks(["cancel", uuid])).code).toBe(0);
    await worker.logs("taskStopping", uuid);
    expect((await project.qtasks(["cancel", uuid, "--now"])).code).toBe(0);
    expect(await goneMs(pid)).toBeLessThan(2000 + SLACK_MS);
    expect(await ended(project, uuid)).toMatchObject({ status: "cancel", cancelReason: "waits.cancel" });
    worker.running.kill("SIGTERM");
    await worker.ended;
  });

  test("does not take its neighbours with it: they go back in line and succeed", async () => {
    const project = projectOf(TASKS);
    const worker = await launchWorker(project);
    const neighbour = await project.put(["hold", "a"]);
    await begun(project, "a");
    const uuid = await project.put(["waits", "x"]);
    await begun(project, "x");
    await project.qtasks(["cancel", uuid]);
    await begun(project, "a", 2);
    project.go("a");
    expect(await ended(project, neighbour)).toMatchObject({ status: "success", attempt: 1 });
    worker.running.kill("SIGTERM");
    expect((await worker.ended).code).toBe(0);
  });
});

const ROUNDS = Number(process.env.QTASKS_TEST_CANCELS ?? 500);
const LONGEST_MS = 120;

/** Queues tasks and cancels each at another time, before, while and after it runs: prints what it was told. */
const RACER = `
import { QueueTasks } from "qtasks";
import { setTimeout as sleep } from "node:timers/promises";
const app = new QueueTasks({ broker: "sqlite:.qtasks/queue.db", tasks: "none" });
const quick = app.task({ name: "quick", retry: 5 }, async () => {});
const told = await Promise.all(Array.from({ length: ${ROUNDS} }, async (_, round) => {
  await sleep(round * 15);
  // Spread evenly, and never the same: the golden ratio's multiples.
  const spread = (round * 0.618034) % 1;
  const { uuid } = await quick.addTask("run-" + round, ${LONGEST_MS / 2});
  await sleep(spread * ${LONGEST_MS});
  const outcome = await app.cancel(uuid);
  return { uuid, key: "run-" + round, outcome };
}));
console.log(JSON.stringify(told));
await app.close();
`;

interface Told {
  readonly uuid: string;
  readonly key: string;
  readonly outcome: "cancelled" | "cancelling" | "finished";
}

test(`cancel racing completion gives one outcome, and no retry, at ${ROUNDS} timings`, async () => {
  const project = projectOf(TASKS);
  project.write("racer.mjs", RACER);
  const worker = await launchWorker(project, ["-c", "8"]);
  const racer = await project.startCommand(process.execPath, ["racer.mjs"], {}).ended;
  expect(racer).toMatchObject({ code: 0 });
  const told = JSON.parse(racer.stdout) as Told[];
  const uuids = told.map(({ uuid }) => uuid);
  await project.qtasks(["wait", ...uuids]);
  worker.running.kill("SIGTERM");
  const events = logLines((await worker.ended).stdout);
  const records = await project.json<Shown[]>(["status", ...uuids]);
  for (const [index, { uuid, key, outcome }] of told.entries()) {
    const record = records[index] as Shown;
    const ends = events.filter(
      (line) => line.uuid === uuid && /^task(Success|Error|Cancel|Retry)$/.test(line.event),
    );
    expect(runsOf(project, key).length, outcome).toBeLessThanOrEqual(1);
    expect(record.history.length).toBeLessThanOrEqual(1);
    if (outcome === "cancelled") expect(runsOf(project, key)).toEqual([]);
    if (outcome === "finished") expect(record.status).toBe("success");
    else if (outcome === "cancelled") expect(record.status).toBe("cancel");
    else expect(["success", "cancel"]).toContain(record.status);
    const said = ends.map(({ event }) => event);
    if (outcome !== "cancelled")
      expect(said).toEqual([record.status === "success" ? "taskSuccess" : "taskCancel"]);
  }
});
