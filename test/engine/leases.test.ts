import { describe, expect, test } from "vitest";
import { createGate, createWorld, turns, type World } from "./world.js";

/** Two processes on one queue, each with a clock of its own: one that stands still is frozen. */
function twoProcesses(config = {}) {
  const frozen = createWorld({ config, pid: 1 });
  const alive = createWorld({ config, storage: frozen.storage, pid: 2 });
  return { frozen, alive };
}

async function claimedAndFrozen(world: World, options = {}) {
  const gate = createGate();
  const signals: AbortSignal[] = [];
  const task = world.app.task({ name: "task", echo: true, ...options }, async ({ ctx }) => {
    signals.push(ctx.signal);
    await gate.opened;
    return "by the frozen one";
  });
  const { uuid } = await task.addTask();
  await world.started({ name: "frozen" });
  await turns();
  return { uuid, gate, signals };
}

describe("a worker that froze past its lease", () => {
  test("loses its task to another worker: no attempt is used up, and its death is counted", async () => {
    const { frozen, alive } = twoProcesses();
    const { uuid } = await claimedAndFrozen(frozen);
    const runs: { attempt: number; fence: number }[] = [];
    alive.app.task({ name: "task", echo: true }, async ({ ctx: { attempt, fence } }) => {
      runs.push({ attempt, fence });
      return "by the living one";
    });
    await alive.started({ name: "alive" });
    await alive.system.advance(14_000);
    expect(runs).toEqual([]);
    await alive.system.advance(2000);
    await turns();
    expect(runs).toEqual([{ attempt: 1, fence: expect.any(Number) }]);
    expect(await alive.task(uuid)).toMatchObject({
      status: "success",
      returning: "by the living one",
      attempt: 1,
      deaths: 1,
      worker: "alive",
      history: [
        { attempt: 1, status: "lost", worker: "frozen" },
        { attempt: 1, status: "success", worker: "alive" },
      ],
    });
  });

  test("has its late result refused, and nobody hears of it", async () => {
    const { frozen, alive } = twoProcesses();
    const events = frozen.record("taskSuccess", "taskError", "taskRetry", "taskCancel", "taskInterrupted");
    const { uuid, gate } = await claimedAndFrozen(frozen);
    const held = createGate();
    alive.app.task("task", () => held.opened);
    await alive.started({ name: "alive" });
    await alive.system.advance(20_000);
    gate.open();
    await turns();
    expect(await alive.task(uuid)).toMatchObject({ status: "process", worker: "alive", returning: null });
    expect(events).toEqual([]);
    held.open();
    await turns();
    expect((await alive.task(uuid)).status).toBe("success");
    expect(events).toEqual([]);
  });

  test("stops its stale run once it wakes, and works on", async () => {
    const { frozen, alive } = twoProcesses();
    const stopping = frozen.record("taskStopping");
    const { signals } = await claimedAndFrozen(frozen);
    const held = createGate();
    alive.app.task("task", () => held.opened);
    await alive.started({ name: "alive" });
    await alive.system.advance(20_000);
    await frozen.system.advance(5000);
    await turns();
    expect(signals[0]?.aborted).toBe(true);
    expect(stopping).toMatchObject([{ event: { reason: "lost" } }]);
    held.open();
    await turns();
    await alive.app.close();
    const next = await frozen.app.addTask("task");
    await turns();
    expect(await frozen.task(next.uuid)).toMatchObject({ status: "process", worker: "frozen" });
  });

  test("cannot report progress or output any more", async () => {
    const { frozen, alive } = twoProcesses();
    const gate = createGate();
    const task = frozen.app.task({ name: "task", echo: true }, async ({ ctx }) => {
      await gate.opened;
      ctx.progress(99);
      ctx.getLogger().info("late");
      await new Promise(() => {});
    });
    const { uuid } = await task.addTask();
    await frozen.started();
    await turns();
    alive.app.task({ name: "task", echo: true }, async ({ ctx }) => {
      ctx.progress(1);
      await ctx.sleep(600);
    });
    await alive.started();
    await alive.system.advance(20_000);
    gate.open();
    await turns();
    expect((await alive.task(uuid)).progress).toMatchObject({ done: 1 });
    expect(await alive.broker.logs(uuid)).toEqual([]);
  });

  test("whose task was being cancelled leaves it cancelled", async () => {
    const { frozen, alive } = twoProcesses();
    frozen.broker.extend = async () => await new Promise(() => {});
    const { uuid } = await claimedAndFrozen(frozen);
    expect(await alive.app.cancel(uuid, "enough")).toBe("cancelling");
    alive.app.task("task", () => "ran all the same");
    await alive.started();
    await alive.system.advance(20_000);
    await turns();
    expect(await alive.task(uuid)).toMatchObject({
      status: "cancel",
      cancelReason: "enough",
      returning: null,
    });
  });
});

