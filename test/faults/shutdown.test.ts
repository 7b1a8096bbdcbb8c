import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { hasTerminal } from "../cli/project.js";
import { begun, goneMs, projectOf, runsOf, SLACK_MS, statuses } from "./probe.js";
import { descendantsOf, launchWorker, recordOf, testWith, withFile } from "./stage.js";

// Guarantee 7: shutdown is bounded.

const TASKS = `
import { spawn } from "node:child_process";
import { once } from "node:events";
app.task("hold", async (key) => await gate(key));
app.task("loops", (key) => spin(key));
app.task("starts", async (key) => {
  const { pid } = spawn("sleep", ["1000"], { stdio: "ignore" });
  begin(key, { grandchild: pid });
  for (;;);
});
app.task("heeds", async (key) => { begin(key); await currentTask().sleep(1000); });
const SHELL = 'trap "touch $0.hit" INT; touch $0.trapped; while [ ! -e $0.go ]; do sleep 0.05; done';
app.task("shell", async (key) => {
  process.on("SIGINT", () => begin(key + "-hit"));
  const child = spawn("sh", ["-c", SHELL, key], { stdio: "ignore" });
  begin(key);
  await once(child, "exit");
  return "in peace";
});
`;

const SIGNALS = [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 143],
] as const;

