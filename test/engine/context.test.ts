import { describe, expect, test } from "vitest";
import type { TaskContext } from "../../src/ports/context.js";
import { createGate, createWorld, turns, type World } from "./world.js";

/** Runs a body with the context of a task, and resolves to the task when it has ended. */
async function within(world: World, body: (ctx: TaskContext) => unknown, options = {}) {
  const task = world.app.task({ name: "task", echo: true, ...options }, async (self) => await body(self.ctx));
  const { uuid } = await task.addTask();
  await world.work();
  return await world.task(uuid);
}

describe("echo", () => {
  test("puts the running task before the arguments: a handle of its own, with `ctx`", async () => {
    const world = createWorld();
    const task = world.app.task(
      { name: "task", echo: true, owner: "ada" },
      async (self, a: number, b: number) => {
        const next = await self.with({ priority: 9 }).addTask(a + 1, b);
        return [self.taskName, self.extra, self.ctx.taskName, next.priority, next.args, [a, b]];
      },
    );
    const { uuid } = await task.addTask(1, 2);
    await world.work({ maxTasks: 1 });
    expect((await world.task(uuid)).returning).toEqual(["task", { owner: "ada" }, "task", 9, [2, 2], [1, 2]]);
  });

  test("left out, gives the arguments alone", async () => {
    const world = createWorld();
    const task = world.app.task("task", async (...args: unknown[]) => args);
    const { uuid } = await task.addTask(1, 2);
    await world.work();
    expect((await world.task(uuid)).returning).toEqual([1, 2]);
  });

  test("works for plain functions and generators too", async () => {
    const world = createWorld();
    const plain = world.app.task({ name: "plain", echo: true }, (self, n: number) => [self.ctx.taskName, n]);
    const generator = world.app.task({ name: "generator", echo: true }, function* (self, n: number) {
      yield self.ctx.taskName;
      yield n;
    });
    const tasks = await world.app.addTasks([plain(1), generator(1)]);
    await world.work();
    for (const { uuid, taskName } of tasks) {
      expect((await world.task(uuid)).returning).toEqual([taskName, 1]);
    }
  });
});

