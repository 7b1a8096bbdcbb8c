import { readdirSync, readlinkSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { begun, goneMs, projectOf, runsOf, statuses } from "./probe.js";
import { descendantsOf, launchWorker, recordOf, signal, stateOf, testWith, until } from "./stage.js";

// Guarantee 8: who opens what, and who runs where.

const TASKS = `
begin("imports");
app.task("hold", async (key) => await gate(key));
app.task("holdPlain", (key) => gateSync(key));
app.task("where", async () => process.pid);
app.task("wherePlain", () => process.pid);
const plain = app.task("double", (number) => { begin("double"); return number * 2; });
const sum = app.task("sum", async (...numbers) => {
  const results = await Promise.all(numbers.map((number) => plain.with({ timeout: 120 }).addTask(number)));
  const values = await Promise.all(results.map((result) => result.value()));
  return values.reduce((all, value) => all + value, 0);
});
app.task("sums", async () => {
  const results = await Promise.all([sum.with({ timeout: 120 }).addTask(1, 2), sum.with({ timeout: 120 }).addTask(3)]);
  return await Promise.all(results.map((result) => result.value()));
});
app.task("crashesOnce", async (key) => {
  await gate(key);
  if (runs(key) === 1) process.exit(1);
  return await sum.with({ timeout: 120 }).addTask(1, 2).then((result) => result.value());
});
app.task("grows", async (key) => {
  kept.push(Buffer.alloc(200 * 1024 * 1024, 1));
  await gate(key);
  return process.pid;
});
import { readFileSync } from "node:fs";
const runs = (key) => readFileSync(key + ".runs", "utf8").trim().split("\\n").length;
const kept = [];
`;

function openFiles(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}

const isLinux = process.platform === "linux";

describe.concurrent("a worker's supervisor", () => {
  testWith(isLinux, "/proc")("is the only process of it that has the queue file open", async () => {
    const project = projectOf(TASKS);
    const worker = await launchWorker(project, ["--processes", "2"]);
    await project.put(["hold", "a"]);
    await project.put(["holdPlain", "b"]);
    await begun(project, "a");
    await begun(project, "b");
    const opens = (pid: number) => openFiles(pid).some((file) => file.includes("/.qtasks/queue.db"));
    expect(opens(worker.pid)).toBe(true);
    const children = descendantsOf(worker.pid);
    expect(children.length).toBeGreaterThanOrEqual(2);
    expect(children.filter(opens)).toEqual([]);
    for (const key of ["a", "b"]) project.go(key);
    worker.running.kill("SIGTERM");
    await worker.ended;
  });

  test("never loads a task module", async () => {
    const project = projectOf(TASKS);
    const worker = await launchWorker(project);
    const uuid = await project.put(["where"]);
    await project.qtasks(["wait", uuid]);
    const pids = runsOf(project, "imports").map(({ pid }) => pid);
    expect(pids).toContain((await recordOf(project, uuid)).returning);
    expect(pids).not.toContain(worker.pid);
    worker.running.kill("SIGTERM");
    await worker.ended;
  });
});

describe.concurrent("a worker's tasks", () => {
  test("share a child when they are async; a plain function has one where nothing else runs", async () => {
    const project = projectOf(TASKS);
    const worker = await launchWorker(project, ["--processes", "2"]);
    const uuids = [await project.put(["holdPlain", "p"])];
    const { pid } = await begun(project, "p");
    for (const key of ["a", "b", "c"]) uuids.push(await project.put(["hold", key]));
    const shared = await Promise.all(["a", "b", "c"].map((key) => begun(project, key)));
    expect(new Set(shared.map((run) => run.pid)).size).toBe(1);
    expect(shared[0]?.pid).not.toBe(pid);
    for (const key of ["p", "a", "b", "c"]) project.go(key);
    expect(await project.qtasks(["wait", ...uuids])).toMatchObject({ code: 0 });
    worker.running.kill("SIGTERM");
    await worker.ended;
  });

  test("run in no more children at once than --processes says: a further plain function waits its turn", async () => {
    const project = projectOf(TASKS);
    const worker = await launchWorker(project, ["--processes", "2"]);
    const uuids = [];
    for (const key of ["p", "q", "r"]) uuids.push(await project.put(["holdPlain", key]));
    await begun(project, "p");
    await begun(project, "q");
    project.go("r");
    const last = await project.put(["where"]);
    project.go("p");
    await begun(project, "r");
    expect(new Set(["p", "q"].map((key) => runsOf(project, key)[0]?.pid)).size).toBe(2);
    project.go("q");
    expect(await project.qtasks(["wait", ...uuids, last])).toMatchObject({ code: 0 });
    worker.running.kill("SIGTERM");
    await worker.ended;
  });

  test("that are plain come to their turn although async ones keep coming", async () => {
    const project = projectOf(TASKS);
    const worker = await launchWorker(project);
    await project.put(["hold", "a"]);
    await begun(project, "a");
    // Frozen meanwhile, it claims both in one go.
    worker.running.kill("SIGSTOP");
    const plain = await project.put(["holdPlain", "p"]);
    const after = await project.put(["hold", "b"]);
    worker.running.kill("SIGCONT");
    project.go("a");
    await begun(project, "p");
    expect(runsOf(project, "b")).toEqual([]);
    project.go("p");
    project.go("b");
    expect(await project.qtasks(["wait", plain, after])).toMatchObject({ code: 0 });
    worker.running.kill("SIGTERM");
    await worker.ended;
  });

  test("that wait for plain ones need one place and one process alone", async () => {
    const project = projectOf(TASKS);
    const result = await project.json(["run", "sums"], {
      env: { QTASKS_MAX_TASKS_PROCESS: "1", QTASKS_PROCESSES: "1" },
    });
    expect(result).toMatchObject({ status: "success", returning: [6, 6] });
  });

  test("that must run alone and wait for others do not lock each other out, with one process", async () => {
    const project = projectOf(TASKS);
    const worker = await launchWorker(project);
    const uuids = [await project.put(["crashesOnce", "a"]), await project.put(["crashesOnce", "b"])];
    await begun(project, "a");
    await begun(project, "b");
    for (const key of ["a", "b"]) project.go(key);
    expect(await project.qtasks(["wait", ...uuids])).toMatchObject({ code: 0 });
    for (const uuid of uuids)
      expect(await recordOf(project, uuid)).toMatchObject({ attempt: 1, returning: 6 });
    worker.running.kill("SIGTERM");
    await worker.ended;
  });

  test("find a child that has loaded them already when the one that ran them dies", async () => {
    const project = projectOf(TASKS);
    const worker = await launchWorker(project);
    await project.put(["hold", "a"]);
    const { pid } = await begun(project, "a");
    project.go("a");
    const loaded = () => runsOf(project, "imports").map((run) => run.pid);
    await until("a second child has loaded the tasks", () => new Set(loaded()).size === 2);
    const before = loaded();
    signal(pid, "SIGKILL");
    await until("its supervisor knows", () => stateOf(pid) === "?");
    await project.put(["hold", "b"]);
    expect(before).toContain((await begun(project, "b")).pid);
    project.go("b");
    worker.running.kill("SIGTERM");
    expect(await worker.ended).toMatchObject({ code: 0 });
  });

  test("get a new child after maxTasksPerChild runs", async () => {
    const project = projectOf(TASKS, { QTASKS_MAX_TASKS_PER_CHILD: "2" });
    const uuids = [];
    for (let at = 0; at < 5; at++) uuids.push(await project.put(["wherePlain"]));
    await project.burst(["-c", "1"]);
    const pids = await Promise.all(
      uuids.map(async (uuid) => (await recordOf(project, uuid)).returning as number),
    );
    const runs = new Map<number, number>();
    for (const pid of pids) runs.set(pid, (runs.get(pid) ?? 0) + 1);
    expect(Math.max(...runs.values())).toBeLessThanOrEqual(2);
    expect(runs.size).toBeGreaterThanOrEqual(3);
  });

  testWith(isLinux, "/proc")(
    "get a new child once theirs, Buffers counted, exceeds maxMemoryPerChild",
    async () => {
      const project = projectOf(TASKS, { QTASKS_MAX_MEMORY_PER_CHILD: "200MiB" });
      const worker = await launchWorker(project);
      const large = await project.put(["grows", "a"]);
      const { pid } = await begun(project, "a");
      project.go("a");
      expect(await project.qtasks(["wait", large])).toMatchObject({ code: 0, stdout: `${pid}\n` });
      await goneMs(pid);
      const later = await project.put(["where"]);
      await project.qtasks(["wait", later]);
      expect((await recordOf(project, later)).returning).not.toBe(pid);
      expect(statuses(await recordOf(project, large))).toEqual(["success"]);
      worker.running.kill("SIGTERM");
      expect((await worker.ended).code).toBe(0);
    },
  );
});
