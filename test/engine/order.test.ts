import { describe, expect, test } from "vitest";
import { createGate, createWorld, turns } from "./world.js";

function orderWorld(config = {}) {
  const world = createWorld({ config });
  const starts: string[] = [];
  const task = world.app.task("task", async (name: string) => void starts.push(name));
  return { ...world, starts, task };
}

describe("with one slot, tasks start in the order", () => {
  test("of their priority, lower first, negative ones before 0", async () => {
    const { app, task, starts, work } = orderWorld();
    const priorities = [5, 0, -1, 10, -20, 3];
    await app.addTasks(priorities.map((priority) => task(`${priority}`).with({ priority })));
    await work({ concurrency: 1 });
    expect(starts).toEqual(["-20", "-1", "0", "3", "5", "10"]);
  });

  test("of their arrival where the priority is the same", async () => {
    const { task, starts, work } = orderWorld();
    for (const name of ["a", "b", "c", "d"]) await task.addTask(name);
    await work({ concurrency: 1 });
    expect(starts).toEqual(["a", "b", "c", "d"]);
  });

  test("of the time they were due where the priority is the same", async () => {
    const { task, starts, work, system } = orderWorld();
    await task.with({ delay: 20 }).addTask("late");
    await task.with({ delay: 10 }).addTask("early");
    await system.advance(30_000);
    await task.addTask("now");
    await work({ concurrency: 1 });
    expect(starts).toEqual(["early", "late", "now"]);
  });

  test("that holds when the slot becomes free, not when they were queued", async () => {
    const { app, task, starts, started } = orderWorld();
    const gate = createGate();
    const blocker = app.task("blocker", () => gate.opened);
    await started({ concurrency: 1 });
    await blocker.addTask();
    await turns();
    await task.addTask("first come");
    await task.with({ priority: -1 }).addTask("more urgent");
    gate.open();
    await turns(30);
    expect(starts).toEqual(["more urgent", "first come"]);
  });

  test("also across different tasks", async () => {
    const { app, task, starts, work } = orderWorld({ taskDefaultPriority: 1 });
    const other = app.task({ name: "other", priority: 0 }, async (name: string) => void starts.push(name));
    await app.addTasks([task("task"), other("other"), task("urgent").with({ priority: -1 })]);
    await work({ concurrency: 1 });
    expect(starts).toEqual(["urgent", "other", "task"]);
  });
});

describe("a worker", () => {
  test("claims at most what it has free slots for", async () => {
    const { app, started } = orderWorld();
    const gate = createGate();
    const held = app.task("held", () => gate.opened);
    await app.addTasks(Array.from({ length: 5 }, () => held()));
    await started({ concurrency: 2 });
    await turns(30);
    expect(await app.counts()).toMatchObject({ process: 2, new: 3 });
    gate.open();
    await turns(30);
    expect(await app.counts()).toMatchObject({ process: 0, new: 0, success: 5 });
  });

  test("has as many slots as maxTasksProcess says", async () => {
    const { app } = orderWorld({ maxTasksProcess: 3 });
    const gate = createGate();
    const held = app.task("held", () => gate.opened);
    await app.addTasks(Array.from({ length: 5 }, () => held()));
    await app.worker.start();
    await turns(30);
    expect(await app.counts()).toMatchObject({ process: 3, new: 2 });
  });

  test("leaves what it has no slot for to others", async () => {
    const here = orderWorld();
    const gate = createGate();
    const held = here.app.task("held", () => gate.opened);
    const there = createWorld({ storage: here.storage, pid: 2 });
    const runsThere: unknown[] = [];
    there.app.task("held", async () => void runsThere.push(1));
    await here.app.addTasks(Array.from({ length: 4 }, () => held()));
    await here.started({ concurrency: 1 });
    await there.started({ name: "w-2", concurrency: 1 });
    await turns(40);
    expect(runsThere).toHaveLength(3);
    gate.open();
  });
});