describe.concurrent("a worker that is told to stop", () => {
  test.for(SIGNALS)("by one %s finishes what runs, claims no more and exits 0", async ([signal]) => {
    const project = projectOf(TASKS);
    const worker = await launchWorker(project, ["--grace", "10m"]);
    const running = await project.put(["hold", "a"]);
    await begun(project, "a");
    worker.running.kill(signal);
    await worker.running.says(/1 still running/);
    const late = await project.put(["hold", "b"]);
    project.go("a");
    expect(await worker.ended).toMatchObject({ code: 0, signal: null });
    expect(await recordOf(project, running)).toMatchObject({ status: "success", attempt: 1 });
    expect(await recordOf(project, late)).toMatchObject({ status: "new", attempt: 0, history: [] });
    expect(runsOf(project, "b")).toEqual([]);
  });

  test.for([
    ["SIGINT", 130, "loops"],
    ["SIGTERM", 143, "heeds"],
    ["SIGHUP", 143, "starts"],
  ] as const)(
    "by %s exits %i within grace + 2 s though its task %s; the task goes back in line, its attempt given back",
    async ([signal, code, name]) => {
      const project = projectOf(TASKS);
      const worker = await launchWorker(project, ["--grace", "0.3"]);
      const uuid = await project.put([name, "x"]);
      const { grandchild, pid } = await begun(project, "x");
      const family = [pid, ...(grandchild === undefined ? [] : [grandchild]), ...descendantsOf(worker.pid)];
      const start = performance.now();
      worker.running.kill(signal);
      expect(await worker.ended).toMatchObject({ code, signal: null });
      expect(performance.now() - start).toBeLessThan(300 + 2000 + SLACK_MS);
      expect(await goneMs(...family)).toBeLessThan(1000 + SLACK_MS);
      const record = await recordOf(project, uuid);
      expect(record).toMatchObject({ status: "new", attempt: 0, deaths: 0, error: null });
      expect(statuses(record)).toEqual(["interrupted"]);
    },
  );

  test("twice exits within 1 s, however long the grace and the killGrace", async () => {
    const project = projectOf(TASKS, { QTASKS_KILL_GRACE: "600" });
    const worker = await launchWorker(project, ["--grace", "10m"]);
    const uuid = await project.put(["starts", "x"]);
    const { pid, grandchild = 0 } = await begun(project, "x");
    worker.running.kill("SIGTERM");
    await worker.running.says(/still running/);
    // Within a quarter of a second a second signal counts as the same.
    await worker.running.says(/workerStopping/);
    await sleep(300);
    const start = performance.now();
    worker.running.kill("SIGTERM");
    expect((await worker.ended).code).toBe(143);
    expect(performance.now() - start).toBeLessThan(1000 + SLACK_MS);
    expect(await goneMs(pid, grandchild)).toBeLessThan(1000 + SLACK_MS);
    const record = await recordOf(project, uuid);
    expect(record).toMatchObject({ status: "new", attempt: 0 });
    expect(statuses(record)).toEqual(["interrupted"]);
  });

  test("twice exits within 1 s although another process holds the queue locked", async () => {
    const project = projectOf(TASKS, { QTASKS_BUSY_TIMEOUT: "600" });
    const worker = await launchWorker(project, ["--grace", "10m"]);
    const uuid = await project.put(["starts", "x"]);
    const { pid, grandchild = 0 } = await begun(project, "x");
    await withFile(project, async (db) => {
      db.exec("BEGIN IMMEDIATE");
      worker.running.kill("SIGTERM");
      await worker.running.says(/still running/);
      await sleep(300);
      const start = performance.now();
      worker.running.kill("SIGTERM");
      expect((await worker.ended).code).toBe(143);
      expect(performance.now() - start).toBeLessThan(1000 + SLACK_MS);
    });
    expect(await goneMs(pid, grandchild)).toBeLessThan(1000 + SLACK_MS);
    // What could not be given back is taken back by the next one.
    expect(await recordOf(project, uuid)).toMatchObject({ status: "process", attempt: 1 });
  });

  test("a second time in the midst of the abort hurries that too", async () => {
    const project = projectOf(TASKS, { QTASKS_KILL_GRACE: "600" });
    const worker = await launchWorker(project, ["--grace", "0"]);
    const uuid = await project.put(["loops", "x"]);
    await begun(project, "x");
    worker.running.kill("SIGINT");
    await worker.logs("taskStopping", uuid);
    await sleep(300);
    worker.running.kill("SIGINT");
    expect((await worker.ended).code).toBe(130);
  });

  test("while a task that was interrupted before has succeeded since, exits 0", async () => {
    const project = projectOf(TASKS);
    const worker = await launchWorker(project);
    const neighbour = await project.put(["hold", "a"]);
    const cancelled = await project.put(["starts", "x"]);
    await begun(project, "a");
    await begun(project, "x");
    await project.qtasks(["cancel", cancelled, "--now"]);
    await begun(project, "a", 2);
    worker.running.kill("SIGTERM");
    await worker.running.says(/1 still running/);
    project.go("a");
    expect((await worker.ended).code).toBe(0);
    expect(statuses(await recordOf(project, neighbour))).toEqual(["interrupted", "success"]);
  });

  test("by nobody, only that its log is closed, finishes what runs", async () => {
    const project = projectOf(TASKS);
    const shell = project.startShell(
      "qtasks worker --processes 1 --log-format json | head -1 > first; echo code $PIPESTATUS",
    );
    const uuid = await project.put(["hold", "a"]);
    await begun(project, "a");
    // Its line finds nobody who reads; only the one about its end is written after that.
    const other = await project.put(["hold", "b"]);
    await begun(project, "b");
    project.go("b");
    project.go("a");
    expect((await shell.ended).stdout).toBe("code 0\n");
    for (const id of [uuid, other])
      expect(await recordOf(project, id)).toMatchObject({ status: "success", attempt: 1 });
  });
});

testWith(hasTerminal, "script, which gives a command a terminal")(
  "Ctrl-C on a real terminal reaches the supervisor alone: what a task runs goes on in peace",
  async () => {
    const project = projectOf(TASKS);
    const terminal = project.startOnTerminal("qtasks worker --processes 1 --grace 10m; echo code $?");
    await terminal.says(/concurrency/);
    const uuid = await project.put(["shell", "x"]);
    await begun(project, "x");
    await project.appears("x.trapped");
    terminal.type("\u0003");
    await terminal.says(/1 still running/);
    project.go("x");
    expect((await terminal.ended).stdout).toMatch(/code 0/);
    expect(await recordOf(project, uuid)).toMatchObject({ status: "success", returning: "in peace" });
    expect(runsOf(project, "x-hit")).toEqual([]);
    expect(() => project.read("x.hit")).toThrow();
  },
);
