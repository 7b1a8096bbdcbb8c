import { describe, expect, test } from "vitest";
import { UnknownIdError } from "../../src/core/errors.js";
import { createGate, createWorld, turns } from "./world.js";

describe("a task that cancels itself", () => {
  test("ends with status cancel and its reason", async () => {
    const world = createWorld();
    const quit = world.app.task({ name: "quit", echo: true }, async ({ ctx }) => {
      ctx.cancel("nothing to do");
    });
    const events = world.record("taskCancel", "taskError", "taskRetry", "taskSuccess");
    const { uuid } = await quit.addTask();
    expect(await world.work()).toMatchObject({ cancelled: 1, succeeded: 0, failed: 0 });
    expect(await world.task(uuid)).toMatchObject({
      status: "cancel",
      cancelReason: "nothing to do",
      error: null,
      returning: null,
      history: [{ attempt: 1, status: "cancel", error: null }],
    });
    expect(events).toMatchObject([{ name: "taskCancel", event: { uuid, reason: "nothing to do" } }]);
  });

  test("without a reason has the reason `<task name>.cancel`", async () => {
    const world = createWorld();
    const quit = world.app.task({ name: "quit", echo: true }, async ({ ctx }) => ctx.cancel());
    const { uuid } = await quit.addTask();
    await world.work();
    expect((await world.task(uuid)).cancelReason).toBe("quit.cancel");
  });

  test("is never retried, whatever its retry and retryOnExc say", async () => {
    const world = createWorld();
    let runs = 0;
    const quit = world.app.task(
      { name: "quit", echo: true, retry: 9, retryOnExc: [Error] },
      async ({ ctx }) => {
        runs += 1;
        ctx.cancel();
      },
    );
    const { uuid } = await quit.addTask();
    await world.work();
    expect(runs).toBe(1);
    expect(await world.task(uuid)).toMatchObject({ status: "cancel", attempt: 1 });
  });

  test("can be a plain function, or a generator amid its values", async () => {
    const world = createWorld();
    const plain = world.app.task({ name: "plain", echo: true }, ({ ctx }) => ctx.cancel("plain"));
    const drained = world.app.task({ name: "drained", echo: true }, function* ({ ctx }) {
      yield 1;
      ctx.cancel("drained");
    });
    const tasks = await world.app.addTasks([plain(), drained()]);
    await world.work();
    for (const { uuid, taskName } of tasks) {
      expect(await world.task(uuid)).toMatchObject({
        status: "cancel",
        cancelReason: taskName,
        returning: null,
      });
    }
  });
});

test.each(["middlewaresBefore", "middlewaresAfter"] as const)("one of its %s cancels it", async (place) => {
  const world = createWorld();
  const ran: string[] = [];
  const task = world.app.task(
    {
      name: "task",
      retry: 3,
      [place]: [({ ctx }: { ctx: { cancel(reason: string): void } }) => ctx.cancel(place)],
    },
    async () => void ran.push("ran"),
  );
  const { uuid } = await task.addTask();
  await world.work();
  expect(await world.task(uuid)).toMatchObject({ status: "cancel", cancelReason: place, attempt: 1 });
  expect(ran).toEqual(place === "middlewaresAfter" ? ["ran"] : []);
});

