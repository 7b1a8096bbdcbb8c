import { describe, expect, test } from "vitest";
import { begun, projectOf, runsOf, statuses } from "./probe.js";
import { isAlive, launchWorker, recordOf, until } from "./stage.js";

// Guarantees 3 and 8: the death of the process that runs a task.

const TASKS = `
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
const crashing = (name, fn) => app.task({ name, retryDelay: 0 }, async (key) => {
  begin(key);
  await fn();
  await new Promise(() => {});
});
crashing("exitsWith0", () => process.exit(0));
crashing("exitsWith3", () => process.exit(3));
crashing("segfaults", () => process.kill(process.pid, "SIGSEGV"));
crashing("exhaustsTheHeap", () => { const all = []; for (;;) all.push(new Array(1000).fill(all.length)); });
crashing("rejectsUnhandled", () => { Promise.reject(new Error("nobody cares")); });
crashing("throwsInATimer", () => { setTimeout(() => { throw new Error("out of reach"); }, 1); });
crashing("emitsUnheard", async () => {
  const { EventEmitter } = await import("node:events");
  setImmediate(() => new EventEmitter().emit("error", new Error("unheard")));
});
crashing("leavesItsSupervisor", () => { process.disconnect(); setTimeout(() => { for (;;); }, 50); });
app.task({ name: "plain", retryDelay: 0 }, (key) => { begin(key); process.exit(3); });
app.task("hold", async (key) => await gate(key));
app.task("holdPlain", (key) => gateSync(key));
app.task("crashAtSignal", async (key) => { await gate(key); process.exit(7); });
app.task("leavesABomb", async (key) => {
  setInterval(() => { if (existsSync(key + ".go")) throw new Error("long after the task"); }, 10);
});
app.task("where", async (key) => { begin(key); return process.pid; });
`;

const CRASHES = [
  ["exitsWith0", /exit code 0/],
  ["exitsWith3", /exit code 3/],
  ["segfaults", /signal SIGSEGV/],
  ["exhaustsTheHeap", /signal SIGABRT|exit code 134/],
  ["rejectsUnhandled", /exit code 1/],
  ["throwsInATimer", /exit code 1/],
  ["emitsUnheard", /exit code 1/],
  ["leavesItsSupervisor", /exit code|signal/],
] as const;

const SMALL_HEAP = { NODE_OPTIONS: "--max-old-space-size=64" };

describe.concurrent("a task that runs alone and", () => {
  test.for(CRASHES)("%s, ends with E_CRASHED, each attempt counted", async ([name, how]) => {
    const project = projectOf(TASKS, SMALL_HEAP);
    const result = await project.json<{ uuid: string }>(["run", name, "x", "--retry", "1"]);
    expect(result).toMatchObject({
      status: "error",
      error: { code: "E_CRASHED", message: expect.stringMatching(`^The process that ran ${name} died: `) },
    });
    const record = await recordOf(project, result.uuid);
    expect(record).toMatchObject({ attempt: 2, deaths: 0, error: { message: expect.stringMatching(how) } });
    expect(record.history).toMatchObject([
      { attempt: 1, status: "error", error: { code: "E_CRASHED" } },
      { attempt: 2, status: "error", error: { code: "E_CRASHED" } },
    ]);
    expect(runsOf(project, "x")).toHaveLength(2);
  });

  test("crashes again and again is given up after maxCrashes, however large its retry", async () => {
    const project = projectOf(TASKS);
    const result = await project.json<{ uuid: string }>(["run", "plain", "x", "--retry", "50"]);
    expect(result).toMatchObject({ status: "error", error: { code: "E_CRASHED" } });
    expect(await recordOf(project, result.uuid)).toMatchObject({ attempt: 3 });
    expect(runsOf(project, "x")).toHaveLength(3);
    const strict = projectOf(TASKS, { QTASKS_MAX_CRASHES: "1" });
    await strict.json(["run", "plain", "x", "--retry", "50"]);
    expect(runsOf(strict, "x")).toHaveLength(1);
  });
});

