import { describe, expect, test } from "vitest";
import { begun, goneMs, projectOf, runsOf, SLACK_MS, statuses } from "./probe.js";
import { isAlive, launchWorker, recordOf } from "./stage.js";

// Guarantee 6: `maxTime` is real.

const MAX_TIME_MS = 400;

const TASKS = `
import { execSync } from "node:child_process";
import { pbkdf2Sync } from "node:crypto";
import { readFileSync } from "node:fs";
const limited = (name, fn, more = {}) => app.task({ name, maxTime: ${MAX_TIME_MS / 1000}, ...more }, fn);
limited("waits", async (key) => { begin(key); await new Promise(() => {}); });
limited("loops", (key) => spin(key));
limited("loopsAsync", async (key) => { await null; spin(key); });
limited("hashes", (key) => { begin(key); pbkdf2Sync("secret", "salt", 2 ** 31 - 1, 64, "sha512"); });
limited("execs", (key) => { begin(key); execSync("echo $$ > " + key + ".grandchild; exec sleep 1000"); });
limited("sorts", (key) => {
  begin(key);
  const numbers = new Float64Array(20_000_000);
  for (;;) numbers.sort();
});
limited("again", (key) => {
  if (currentTask().attempt === 1) spin(key);
  begin(key);
  return "at the second attempt";
}, { retry: 1, retryDelay: 0 });
limited("heeds", async (key) => { begin(key); await currentTask().sleep(1000); });
limited("late", async (key) => {
  begin(key);
  try { await currentTask().sleep(1000); } catch { return "all the same"; }
});
app.task("hold", async (key) => await gate(key));
`;

const STOPPED = ["waits", "loops", "loopsAsync", "hashes", "execs", "sorts"] as const;

describe.concurrent("at maxTime", () => {
  test.for(STOPPED)(
    "a task that %s is stopped, with all that it started, and the record says why",
    async (name) => {
      const project = projectOf(TASKS);
      const result = await project.json<{ uuid: string }>(["run", name, "x"]);
      expect(result).toMatchObject({
        status: "error",
        error: { code: "E_MAX_TIME", message: `Time limit exceeded for task ${name}: 0.4 seconds` },
      });
      const { pid, atMs } = await begun(project, "x");
      expect(isAlive(pid)).toBe(false);
      if (name === "execs") expect(isAlive(Number(project.read("x.grandchild")))).toBe(false);
      const { finishedAt, attempt } = await recordOf(project, result.uuid);
      expect(attempt).toBe(1);
      const tookMs = new Date(finishedAt ?? 0).getTime() - atMs;
      expect(tookMs).toBeGreaterThanOrEqual(MAX_TIME_MS - 50);
      expect(tookMs).toBeLessThan(MAX_TIME_MS + 2000 + SLACK_MS);
    },
  );

  test("a busy loop is retried while attempts are left", async () => {
    const project = projectOf(TASKS);
    const result = await project.json<{ uuid: string }>(["run", "again", "x"]);
    expect(result).toMatchObject({ status: "success", returning: "at the second attempt" });
    const record = await recordOf(project, result.uuid);
    expect(record.history).toMatchObject([
      { attempt: 1, status: "error", error: { code: "E_MAX_TIME" } },
      { attempt: 2, status: "success" },
    ]);
  });

  test("of one task, those that shared its killed process go back in line, keep their attempt and succeed", async () => {
    const project = projectOf(TASKS);
    const worker = await launchWorker(project);
    const neighbours = [await project.put(["hold", "a"]), await project.put(["hold", "b"])];
    const first = await begun(project, "a");
    expect((await begun(project, "b")).pid).toBe(first.pid);
    const culprit = await project.put(["loopsAsync", "x"]);
    expect((await begun(project, "x")).pid).toBe(first.pid);
    expect(await project.qtasks(["wait", culprit])).toMatchObject({ code: 1 });
    for (const key of ["a", "b"]) {
      expect((await begun(project, key, 2)).pid).not.toBe(first.pid);
      project.go(key);
    }
    expect(await project.qtasks(["wait", ...neighbours])).toMatchObject({ code: 0 });
    for (const uuid of neighbours) {
      const record = await recordOf(project, uuid);
      expect(record).toMatchObject({ status: "success", attempt: 1, deaths: 0 });
      expect(statuses(record)).toEqual(["interrupted", "success"]);
    }
    worker.running.kill("SIGTERM");
    expect(await worker.ended).toMatchObject({ code: 0 });
  });

  test("a task that heeds the signal leaves its process and its neighbours as they are", async () => {
    const project = projectOf(TASKS);
    const worker = await launchWorker(project);
    const neighbour = await project.put(["hold", "a"]);
    const { pid } = await begun(project, "a");
    const heeding = [await project.put(["heeds", "x"]), await project.put(["late", "y"])];
    await project.qtasks(["wait", ...heeding]);
    for (const uuid of heeding)
      expect(await recordOf(project, uuid)).toMatchObject({ status: "error", error: { code: "E_MAX_TIME" } });
    for (const key of ["x", "y"]) expect((await begun(project, key)).pid).toBe(pid);
    expect(isAlive(pid)).toBe(true);
    project.go("a");
    await project.qtasks(["wait", neighbour]);
    expect(statuses(await recordOf(project, neighbour))).toEqual(["success"]);
    expect(runsOf(project, "a")).toHaveLength(1);
    worker.running.kill("SIGTERM");
    await worker.ended;
    expect(await goneMs(pid)).toBeLessThan(1000 + SLACK_MS);
  });
});
