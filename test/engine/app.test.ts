import { describe, expect, test } from "vitest";
import { MemoryBroker } from "../../src/brokers/memory/broker.js";
import type { App } from "../../src/engine/app.js";
import { appInCharge } from "../../src/engine/charge.js";
import { createGate, createWorld, turns } from "./world.js";

describe("listing", () => {
  async function listed() {
    const world = createWorld();
    const ok = world.app.task({ name: "ok", tags: ["good"] }, async (n: number) => n);
    const bad = world.app.task("bad", async () => Promise.reject(new Error("x")));
    await ok.addTask(1);
    await world.system.advance(60_000);
    await bad.addTask();
    await world.system.advance(60_000);
    await world.work();
    await ok.with({ tags: ["vip"] }).addTask(2);
    return world;
  }
  const names = (tasks: readonly { taskName: string; args: readonly unknown[] }[]) =>
    tasks.map(({ taskName, args }) => [taskName, ...args].join(" "));

  test("gives the newest first", async () => {
    const { app } = await listed();
    expect(names(await app.list())).toEqual(["ok 2", "bad", "ok 1"]);
  });

  test("can be narrowed by status, task, tag, time and number", async () => {
    const { app, system } = await listed();
    expect(names(await app.list({ status: "success" }))).toEqual(["ok 1"]);
    expect(names(await app.list({ status: ["success", "error"] }))).toEqual(["bad", "ok 1"]);
    expect(names(await app.list({ task: "ok" }))).toEqual(["ok 2", "ok 1"]);
    expect(names(await app.list({ tag: "vip" }))).toEqual(["ok 2"]);
    expect(names(await app.list({ tag: "good" }))).toEqual(["ok 2", "ok 1"]);
    expect(names(await app.list({ since: "90s" }))).toEqual(["ok 2", "bad"]);
    expect(names(await app.list({ since: new Date(system.now().wallMs - 1000) }))).toEqual(["ok 2"]);
    expect(names(await app.list({ limit: 1 }))).toEqual(["ok 2"]);
    expect(names(await app.list({ task: "ok", status: "new" }))).toEqual(["ok 2"]);
  });

  test.each<[string, object]>([
    ["done", { status: "done" }],
    ["-1", { limit: -1 }],
    ["1.5", { limit: 1.5 }],
    ["soon", { since: "soon" }],
  ])("refuses %s", async (text, query) => {
    const { app } = await listed();
    await expect(app.list(query)).rejects.toMatchObject({
      code: "E_BAD_OPTION",
      message: expect.stringContaining(text),
    });
  });

  test("counts by status, also each task apart", async () => {
    const { app } = await listed();
    expect(await app.counts()).toEqual({ new: 1, process: 0, success: 1, error: 1, cancel: 0 });
    expect(await app.countsByTask()).toEqual([
      { name: "bad", new: 0, process: 0, success: 0, error: 1, cancel: 0 },
      { name: "ok", new: 1, process: 0, success: 1, error: 0, cancel: 0 },
    ]);
    expect(await createWorld().app.counts()).toEqual({ new: 0, process: 0, success: 0, error: 0, cancel: 0 });
  });
});

describe("pruning", () => {
  async function finished() {
    const world = createWorld();
    const task = world.app.task("task", async (n: number) => {
      if (n === 3) throw new Error("x");
    });
    for (const n of [1, 2, 3]) {
      await task.addTask(n);
      await world.work();
      await world.system.advance(60_000);
    }
    await task.addTask(4);
    const left = async () => (await world.app.list()).map(({ args }) => args[0]);
    return { ...world, left };
  }

  test("forgets every finished task, and says how many", async () => {
    const { app, left } = await finished();
    expect(await app.prune()).toBe(3);
    expect(await left()).toEqual([4]);
  });

  test("by age, count and status forgets what matches all of them", async () => {
    const byAge = await finished();
    expect(await byAge.app.prune({ age: "90s" })).toBe(2);
    expect(await byAge.left()).toEqual([4, 3]);
    const byCount = await finished();
    expect(await byCount.app.prune({ count: 1 })).toBe(2);
    expect(await byCount.left()).toEqual([4, 3]);
    const byStatus = await finished();
    expect(await byStatus.app.prune({ status: "error" })).toBe(1);
    expect(await byStatus.left()).toEqual([4, 2, 1]);
    const byAll = await finished();
    expect(await byAll.app.prune({ age: 0, count: 1, status: "success" })).toBe(1);
    expect(await byAll.left()).toEqual([4, 3, 2]);
  });

  test.each<[string, object]>([
    ["age", { age: -1 }],
    ["count", { count: -1 }],
    ["count", { count: 1.5 }],
    ["status", { status: "done" }],
  ])("refuses a wrong %s: %o", async (option, query) => {
    const { app, left } = await finished();
    await expect(app.prune(query)).rejects.toMatchObject({
      code: "E_BAD_OPTION",
      message: expect.stringContaining(option),
    });
    expect(await left()).toHaveLength(4);
  });
});

