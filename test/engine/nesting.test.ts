import { describe, expect, test } from "vitest";
import { currentTask } from "../../src/engine/charge.js";
import { createGate, createWorld, turns, until } from "./world.js";

function nestedWorld() {
  const world = createWorld();
  const { app } = world;
  const log: string[] = [];
  const double = app.task("double", async (n: number) => {
    log.push(`double ${n}`);
    return n * 2;
  });
  /** With one slot, unless said otherwise. */
  const start = (concurrency = 1) => world.started({ concurrency });
  return { ...world, log, double, start };
}

describe("a task that waits for another gives its slot back, so one slot is enough", () => {
  test("for a task that it queues and waits for", async () => {
    const { app, double, during, start } = nestedWorld();
    const parent = app.task("parent", async () => {
      const result = await double.with({ timeout: 60 }).addTask(21);
      return await result.value();
    });
    await start();
    expect((await during(parent.with({ timeout: 60 }).addTask())).returning).toBe(42);
  });

  test("for a task that waits in line already, at once", async () => {
    const { app, double, start, system } = nestedWorld();
    const child = await double.with({ priority: 9 }).addTask(21);
    const parent = app.task("parent", async () => (await app.wait(child.uuid, 60)).returning);
    const { uuid } = await parent.addTask();
    const before = system.now();
    await start();
    expect((await app.wait(uuid, 60)).returning).toBe(42);
    expect(system.now()).toEqual(before);
  });

  test("on two levels", async () => {
    const { app, double, during, start } = nestedWorld();
    const middle = app.task("middle", async (n: number) => {
      return (await (await double.with({ timeout: 60 }).addTask(n)).value()) + 1;
    });
    const top = app.task("top", async () => {
      return (await (await middle.with({ timeout: 60 }).addTask(5)).value()) * 10;
    });
    await start();
    expect((await during(top.with({ timeout: 60 }).addTask())).returning).toBe(110);
  });

  test("for several at once", async () => {
    const { app, double, during, log, start } = nestedWorld();
    const parent = app.task("parent", async () => {
      const results = await Promise.all([1, 2, 3].map((n) => double.with({ timeout: 60 }).addTask(n)));
      return await Promise.all(results.map((result) => result.value()));
    });
    await start();
    expect((await during(parent.with({ timeout: 60 }).addTask())).returning).toEqual([2, 4, 6]);
    expect(log).toEqual(["double 1", "double 2", "double 3"]);
  });

  test("for several that begin and end at different times", async () => {
    const { app, double, during, start } = nestedWorld();
    const parent = app.task({ name: "parent", echo: true }, async (self) => {
      const value = async (n: number) => (await double.with({ timeout: 60 }).addTask(n)).value();
      const pause = async (n: number) => {
        await self.ctx.sleep(n);
        return await value(n);
      };
      return await Promise.all([value(1), pause(1), pause(2).then(value), value(3).then(value).then(value)]);
    });
    await start();
    expect((await during(parent.with({ timeout: 60 }).addTask())).returning).toEqual([2, 2, 8, 24]);
  });

  test("when it begins another wait while it stands in line for its place", async () => {
    const { app, double, during, log, start } = nestedWorld();
    const value = async (n: number) => (await double.with({ timeout: 600 }).addTask(n)).value();
    const inLine = createGate();
    const gate = createGate();
    const blocker = app.task("blocker", () => gate.opened);
    const parent = app.task("parent", async () => {
      const branch = inLine.opened.then(() => value(2));
      return [await value(1), await branch];
    });
    await start();
    const { uuid } = await parent.addTask();
    await blocker.with({ priority: 9 }).addTask();
    await until(() => log.length === 1);
    await turns();
    inLine.open();
    await turns();
    gate.open();
    expect((await during(app.wait(uuid))).returning).toEqual([2, 4]);
  });

  test("and for a result that it waits for again", async () => {
    const { app, during, start } = nestedWorld();
    const child = app.task({ name: "child", echo: true }, async (self) => {
      await self.ctx.sleep(5);
      return "late";
    });
    const parent = app.task("parent", async () => {
      const result = await child.with({ timeout: 1 }).addTask();
      const before = result.done;
      return [before, (await result.wait(60)).returning];
    });
    await start();
    expect((await during(parent.with({ timeout: 90 }).addTask())).returning).toEqual([false, "late"]);
  });

  test("it comes back before any new task begins", async () => {
    const { app, double, during, log, start } = nestedWorld();
    const gate = createGate();
    const blocker = app.task("blocker", () => gate.opened);
    const parent = app.task("parent", async () => {
      await double.with({ timeout: 600 }).addTask(1);
      log.push("parent");
    });
    await start();
    await parent.addTask();
    await blocker.with({ priority: 9 }).addTask();
    const last = await double.with({ priority: -9 })(2).with({ delay: 1 }).addTask();
    await until(() => log.length === 1);
    await turns();
    // The blocker has the slot, the parent stands in line for it, and a task of better priority is due.
    gate.open();
    await during(app.wait(last.uuid));
    expect(log).toEqual(["double 1", "parent", "double 2"]);
  });

  test("and never are more tasks at work than there are slots", async () => {
    const { app, during, double, start } = nestedWorld();
    let atWork = 0;
    let most = 0;
    const work = async <T>(body: () => Promise<T>) => {
      atWork += 1;
      most = Math.max(most, atWork);
      await turns(1);
      atWork -= 1;
      return await body();
    };
    const parent = app.task("parent", async (n: number) =>
      work(async () => {
        const { returning } = await double.with({ timeout: 60 }).addTask(n);
        return await work(async () => returning);
      }),
    );
    await start(2);
    const tasks = await app.addTasks(Array.from({ length: 20 }, (_, n) => parent(n)));
    const results = await during(Promise.all(tasks.map(({ uuid }) => app.wait(uuid))));
    expect(results.map((result) => result.returning)).toEqual(tasks.map((_, n) => n * 2));
    expect(most).toBeLessThanOrEqual(2);
  });

  test("a look without waiting keeps the slot", async () => {
    const { app, during, log, double, start } = nestedWorld();
    const parent = app.task("parent", async () => {
      const result = await double.with({ timeout: 0 }).addTask(1);
      await turns();
      log.push("parent ends");
      return result.done;
    });
    await start();
    expect((await during(parent.with({ timeout: 60 }).addTask())).returning).toBe(false);
    await until(() => log.length === 2);
    expect(log).toEqual(["parent ends", "double 1"]);
  });
});