describe("cancelling from outside", () => {
  test("a queued task means that it never starts", async () => {
    const world = createWorld();
    let runs = 0;
    const task = world.app.task("task", async () => {
      runs += 1;
    });
    const { uuid } = await task.addTask();
    expect(await world.app.cancel(uuid, "changed my mind")).toBe("cancelled");
    await world.work();
    expect(runs).toBe(0);
    expect(await world.task(uuid)).toMatchObject({
      status: "cancel",
      cancelReason: "changed my mind",
      attempt: 0,
      history: [],
    });
  });

  test("without a reason gives `<task name>.cancel`", async () => {
    const { app, task } = createWorld();
    const { uuid } = await app.addTask("mail.send");
    await app.cancel(uuid);
    expect((await task(uuid)).cancelReason).toBe("mail.send.cancel");
  });

  test("a scheduled or a waiting-for-retry task means the same", async () => {
    const world = createWorld();
    const flaky = world.app.task({ name: "flaky", retry: 5, retryDelay: 60 }, async () => {
      throw new Error("x");
    });
    const later = await flaky.with({ delay: 60 }).addTask();
    const retried = await flaky.addTask();
    await world.started();
    await turns();
    for (const { uuid } of [later, retried]) {
      expect(await world.app.cancel(uuid)).toBe("cancelled");
    }
    await world.system.advance(600_000);
    expect(await world.app.counts()).toMatchObject({ cancel: 2, new: 0, process: 0 });
  });

  test("a running task aborts its signal at once, and it ends cancel, whatever it returns", async () => {
    const world = createWorld();
    const stopping = world.record("taskStopping");
    const task = world.app.task({ name: "task", echo: true, retry: 3 }, async ({ ctx }) => {
      await ctx.sleep(60).catch(() => {});
      return "returned all the same";
    });
    const { uuid } = await task.addTask();
    await world.started();
    await turns();
    const before = world.system.now();
    expect(await world.app.cancel(uuid, "enough")).toBe("cancelling");
    await turns();
    expect(world.system.now()).toEqual(before);
    expect(await world.task(uuid)).toMatchObject({
      status: "cancel",
      cancelReason: "enough",
      returning: null,
      attempt: 1,
      history: [{ status: "cancel" }],
    });
    expect(stopping).toMatchObject([{ event: { uuid, reason: "cancel" } }]);
  });

  test("a running task that does not listen is given up after killGrace", async () => {
    const world = createWorld({ config: { killGrace: 2 } });
    const deaf = world.app.task("deaf", async () => await new Promise(() => {}));
    const { uuid } = await deaf.addTask();
    await world.started();
    await turns();
    await world.app.cancel(uuid);
    await world.system.advance(1900);
    expect((await world.task(uuid)).status).toBe("process");
    await world.system.advance(100);
    await turns();
    expect((await world.task(uuid)).status).toBe("cancel");
  });

  test("a running task of another process reaches it", async () => {
    const here = createWorld();
    const there = createWorld({ storage: here.storage, pid: 2 });
    there.app.task({ name: "task", echo: true }, async ({ ctx }) => await ctx.sleep(600));
    const { uuid } = await here.app.addTask("task");
    await there.started();
    await turns();
    expect(await here.app.cancel(uuid)).toBe("cancelling");
    await turns();
    expect((await here.task(uuid)).status).toBe("cancel");
  });

  test("a finished task changes nothing", async () => {
    const world = createWorld();
    const task = world.app.task("task", async () => 1);
    const { uuid } = await task.addTask();
    await world.work();
    expect(await world.app.cancel(uuid, "too late")).toBe("finished");
    expect(await world.task(uuid)).toMatchObject({ status: "success", returning: 1, cancelReason: null });
  });

  test("an unknown task is an error", async () => {
    const { app } = createWorld();
    await expect(app.cancel("01890000-0000-7000-8000-000000000001")).rejects.toThrow(UnknownIdError);
  });

  test("twice keeps the first reason", async () => {
    const world = createWorld();
    const gate = createGate();
    const task = world.app.task("task", () => gate.opened);
    const { uuid } = await task.addTask();
    await world.started();
    await turns();
    const answers = await Promise.all([world.app.cancel(uuid, "first"), world.app.cancel(uuid, "second")]);
    expect(answers).toEqual(["cancelling", "cancelling"]);
    await world.during(world.app.wait(uuid));
    expect((await world.task(uuid)).cancelReason).toBe("first");
  });

  test("racing with the task's own end gives one outcome, and no retry", async () => {
    const world = createWorld();
    const events = world.record("taskSuccess", "taskCancel", "taskRetry", "taskError");
    const flaky = world.app.task({ name: "flaky", retry: 9 }, async (n: number) => {
      await turns(n);
      throw new Error("x");
    });
    const tasks = await world.app.addTasks(Array.from({ length: 12 }, (_, n) => flaky(n)));
    const worker = await world.started({ concurrency: 12 });
    await turns(6);
    await Promise.all(tasks.map(({ uuid }) => world.app.cancel(uuid, "now")));
    await world.during(Promise.all(tasks.map(({ uuid }) => world.app.wait(uuid))));
    await world.during(worker.stop());
    expect(await world.app.counts()).toMatchObject({ cancel: 12, error: 0, success: 0, new: 0 });
    for (const { uuid } of tasks) {
      const ends = events.filter(
        ({ name, event }) => name === "taskCancel" && "uuid" in event && event.uuid === uuid,
      );
      expect(ends.length).toBeLessThanOrEqual(1);
    }
  });
});