describe("a worker that lives", () => {
  test("keeps its tasks however long they take", async () => {
    const { frozen: busy, alive } = twoProcesses();
    const task = busy.app.task({ name: "task", echo: true }, async ({ ctx }) => {
      await ctx.sleep(300);
      return "done";
    });
    const { uuid } = await task.addTask();
    await busy.started();
    let stolen = 0;
    alive.app.task("task", () => {
      stolen += 1;
    });
    await alive.started();
    for (let step = 0; step < 310; step++) {
      await busy.system.advance(1000);
      await alive.system.advance(1000);
    }
    expect(stolen).toBe(0);
    expect(await alive.task(uuid)).toMatchObject({ status: "success", deaths: 0, attempt: 1 });
  });

  test("keeps them when the wall clock jumps", async () => {
    const { frozen: busy, alive } = twoProcesses();
    const { uuid, gate } = await claimedAndFrozen(busy);
    let stolen = 0;
    alive.app.task("task", () => {
      stolen += 1;
    });
    await alive.started();
    alive.system.jumpWallClock(86_400_000);
    await alive.system.advance(5000);
    expect(stolen).toBe(0);
    gate.open();
    await turns();
    expect((await alive.task(uuid)).returning).toBe("by the frozen one");
  });
});

describe("a task that takes its workers with it", () => {
  test("is given up after maxCrashes of them, without running again: E_LOST", async () => {
    const first = createWorld({ pid: 1 });
    const { uuid } = await first.app.addTask("killer");
    let runs = 0;
    for (let pid = 2; pid <= 4; pid++) {
      const world = createWorld({ storage: first.storage, pid });
      world.app.task("killer", async () => {
        runs += 1;
        await new Promise(() => {});
      });
      await world.system.advance(pid * 20_000);
      await world.started({ name: `w-${pid}` });
      await turns();
    }
    expect(runs).toBe(3);
    const last = createWorld({ storage: first.storage, pid: 9 });
    const events = last.record("taskRunning", "taskError");
    last.app.task("killer", async () => {
      runs += 1;
    });
    await last.system.advance(100_000);
    expect(await last.work()).toMatchObject({ failed: 1, succeeded: 0 });
    expect(runs).toBe(3);
    const task = await last.task(uuid);
    expect(task).toMatchObject({ status: "error", deaths: 3, error: { code: "E_LOST" } });
    expect(task.error?.message).toBe("killer was given up: 3 workers died or froze while running it.");
    expect(task.history.map(({ status }) => status)).toEqual(["lost", "lost", "lost", "error"]);
    expect(events.map(({ name }) => name)).toEqual(["taskError"]);
  });

  test("has its deaths counted anew once it is put back in line", async () => {
    const { frozen, alive } = twoProcesses({ maxCrashes: 1 });
    const { uuid, gate } = await claimedAndFrozen(frozen);
    alive.app.task("task", () => "ran");
    await alive.started();
    await alive.system.advance(20_000);
    await turns();
    expect(await alive.task(uuid)).toMatchObject({ status: "error", deaths: 1, error: { code: "E_LOST" } });
    await frozen.system.advance(20_000);
    gate.open();
    await alive.app.retryTask(uuid);
    await turns();
    expect(await alive.task(uuid)).toMatchObject({ status: "success", deaths: 0, attempt: 1 });
  });
});