describe("a run that is to end while it waits for another task", () => {
  function waitingWorld() {
    const world = nestedWorld();
    const gate = createGate();
    const seen: unknown[] = [];
    const child = world.app.task("child", () => gate.opened);
    const parent = world.app.task("parent", async () => {
      try {
        await child.with({ timeout: 600 }).addTask();
      } catch (error) {
        seen.push(error);
        throw error;
      }
    });
    return { ...world, gate, child, parent, seen };
  }

  test("stops waiting at once when it is cancelled", async () => {
    const { app, parent, seen, system, task, start } = waitingWorld();
    await start();
    const { uuid } = await parent.addTask();
    await until(() => system.pendingTimers > 0);
    await turns();
    const before = system.now();
    await app.cancel(uuid, "enough");
    await until(() => seen.length === 1);
    await turns();
    expect(system.now()).toEqual(before);
    expect(seen).toMatchObject([{ name: "AbortError", message: "parent is being stopped: enough." }]);
    expect(await task(uuid)).toMatchObject({ status: "cancel", cancelReason: "enough" });
  });

  test("stops waiting at its maxTime", async () => {
    const { during, parent, start } = waitingWorld();
    await start();
    const result = await during(parent.with({ maxTime: 5, retry: 0, timeout: 60 }).addTask());
    expect(result.error).toMatchObject({ code: "E_MAX_TIME" });
  });

  test("leaves as many slots as there were", async () => {
    const { app, parent, child, gate, during, double, log, start } = waitingWorld();
    await start();
    const { uuid } = await parent.addTask();
    await turns();
    await app.cancel(uuid);
    const result = await during(app.wait(uuid, 60));
    expect(result.status).toBe("cancel");
    // The child has the one slot still.
    const next = await app.addTasks([double(1), double(2)]);
    await turns();
    expect(log).toEqual([]);
    gate.open();
    await during(Promise.all(next.map((task) => app.wait(task.uuid, 60))));
    expect(log).toEqual(["double 1", "double 2"]);
    expect(child.taskName).toBe("child");
  });

  test("does not stand in line for its slot to end, and takes nobody else's", async () => {
    const { app, during, system, double, log, start } = nestedWorld();
    const gate = createGate();
    const ended: string[] = [];
    const blocker = app.task("blocker", async () => {
      await gate.opened;
      ended.push("blocker");
    });
    const parent = app.task("parent", async () => {
      try {
        await double.with({ timeout: 600 }).addTask(1);
      } finally {
        ended.push("parent");
      }
    });
    await start();
    const { uuid } = await parent.addTask();
    const blocking = await blocker.with({ priority: 9 }).addTask();
    await until(() => log.length === 1);
    await turns();
    // The blocker has the slot, and the parent stands in line for it.
    expect(ended).toEqual([]);
    const before = system.now();
    await app.cancel(uuid);
    await turns();
    expect(system.now()).toEqual(before);
    expect(ended).toEqual(["parent"]);
    gate.open();
    await during(app.wait(blocking.uuid));
    const next = await app.addTasks([double(2), double(3)]);
    await during(Promise.all(next.map((task) => app.wait(task.uuid))));
    expect(log).toEqual(["double 1", "double 2", "double 3"]);
  });
});

test("a cancellation of the awaited task does not cancel the one that waits", async () => {
  const { app, during, start } = nestedWorld();
  const child = app.task({ name: "child", echo: true }, async (self) => self.ctx.cancel("not today"));
  const parent = app.task("parent", async () => {
    await (await child.with({ timeout: 60 }).addTask()).value();
  });
  await start();
  const result = await during(parent.with({ timeout: 60 }).addTask());
  expect(result).toMatchObject({
    status: "error",
    error: { code: "E_CANCELLED", message: "child was cancelled: not today" },
  });
});

test("currentTask() is the context of the run, from anywhere below it, and undefined outside", async () => {
  const { app, during, start } = nestedWorld();
  const below = async () => {
    await turns(1);
    return await new Promise<string | undefined>((resolve) => {
      setImmediate(() => resolve(currentTask()?.taskUuid));
    });
  };
  const task = app.task({ name: "task", echo: true }, async (self) => [
    await below(),
    self.ctx === currentTask(),
    self.ctx.taskUuid,
  ]);
  await start(5);
  const tasks = await app.addTasks([task(), task(), task()]);
  for (const { uuid } of tasks) {
    expect((await during(app.wait(uuid))).returning).toEqual([uuid, true, uuid]);
  }
  expect(currentTask()).toBeUndefined();
});