describe("an id", () => {
  const foreign = () =>
    createWorld({ broker: (storage) => Object.assign(new MemoryBroker(storage), { hasForeignIds: true }) });

  test.each<[string, (app: App, id: string) => Promise<unknown>]>([
    ["get", (app, id) => app.get(id)],
    ["wait", (app, id) => app.wait(id)],
    ["list", (app, id) => app.list({ after: id })],
    ["cancel", (app, id) => app.cancel(id)],
    ["retryTask", (app, id) => app.retryTask(id)],
    ["logs", (app, id) => app.logs(id)],
  ])("that no task can have is refused by %s, whatever the queue has in it", async (_, ask) => {
    const refusal = { code: "E_BAD_OPTION", message: expect.stringContaining("is no task id") };
    for (const id of ["17", "Invoice_2026-A"])
      await expect(ask(createWorld().app, id)).rejects.toMatchObject(refusal);
    for (const id of ["", "a\0b", "\ud800", "x".repeat(1001), 17 as unknown as string]) {
      for (const { app } of [createWorld(), foreign()])
        await expect(ask(app, id)).rejects.toMatchObject(refusal);
    }
  });

  test("of any other kind may be asked for where others queue too, as it is written", async () => {
    const { app } = foreign();
    for (const id of ["17", "Invoice_2026-A", "a b"]) {
      expect(await app.get(id)).toBeUndefined();
      expect(await app.logs(id)).toEqual([]);
      for (const refused of [app.wait(id), app.cancel(id), app.retryTask(id)])
        await expect(refused).rejects.toMatchObject({
          code: "E_UNKNOWN_ID",
          message: `No task has the id ${id}.`,
        });
    }
  });

  test("that is a uuid may be in capitals, on every queue", async () => {
    for (const { app } of [createWorld(), foreign()]) {
      const { uuid } = await app.addTask("x");
      expect(await app.get(uuid.toUpperCase())).toMatchObject({ uuid });
    }
  });
});

describe("opening and closing", () => {
  test("opening is done once, by whoever comes first, and tried again after a failure", async () => {
    const { app, broker } = createWorld();
    let opened = 0;
    const failures = [new Error("busy")];
    broker.open = async () => {
      opened += 1;
      const failure = failures.pop();
      if (failure !== undefined) throw failure;
    };
    await expect(app.counts()).rejects.toThrow("busy");
    await Promise.all([app.counts(), app.list(), app.addTask("x")]);
    expect(opened).toBe(2);
  });

  test("closing stops the worker, lets running tasks end, and keeps the tasks", async () => {
    const world = createWorld();
    const gate = createGate();
    const task = world.app.task("task", () => gate.opened);
    const { uuid } = await task.addTask();
    await world.started();
    await turns();
    const closing = world.app.close();
    await turns();
    gate.open();
    await closing;
    expect((await createWorld({ storage: world.storage }).task(uuid)).status).toBe("success");
    expect(world.system.pendingTimers).toBe(0);
    await world.app.close();
  });

  test("the latest application is in charge, until it is closed", async () => {
    const one = createWorld();
    expect(appInCharge()).toBe(one.app);
    const two = createWorld();
    expect(appInCharge()).toBe(two.app);
    await one.app.close();
    expect(appInCharge()).toBe(two.app);
    await two.app.close();
    expect(appInCharge()).toBeUndefined();
  });
});
