import { describe, expect, test } from "vitest";
import { begun, goneMs, projectOf, runsOf, SLACK_MS, statuses } from "./probe.js";
import { descendantsOf, launch, launchWorker, recordOf } from "./stage.js";

// Guarantees 3, 5, 7 and 8: the death of a worker.

const TASKS = `
import { spawn } from "node:child_process";
app.task("loops", (key) => {
  if (currentTask().attempt + 0 && firstRun(key)) spin(key);
  begin(key);
  return "at the second run";
});
app.task("waits", async (key) => {
  const isFirst = firstRun(key);
  begin(key);
  if (isFirst) await new Promise(() => {});
  return "at the second run";
});
app.task("starts", (key) => {
  const { pid } = spawn("sleep", ["1000"], { stdio: "ignore" });
  begin(key, { grandchild: pid });
  for (;;);
});
app.task({ name: "poison", retry: 50, retryDelay: 0 }, async (key) => {
  begin(key);
  process.kill(process.ppid, "SIGKILL");
  await new Promise(() => {});
});
import { existsSync } from "node:fs";
const firstRun = (key) => !existsSync(key + ".runs");
`;

describe.concurrent("a worker that is killed with SIGKILL", () => {
  test("takes its children and what they started with it within 1 s, busy loops too", async () => {
    const project = projectOf(TASKS);
    const worker = await launchWorker(project, ["--processes", "2"]);
    await project.put(["starts", "x"]);
    await project.put(["waits", "y"]);
    const { grandchild = 0, pid } = await begun(project, "x");
    const other = await begun(project, "y");
    const family = descendantsOf(worker.pid);
    expect(family).toEqual(expect.arrayContaining([pid, grandchild, other.pid]));
    worker.kill();
    expect(await goneMs(...family)).toBeLessThan(1000 + SLACK_MS);
    expect(await worker.ended).toMatchObject({ signal: "SIGKILL" });
  });

  test("leaves its tasks to another worker within 2 s, whatever their retry, and it costs no attempt", async () => {
    const project = projectOf(TASKS);
    const worker = await launchWorker(project, ["--processes", "2"]);
    const uuids = [await project.put(["loops", "x", "--retry", "0"]), await project.put(["waits", "y"])];
    for (const key of ["x", "y"]) await begun(project, key);
    const other = await launchWorker(project, ["--processes", "2", "--name", "other"]);
    worker.kill();
    const killedAtMs = Date.now();
    for (const key of ["x", "y"]) {
      const second = await begun(project, key, 2);
      expect(second.ppid).toBe(other.pid);
      expect(second.atMs - killedAtMs).toBeLessThan(2000 + SLACK_MS);
    }
    await project.qtasks(["wait", ...uuids]);
    for (const uuid of uuids) {
      const record = await recordOf(project, uuid);
      expect(record).toMatchObject({
        status: "success",
        returning: "at the second run",
        attempt: 1,
        deaths: 1,
      });
      expect(statuses(record)).toEqual(["lost", "success"]);
    }
    other.running.kill("SIGTERM");
    expect((await other.ended).code).toBe(0);
  });

  test("leaves its tasks to the next one that starts", async () => {
    const project = projectOf(TASKS);
    const worker = await launchWorker(project);
    const uuid = await project.put(["loops", "x"]);
    await begun(project, "x");
    worker.kill();
    await worker.ended;
    expect(await project.burst()).toMatchObject({ code: 0 });
    const record = await recordOf(project, uuid);
    expect(statuses(record)).toEqual(["lost", "success"]);
  });

  test("by its task, again and again in a loop that restarts it, is not killed for ever: the task ends with E_LOST", async () => {
    const project = projectOf(TASKS);
    const uuid = await project.put(["poison", "x"]);
    let starts = 0;
    for (;;) {
      starts += 1;
      const worker = await launch(project, ["worker", "--burst", "--processes", "1"]);
      const { signal, code } = await worker.ended;
      if (signal === null) {
        expect(code).toBe(1);
        break;
      }
      expect(signal).toBe("SIGKILL");
      expect(starts).toBeLessThan(10);
    }
    expect(starts).toBe(4);
    expect(runsOf(project, "x")).toHaveLength(3);
    const record = await recordOf(project, uuid);
    expect(record).toMatchObject({
      status: "error",
      deaths: 3,
      error: { code: "E_LOST", message: "poison was given up: 3 workers died or froze while running it." },
    });
    expect(statuses(record).slice(0, 3)).toEqual(["lost", "lost", "lost"]);
  });
});