describe("the context of a run", () => {
  test("names the task, its uuid, the attempt and the fence", async () => {
    const world = createWorld();
    const task = await within(world, ({ taskName, taskUuid, attempt, fence }) => ({
      taskName,
      taskUuid,
      attempt,
      fence,
    }));
    expect(task.returning).toEqual({
      taskName: "task",
      taskUuid: task.uuid,
      attempt: 1,
      fence: expect.any(Number),
    });
  });

  test("has the task's generateHandler", async () => {
    const world = createWorld();
    const generateHandler = (item: unknown) => item;
    const seen: unknown[] = [];
    await within(world, (ctx) => void seen.push(ctx.generateHandler), { generateHandler });
    expect(seen).toEqual([generateHandler]);
    const other = createWorld();
    await within(other, (ctx) => void seen.push(ctx.generateHandler));
    expect(seen[1]).toBeNull();
  });

  test("getConfig() is the application's config", async () => {
    const world = createWorld({ config: { grace: 3 } });
    const seen: unknown[] = [];
    await within(world, (ctx) => void seen.push(ctx.getConfig()));
    expect(seen).toEqual([world.app.config]);
  });

  test("getMetadata() is this task's record, read anew unless the cached one will do", async () => {
    const world = createWorld();
    const { get } = world.broker;
    let reads = 0;
    world.broker.get = (uuid) => {
      reads += 1;
      return get.call(world.broker, uuid);
    };
    const seen: unknown[] = [];
    const task = await within(world, async (ctx) => {
      const first = await ctx.getMetadata();
      const cached = await ctx.getMetadata({ cache: true });
      const anew = await ctx.getMetadata({ cache: false });
      seen.push(first, cached === first, anew === first, reads);
    });
    expect(seen).toMatchObject([{ uuid: task.uuid, status: "process", attempt: 1 }, true, false, 2]);
  });

  test("getTask() looks at any task", async () => {
    const world = createWorld();
    const other = await world.app.addTask("other.task", [1]);
    const nobody = "01890000-0000-7000-8000-000000000001";
    const seen: unknown[] = [];
    const task = await within(world, async (ctx) => {
      seen.push(await ctx.getTask(other.uuid), await ctx.getTask(nobody));
      await ctx.getTask("nonsense");
    });
    expect(seen).toMatchObject([{ uuid: other.uuid, args: [1] }, undefined]);
    expect(task.error?.code).toBe("E_BAD_OPTION");
  });

  test("sleep() takes so many seconds, also as text", async () => {
    const world = createWorld();
    const startMs = world.system.now().monoMs;
    const task = await within(world, async (ctx) => {
      const times: number[] = [];
      for (const duration of [2, "500ms"]) {
        await ctx.sleep(duration);
        times.push(world.system.now().monoMs - startMs);
      }
      return times;
    });
    expect(task.returning).toEqual([2000, 2500]);
  });

  test("sleep() ends early once the run is aborted, also when it begins after that", async () => {
    const world = createWorld();
    const seen: unknown[] = [];
    const task = await within(
      world,
      async (ctx) => {
        await ctx.sleep(600).catch((error: unknown) => seen.push(error === ctx.signal.reason));
        await ctx.sleep(600).catch((error: unknown) => seen.push(error === ctx.signal.reason));
      },
      { maxTime: 1 },
    );
    expect(seen).toEqual([true, true]);
    expect(task.error?.code).toBe("E_MAX_TIME");
  });

  test("many sleeps and waits of one run warn nobody", async () => {
    const world = createWorld();
    const warnings: unknown[] = [];
    const hear = (warning: unknown) => warnings.push(warning);
    process.on("warning", hear);
    await within(world, (ctx) => Promise.all(Array.from({ length: 40 }, () => ctx.sleep(1))));
    await turns(3);
    process.off("warning", hear);
    expect(warnings).toEqual([]);
  });

  test("pluginError() ends the run as E_PLUGIN and takes its details to the listeners", async () => {
    const world = createWorld();
    const events = world.record("taskRetry", "taskError");
    const task = await within(world, (ctx) => ctx.pluginError({ queue: "full" }), { retry: 1 });
    expect(task).toMatchObject({ status: "error", error: { code: "E_PLUGIN" } });
    expect(events).toMatchObject([
      { name: "taskRetry", event: { details: { queue: "full" } } },
      { name: "taskError", event: { details: { queue: "full" } } },
    ]);
  });

  test("getComponent() gives the parts of the application, and plugins by their name", async () => {
    const world = createWorld();
    const plugin = { name: "prune", setup: () => {} };
    world.app.addPlugin(plugin);
    const seen: unknown[] = [];
    await within(world, (ctx) => {
      for (const name of ["app", "config", "broker", "events", "worker", "prune", "none", "toString"])
        seen.push(ctx.getComponent(name));
    });
    const { app } = world;
    expect(seen).toEqual([app, app.config, app.broker, app.events, app.worker, plugin, undefined, undefined]);
  });

  test("progress() is shown on the task; the newest one stays", async () => {
    const world = createWorld();
    const gate = createGate();
    const task = world.app.task({ name: "task", echo: true }, async ({ ctx }) => {
      ctx.progress(1);
      ctx.progress(2, 10, "two of ten");
      await gate.opened;
    });
    const progress = world.record("taskProgress");
    const { uuid } = await task.addTask();
    await world.started();
    await turns();
    expect((await world.task(uuid)).progress).toEqual({ done: 2, total: 10, message: "two of ten" });
    expect(progress.map(({ event }) => event)).toMatchObject([
      { uuid, done: 1, total: null, message: null },
      { uuid, done: 2, total: 10, message: "two of ten" },
    ]);
    gate.open();
  });

  test("getLogger() writes to the task's log, as console.log puts messages together", async () => {
    const world = createWorld();
    const output = world.record("taskOutput");
    const { uuid } = await within(world, (ctx) => {
      const log = ctx.getLogger();
      log.debug("a");
      log.info("%s is %d", "x", 5);
      ctx.getLogger("smtp").warn("busy", { code: 421 });
      log.error(new TypeError("bad"));
    });
    const lines = await world.broker.logs(uuid);
    expect(lines.map(({ text, stream, attempt }) => [text, stream, attempt])).toEqual([
      ["debug task: a", "log", 1],
      ["info task: x is 5", "log", 1],
      ["warn smtp: busy { code: 421 }", "log", 1],
      [expect.stringMatching(/^error task: TypeError: bad/), "log", 1],
    ]);
    expect(output).toHaveLength(4);
  });

  test("says nothing more once the run has ended", async () => {
    const world = createWorld();
    const kept: TaskContext[] = [];
    const { uuid } = await within(world, (ctx) => {
      kept.push(ctx);
      ctx.progress(1);
    });
    kept[0]?.progress(99);
    kept[0]?.getLogger().info("late");
    await turns();
    expect((await world.task(uuid)).progress).toMatchObject({ done: 1 });
    expect(await world.broker.logs(uuid)).toEqual([]);
  });

  test("keeps a cancellation to the run it was thrown in", async () => {
    const world = createWorld();
    const kept: unknown[] = [];
    await within(world, (ctx) => {
      try {
        ctx.cancel("mine");
      } catch (error) {
        kept.push(error);
      }
    });
    const thief = world.app.task("thief", async () => {
      throw kept[0];
    });
    const { uuid } = await thief.addTask();
    await world.work();
    expect(await world.task(uuid)).toMatchObject({ status: "error", error: { code: "E_CANCELLED" } });
  });
});
