import { describe, expect, test } from "vitest";
import { currentTask } from "../../src/engine/charge.js";
import { createGate, createWorld, turns, type World } from "./world.js";

const MESSAGE = "Time limit exceeded for task slow: 2 seconds";

async function run(world: World, options = {}): Promise<Awaited<ReturnType<World["task"]>>> {
  const { uuid } = await world.app.addTask("slow", [], options);
  await world.work();
  return await world.task(uuid);
}

describe("an attempt that takes longer than maxTime", () => {
  test("ends in an error of code E_MAX_TIME, with the document's message", async () => {
    const world = createWorld();
    world.app.task({ name: "slow", maxTime: 2, echo: true }, async (self) => await self.ctx.sleep(60));
    const task = await run(world);
    expect(task).toMatchObject({
      status: "error",
      error: { name: "MaxTimeError", message: MESSAGE, code: "E_MAX_TIME" },
      returning: null,
    });
    expect((task.finishedAt?.getTime() ?? 0) - (task.startedAt?.getTime() ?? 0)).toBe(2000);
  });

  test("has its signal aborted at the limit, with the reason, and is told of as stopping", async () => {
    const world = createWorld();
    const seen: unknown[] = [];
    const stopping = world.record("taskStopping");
    world.app.task({ name: "slow", maxTime: 2, echo: true }, async ({ ctx }) => {
      await ctx.sleep(60).catch((error: unknown) => seen.push(error, ctx.signal.aborted));
    });
    await run(world);
    expect(seen).toMatchObject([
      { name: "AbortError", code: "E_ABORTED", message: expect.stringContaining("time limit") },
      true,
    ]);
    expect(stopping.map(({ event }) => event)).toMatchObject([{ taskName: "slow", reason: "maxTime" }]);
  });

  test("does not succeed by returning after the limit", async () => {
    const world = createWorld();
    world.app.task({ name: "slow", maxTime: 2, echo: true }, async ({ ctx }) => {
      await ctx.sleep(60).catch(() => {});
      return "too late";
    });
    expect(await run(world)).toMatchObject({
      status: "error",
      returning: null,
      error: { code: "E_MAX_TIME" },
    });
  });

  test("is no longer waited for after killGrace where it does not listen", async () => {
    const world = createWorld({ config: { killGrace: 3 } });
    world.app.task({ name: "slow", maxTime: 2 }, async () => await new Promise(() => {}));
    const task = await run(world);
    expect(task.error?.message).toBe(MESSAGE);
    expect((task.finishedAt?.getTime() ?? 0) - (task.startedAt?.getTime() ?? 0)).toBe(5000);
  });

  test("frees its slot", async () => {
    const world = createWorld();
    world.app.task({ name: "slow", maxTime: 2 }, async () => await new Promise(() => {}));
    const quick = world.app.task("quick", async () => "ran");
    await world.started({ concurrency: 1 });
    await world.app.addTask("slow");
    const result = await world.during(quick.with({ timeout: 60 }).addTask());
    expect(result.returning).toBe("ran");
  });

  test("is retried as any error is, each attempt with a limit of its own", async () => {
    const world = createWorld();
    let attempts = 0;
    world.app.task({ name: "slow", maxTime: 2, retry: 2, echo: true }, async ({ ctx }) => {
      attempts += 1;
      if (attempts < 3) await ctx.sleep(60);
      else await ctx.sleep(1.5);
      return attempts;
    });
    const task = await run(world);
    expect(task).toMatchObject({ status: "success", attempt: 3, returning: 3 });
    expect(task.history.map(({ error }) => error?.message)).toEqual([MESSAGE, MESSAGE, undefined]);
  });

  test("whose function blocked the process is seen when the function ends", async () => {
    const world = createWorld();
    world.app.task({ name: "slow", maxTime: 2 }, () => {
      passWithoutTimers(world, 2500);
      return "blocked";
    });
    expect(await run(world)).toMatchObject({ status: "error", returning: null, error: { message: MESSAGE } });
  });

  test("is stopped while a generator is drained, also an endless one", async () => {
    const world = createWorld();
    let yielded = 0;
    world.app.task({ name: "slow", maxTime: 2, echo: true }, async function* ({ ctx }) {
      for (;;) {
        await ctx.sleep(0.5).catch(() => {});
        yield yielded++;
      }
    });
    const task = await run(world);
    expect(task.error?.message).toBe(MESSAGE);
    const atEnd = yielded;
    await world.system.advance(5000);
    expect(yielded).toBe(atEnd);
    expect(yielded).toBeLessThan(6);
  });
});

test("a plain generator is stopped between its values, where handling them takes time", async () => {
  const world = createWorld();
  let yielded = 0;
  const generateHandler = async () =>
    await currentTask()
      ?.sleep(0.5)
      .catch(() => {});
  world.app.task({ name: "slow", maxTime: 2, generateHandler }, function* () {
    while (yielded < 1000) yield yielded++;
  });
  expect((await run(world)).error?.message).toBe(MESSAGE);
  expect(yielded).toBeLessThan(10);
});

describe("the limit", () => {
  test("is the call's own where it has one, else the task's, else the config's", async () => {
    const world = createWorld({ config: { taskDefaultMaxTime: 2 } });
    const task = world.app.task({ name: "slow", echo: true }, async ({ ctx }) => await ctx.sleep(60));
    expect(task.schema.maxTime).toBe(2);
    expect((await run(world)).error?.message).toBe(MESSAGE);
    expect((await run(world, { maxTime: "500ms" })).error?.message).toBe(
      "Time limit exceeded for task slow: 0.5 seconds",
    );
    const long = world.app.task(
      { name: "long", maxTime: 99, echo: true },
      async ({ ctx }) => await ctx.sleep(60),
    );
    const { uuid } = await long.addTask();
    await world.work();
    expect((await world.task(uuid)).status).toBe("success");
  });

  test("is none without maxTime", async () => {
    const world = createWorld();
    world.app.task({ name: "slow", echo: true }, async ({ ctx }) => await ctx.sleep("5m"));
    expect((await run(world)).status).toBe("success");
  });

  test("counts from the start of the attempt, not from queueing", async () => {
    const world = createWorld();
    world.app.task({ name: "slow", maxTime: 2, echo: true }, async ({ ctx }) => await ctx.sleep(1.9));
    const { uuid } = await world.app.addTask("slow");
    await world.system.advance(60_000);
    await world.work();
    expect((await world.task(uuid)).status).toBe("success");
  });

  test("leaves a run that ends in time alone, and no timer behind", async () => {
    const world = createWorld();
    const gate = createGate();
    world.app.task({ name: "slow", maxTime: 2 }, () => gate.opened);
    const stopping = world.record("taskStopping");
    const worker = await world.started();
    await world.app.addTask("slow");
    await turns();
    gate.open();
    await turns();
    await worker.stop();
    expect(world.system.pendingTimers).toBe(0);
    expect(stopping).toEqual([]);
  });
});

/** What a loop does to the world: the clocks go on, and no timer is called back. */
function passWithoutTimers({ system }: World, ms: number): void {
  const now = system.now.bind(system);
  const later = () => ({ ...now(), wallMs: now().wallMs + ms, monoMs: now().monoMs + ms });
  Object.defineProperty(system, "now", { value: later });
}