describe.concurrent("when a child dies that several tasks share", () => {
  test("all go back in line with their attempt and run alone: the culprit is found, the others succeed", async () => {
    const project = projectOf(TASKS);
    const worker = await launchWorker(project);
    const innocent = [await project.put(["hold", "a"]), await project.put(["hold", "b"])];
    const culprit = await project.put(["crashAtSignal", "x"]);
    const shared = await Promise.all(["a", "b", "x"].map((key) => begun(project, key)));
    expect(new Set(shared.map(({ pid }) => pid)).size).toBe(1);
    project.go("x");
    // Not before the crash, or they would be done by then.
    await until("one runs again", () => runsOf(project, "a").length + runsOf(project, "b").length > 2);
    for (const key of ["a", "b"]) project.go(key);
    await project.qtasks(["wait", ...innocent, culprit]);
    for (const uuid of innocent) {
      const record = await recordOf(project, uuid);
      expect(record).toMatchObject({ status: "success", attempt: 1, deaths: 0 });
      expect(statuses(record)).toEqual(["interrupted", "success"]);
    }
    const record = await recordOf(project, culprit);
    expect(record).toMatchObject({ status: "error", attempt: 1, error: { code: "E_CRASHED" } });
    expect(statuses(record)).toEqual(["interrupted", "error"]);
    worker.running.kill("SIGTERM");
    expect((await worker.ended).code).toBe(0);
  });
  test("the tasks of other children are left alone", async () => {
    const project = projectOf(TASKS);
    const worker = await launchWorker(project, ["--processes", "2"]);
    const apart = await project.put(["holdPlain", "a"]);
    const { pid } = await begun(project, "a");
    const culprit = await project.put(["exitsWith3", "x"]);
    await project.qtasks(["wait", culprit]);
    expect((await begun(project, "x")).pid).not.toBe(pid);
    project.go("a");
    await project.qtasks(["wait", apart]);
    expect(statuses(await recordOf(project, apart))).toEqual(["success"]);
    expect(isAlive(pid)).toBe(true);
    worker.running.kill("SIGTERM");
    await worker.ended;
  });

  test("by what an earlier task left behind, the present one is not blamed", async () => {
    const project = projectOf(TASKS);
    const worker = await launchWorker(project, ["-c", "1"]);
    const bomber = await project.put(["leavesABomb", "x"]);
    const victim = await project.put(["hold", "a"]);
    await begun(project, "a");
    project.go("x");
    await begun(project, "a", 2);
    project.go("a");
    await project.qtasks(["wait", victim, bomber]);
    const record = await recordOf(project, victim);
    expect(record).toMatchObject({ status: "success", attempt: 1 });
    expect(statuses(record)).toEqual(["interrupted", "success"]);
    expect(await recordOf(project, bomber)).toMatchObject({ status: "success" });
    worker.running.kill("SIGTERM");
    await worker.ended;
  });
});

const VANDALISM = {
  "Array.prototype":
    "for (const name of ['push', 'map', 'slice', 'forEach', 'splice']) Array.prototype[name] = () => 0;",
  "Object.prototype":
    "Object.prototype.type = 'run'; Object.prototype.uuid = 'x'; Object.prototype.toJSON = () => null;",
  "Map.prototype":
    "Map.prototype.get = () => undefined; Map.prototype.set = () => { throw new Error('no'); };",
  "Promise.prototype": "Promise.prototype.then = () => { throw new Error('no'); };",
  JSON: "JSON.stringify = () => 'null'; JSON.parse = () => null;",
  timers:
    "globalThis.setImmediate = () => {}; globalThis.setTimeout = () => {}; process.nextTick = () => {};",
  process: "process.send = () => {}; process.emit = () => true; process.exit = () => {};",
  "its own messages":
    "for (const it of ['hello', 5, {}, null, [null], [{}], { qtasks: 1 }]) process.send(it);",
} as const;

describe.concurrent("a task that spoils", () => {
  test.for(Object.entries(VANDALISM))(
    "%s ends, and the worker goes on with a new child",
    async ([, code]) => {
      const project = projectOf(`
app.task({ name: "spoil", maxTime: 3 }, async (key) => { begin(key); ${code} });
app.task({ name: "next", maxTime: 3, retry: 3, retryDelay: 0 }, async (key) => { begin(key); return key; });
`);
      const worker = await launchWorker(project, ["-c", "1"], { env: { QTASKS_MAX_TASKS_PER_CHILD: "2" } });
      const uuid = await project.put(["spoil", "x"]);
      // The next one may have the bad luck to get the same child; the one after it has not.
      const later = [await project.put(["next", "a"]), await project.put(["next", "b"])];
      await project.qtasks(["wait", uuid, ...later]);
      expect(["success", "error"]).toContain((await recordOf(project, uuid)).status);
      expect(await recordOf(project, later[1] ?? "")).toMatchObject({ status: "success", returning: "b" });
      worker.running.kill("SIGTERM");
      expect((await worker.ended).code).toBe(0);
    },
  );
});
