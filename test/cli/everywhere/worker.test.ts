import { describe, expect, test } from "vitest";
import { isOnServer } from "../../brokers/underTest.js";
import { complaintOf, logLines, once, Project } from "../project.js";

const TASKS = `
import { app } from "qtasks";
import { gate } from "../gate.mjs";
export const add = app.task("add", async (a, b) => a + b);
export const other = app.task("other", async () => "other");
export const third = app.task("third", async () => "third");
export const boom = app.task("boom", async () => { throw new Error("it broke"); });
export const hold = app.task("hold", async (key) => await gate(key));
export const flaky = app.task({ name: "flaky", echo: true, retry: 2, retryDelay: 0.2 }, async (self) => {
  if (self.ctx.attempt < 3) throw new Error("not yet");
  console.log("now it works");
  return self.ctx.attempt;
});
`;
const fresh = () => new Project({ "tasks/all.mjs": TASKS });

interface Task {
  readonly uuid: string;
  readonly status: string;
  readonly attempt: number;
  readonly worker: string;
}

/** What a worker says, however silent, of a Redis that may lose tasks. */
const RISK = /^warning: Redis .*\n/gm;

const records = (project: Project, ids: readonly string[]) => project.json<Task[]>(["status", ...ids]);

describe.concurrent("a worker", () => {
  test("says first who it is: version, broker, tasks, isolation, concurrency", async () => {
    const project = fresh();
    const { stderr, stdout } = await project.burst(["-c", "3"]);
    const [version, broker, ...others] = (stderr.replace(RISK, "").split("\n")[0] ?? "").split(" · ");
    expect(version).toMatch(/^qtasks \d+\.\d+\.\d+$/);
    const server = project.broker.replace(/\/\/.*@/, "//").replace(/\?.*/, "");
    expect(broker).toBe(isOnServer ? server : "sqlite:.qtasks/queue.db");
    expect(others).toEqual([
      "6 tasks",
      "isolation process",
      "concurrency 3",
      expect.stringMatching(/^name \S+$/),
    ]);
    expect(stdout).toBe("");
  });

  once("writes one line for each task event, on stderr", async () => {
    const project = fresh();
    const [added = "", flaky = ""] = await project.queue(["add", 1, 2], ["flaky"]);
    const { stdout, stderr } = await project.burst();
    const lines = stderr.split("\n");
    const linesOf = (uuid: string) =>
      lines.filter((line) => line.includes(uuid)).map((line) => line.split(" ")[1]);
    expect(linesOf(added)).toEqual(["▶", "✔"]);
    expect(linesOf(flaky)).toEqual(["▶", "↻", "▶", "↻", "▶", "│", "✔"]);
    expect(stderr).toContain("now it works");
    expect(stdout).toBe("");
  });

  once("--log-format json prints one object a line on stdout, and each parses", async () => {
    const project = fresh();
    const [uuid] = await project.queue(["flaky"]);
    const { stdout } = await project.burst(["--log-format", "json", "--name", "mine"]);
    const lines = logLines(stdout).filter((line) => line.uuid === uuid);
    expect(lines.map(({ event }) => event)).toEqual([
      ...["taskRunning", "taskRetry", "taskRunning", "taskRetry", "taskRunning", "taskOutput", "taskSuccess"],
    ]);
    expect(lines.map(({ attempt }) => attempt)).toEqual([1, 1, 2, 2, 3, 3, 3]);
    for (const { time, level, worker, taskName } of lines) {
      expect(new Date(time).toISOString()).toBe(time);
      expect(["info", "warn"]).toContain(level);
      expect({ worker, taskName }).toEqual({ worker: "mine", taskName: "flaky" });
    }
  });

  once("--log-level leaves the less important out", async () => {
    const project = fresh();
    await project.queue(["flaky"], ["boom"]);
    const { stdout } = await project.burst(["--log-format", "json", "--log-level", "warn"]);
    const events = logLines(stdout).map(({ event }) => event);
    expect(events.toSorted()).toEqual(["taskError", "taskRetry", "taskRetry"]);
    await project.queue(["boom"]);
    const silent = await project.burst(["--log-level", "silent", "--quiet"]);
    expect(silent.stdout + silent.stderr.replace(RISK, "")).toBe("");
  });

  test("--only works on these alone, given by a comma or again; others wait", async () => {
    const project = fresh();
    const ids = await project.queue(["add", 1, 2], ["other"], ["third"], ["boom"]);
    const { stderr } = await project.burst(["--only", "add,other", "--only", "third"]);
    expect(stderr).toContain("3 tasks");
    const statuses = (await records(project, ids)).map(({ status }) => status);
    expect(statuses).toEqual(["success", "success", "success", "new"]);
  });

  once("--only with an unknown name is exit 4, and the nearest is offered", async () => {
    const ended = await fresh().burst(["--only", "add,othre"]);
    expect(ended).toMatchObject({ code: 4, stdout: "" });
    expect(complaintOf(ended).hint).toContain("other");
  });

  test("--name stands in the records of what it ran", async () => {
    const project = fresh();
    const ids = await project.queue(["add", 1, 2]);
    await project.burst(["--name", "kitchen@home"]);
    expect(await records(project, ids)).toMatchObject([
      { worker: "kitchen@home", history: [{ worker: "kitchen@home" }] },
    ]);
  });

  test("--concurrency is how many tasks run at once, and no more", async () => {
    const project = fresh();
    const keys = ["a", "b", "c"];
    await project.queue(["hold", "a"], ["hold", "b"], ["hold", "c"]);
    const worker = await project.startWorker(["-c", "2", "--burst", "--log-format", "json"]);
    await Promise.all([project.appears("a.began"), project.appears("b.began")]);
    expect(await project.json(["status"])).toMatchObject({
      counts: { process: 2, new: 1 },
      workers: [{ slots: 2 }],
    });
    for (const key of keys) project.go(key);
    expect(await worker.ended).toMatchObject({ code: 0 });
  });

  test("--max-tasks stops after so many runs and leaves the rest", async () => {
    const project = fresh();
    const ids = await project.queue(["add", 1, 0], ["add", 2, 0], ["add", 3, 0]);
    const ended = await project.qtasks(["worker", "--processes", "1", "--max-tasks", "2"]);
    expect(ended.code).toBe(0);
    expect((await records(project, ids)).map(({ status }) => status)).toEqual(["success", "success", "new"]);
  });

  once("without any task is exit 3", async () => {
    const project = new Project({ "tasks/none.ts": "export {};" });
    const ended = await project.burst();
    expect(ended).toMatchObject({ code: 3, stdout: "" });
    complaintOf(ended);
  });

  once("whose log nobody reads any more finishes what runs and stops", async () => {
    const project = fresh();
    const ids = await project.queue(["hold", "x"]);
    const running = project.startShell(
      "qtasks worker --processes 1 --log-format json | head -1; echo $PIPESTATUS",
    );
    await running.says(/taskRunning/);
    project.go("x");
    expect((await running.ended).stdout.trimEnd().split("\n").at(-1)).toBe("0");
    expect(await records(project, ids)).toMatchObject([{ status: "success" }]);
  });
});

describe.concurrent("worker --burst", () => {
  test("with nothing to do ends with 0 at once", async () => {
    expect(await fresh().burst()).toMatchObject({ code: 0 });
  });

  test("waits for the retries of what it ran", async () => {
    const project = fresh();
    const ids = await project.queue(["flaky"]);
    expect(await project.burst()).toMatchObject({ code: 0 });
    expect(await records(project, ids)).toMatchObject([{ status: "success", attempt: 3 }]);
  });

  test("exits 1 when a task failed", async () => {
    const project = fresh();
    const ids = await project.queue(["boom"], ["add", 1, 2]);
    expect(await project.burst()).toMatchObject({ code: 1 });
    expect((await records(project, ids)).map(({ status }) => status)).toEqual(["error", "success"]);
  });

  test("leaves what is scheduled for later and what it does not know", async () => {
    const project = fresh();
    const later = await project.call(["add", "1", "2", "--delay", "1h"]);
    const ids = [later, ...(await project.queue(["stranger"], ["add", 3, 4]))];
    expect(await project.burst()).toMatchObject({ code: 0 });
    expect((await records(project, ids)).map(({ status }) => status)).toEqual(["new", "new", "success"]);
  });
});
