import { describe, expect, test } from "vitest";
import { BadOptionError, MaxTimeError } from "../../src/core/errors.js";
import type { TaskOptions } from "../../src/engine/schema.js";
import { createWorld, type World } from "./world.js";

class SmtpError extends Error {}
class BusyError extends SmtpError {}

/** A world with a task that throws what it is given, one thing at each attempt, and then succeeds. */
function failingWorld<const O extends Omit<TaskOptions, "echo">>(options: O) {
  const world = createWorld();
  const attempts: { attempt: number; fence: number; uuid: string }[] = [];
  const throws: unknown[] = [];
  const task = world.app.task({ name: "flaky", ...options, echo: true }, async (self) => {
    const { attempt, fence, taskUuid: uuid } = self.ctx;
    attempts.push({ attempt, fence, uuid });
    if (attempts.length <= throws.length) throw throws[attempts.length - 1];
    return "done";
  });
  const run = async (...thrown: unknown[]) => {
    throws.push(...thrown);
    const { uuid } = await task.addTask();
    await world.work();
    return await world.task(uuid);
  };
  return { ...world, attempts, run };
}

/** When each attempt was due, in seconds after the first. */
async function pauses(world: World): Promise<readonly number[]> {
  const [task] = await world.app.list();
  const starts = (task?.history ?? []).map((run) => run.startedAt.getTime());
  return starts.map((start) => (start - (starts[0] ?? 0)) / 1000);
}

describe("a failed attempt is followed by another", () => {
  test("of the same task, under the same uuid, with each run in its history", async () => {
    const { run, attempts } = failingWorld({ retry: 2 });
    const task = await run(new SmtpError("first"), new SmtpError("second"));
    expect(task).toMatchObject({ status: "success", returning: "done", attempt: 3, error: null });
    expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(new Set(attempts.map(({ uuid }) => uuid))).toEqual(new Set([task.uuid]));
    expect(
      task.history.map(({ attempt, status, error, worker }) => [attempt, status, error?.message, worker]),
    ).toEqual([
      [1, "error", "first", "w-1"],
      [2, "error", "second", "w-1"],
      [3, "success", undefined, "w-1"],
    ]);
  });

  test("with a fence that rises", async () => {
    const { run, attempts } = failingWorld({ retry: 1 });
    await run(new Error("x"));
    expect(attempts[1]?.fence).toBeGreaterThan(attempts[0]?.fence ?? Number.POSITIVE_INFINITY);
  });

  test("until the retries are used up; the last error stays", async () => {
    const { run, attempts } = failingWorld({ retry: 1 });
    const task = await run(new Error("first"), new Error("second"), new Error("third"));
    expect(attempts).toHaveLength(2);
    expect(task).toMatchObject({ status: "error", attempt: 2, error: { message: "second" } });
    expect(task.traceback).toContain("second");
  });

  test("not without `retry`", async () => {
    const { run, attempts } = failingWorld({});
    expect(await run(new Error("x"))).toMatchObject({ status: "error", attempt: 1 });
    expect(attempts).toHaveLength(1);
  });

  test("as often as the call said, which is stronger than the task", async () => {
    const world = failingWorld({ retry: 5 });
    const { uuid } = await world.app.addTask("flaky", [], { retry: 0 });
    world.attempts.length = 0;
    await world.run(new Error("x"), new Error("x"));
    expect(await world.task(uuid)).toMatchObject({ status: "error", attempt: 1, retry: 0 });
  });

  test("and is told as taskRetry, only the last one as taskError", async () => {
    const world = failingWorld({ retry: 1, retryDelay: 2 });
    const events = world.record("taskRunning", "taskRetry", "taskError", "taskSuccess");
    await world.run(new Error("first"), new Error("second"));
    expect(events.map(({ name }) => name)).toEqual(["taskRunning", "taskRetry", "taskRunning", "taskError"]);
    expect(events[1]?.event).toMatchObject({
      attempt: 1,
      error: { message: "first" },
      runAt: new Date(Date.UTC(2026, 0, 1, 0, 0, 2)),
    });
    expect(events[3]?.event).toMatchObject({ attempt: 2, error: { message: "second" } });
  });
});

describe("retryOnExc", () => {
  test("retries an error of a listed class, and of its subclasses", async () => {
    const { run } = failingWorld({ retry: 2, retryOnExc: [TypeError, SmtpError] });
    expect(await run(new SmtpError("x"), new BusyError("y"))).toMatchObject({
      status: "success",
      attempt: 3,
    });
  });

  test("does not retry another error", async () => {
    const { run } = failingWorld({ retry: 5, retryOnExc: [BusyError] });
    expect(await run(new SmtpError("parent class"))).toMatchObject({ status: "error", attempt: 1 });
  });

  test("does not retry what is no error", async () => {
    const { run } = failingWorld({ retry: 5, retryOnExc: [Error] });
    expect(await run("text")).toMatchObject({ status: "error", attempt: 1, error: { message: "text" } });
  });

  test("that is empty retries nothing", async () => {
    const { run } = failingWorld({ retry: 5, retryOnExc: [] });
    expect(await run(new Error("x"))).toMatchObject({ status: "error", attempt: 1 });
  });

  test("left out, retries anything that is thrown", async () => {
    const { run } = failingWorld({ retry: 3 });
    expect(await run("text", undefined, { code: 5 })).toMatchObject({ status: "success", attempt: 4 });
  });

  test.each([
    [[MaxTimeError], 2],
    [[SmtpError], 1],
  ] as const)("covers the time limit where MaxTimeError is listed: %o", async (retryOnExc, attempts) => {
    const world = createWorld();
    const slow = world.app.task(
      { name: "slow", retry: 1, retryOnExc, maxTime: 1, echo: true },
      async (self) => await self.ctx.sleep(60),
    );
    const { uuid } = await slow.addTask();
    await world.work();
    expect(await world.task(uuid)).toMatchObject({
      status: "error",
      attempt: attempts,
      error: { code: "E_MAX_TIME" },
    });
  });

  test("whose class cannot tell leaves the error to be retried", async () => {
    class Hostile extends Error {
      static override [Symbol.hasInstance](): boolean {
        throw new Error("no");
      }
    }
    const { run } = failingWorld({ retry: 1, retryOnExc: [Hostile] });
    expect(await run(new Error("x"))).toMatchObject({ status: "success", attempt: 2 });
  });
});

describe("retryDelay", () => {
  test("in seconds, or as text, waits that long before each further attempt", async () => {
    const seconds = failingWorld({ retry: 2, retryDelay: 5 });
    await seconds.run(1, 2);
    expect(await pauses(seconds)).toEqual([0, 5, 10]);
    const text = failingWorld({ retry: 1, retryDelay: "1m" });
    await text.run(1);
    expect(await pauses(text)).toEqual([0, 60]);
  });

  test("left out, does not wait", async () => {
    const world = failingWorld({ retry: 3 });
    await world.run(1, 2, 3);
    expect(await pauses(world)).toEqual([0, 0, 0, 0]);
  });

  test("as base, factor and max grows from one attempt to the next", async () => {
    const world = failingWorld({ retry: 4, retryDelay: { base: 1, factor: 3, max: 10 } });
    await world.run(1, 2, 3, 4);
    expect(await pauses(world)).toEqual([0, 1, 4, 13, 23]);
  });

  test("as a function is asked with the attempt that failed and its error", async () => {
    const asked: unknown[] = [];
    const retryDelay = (attempt: number, error: unknown) => {
      asked.push([attempt, error]);
      return attempt === 1 ? "2s" : 7;
    };
    const world = failingWorld({ retry: 2, retryDelay });
    const [first, second] = [new Error("first"), new Error("second")];
    await world.run(first, second);
    expect(asked).toEqual([
      [1, first],
      [2, second],
    ]);
    expect(await pauses(world)).toEqual([0, 2, 9]);
  });

  test.each<[string, () => number]>([
    [
      "throws",
      () => {
        throw new Error("no");
      },
    ],
    ["gives no duration", () => -1],
  ])("as a function that %s leaves the task to be tried again at once", async (_, retryDelay) => {
    const world = failingWorld({ retry: 1, retryDelay });
    expect(await world.run(1)).toMatchObject({ status: "success", attempt: 2 });
    expect(await pauses(world)).toEqual([0, 0]);
  });

  test("spreads by jitter, with the application's own dice", async () => {
    const world = failingWorld({ retry: 1, retryDelay: { base: 100, jitter: 0.5 } });
    await world.run(1);
    const [, pause = 0] = await pauses(world);
    expect(pause).toBeGreaterThan(50);
    expect(pause).toBeLessThan(100);
  });

  test("while it lasts the task is new, due at its time, and shows nothing of the failed run but its history", async () => {
    const { app, started, system, task } = createWorld();
    const flaky = app.task({ name: "flaky", retry: 1, retryDelay: 10 }, async () => {
      throw new Error("x");
    });
    const { uuid } = await flaky.addTask();
    await started();
    await system.advance(1000);
    expect(await task(uuid)).toMatchObject({
      status: "new",
      attempt: 1,
      runAt: new Date(Date.UTC(2026, 0, 1, 0, 0, 10)),
      error: null,
      traceback: null,
      startedAt: null,
      history: [{ status: "error", error: { message: "x" } }],
    });
  });
});

describe("putting a finished task back in line", () => {
  test("runs the same task again with its attempts counted anew; its history stays", async () => {
    const { app, run, work, task, attempts } = failingWorld({ retry: 1 });
    const failed = await run(new Error("a"), new Error("b"));
    expect(failed.status).toBe("error");
    const again = await app.retryTask(failed.uuid);
    expect(again).toMatchObject({
      uuid: failed.uuid,
      status: "new",
      attempt: 0,
      error: null,
      finishedAt: null,
    });
    await work();
    const done = await task(failed.uuid);
    expect(done).toMatchObject({ status: "success", attempt: 1, returning: "done" });
    expect(done.history.map(({ status }) => status)).toEqual(["error", "error", "success"]);
    expect(attempts).toHaveLength(3);
  });

  test("is refused while it waits, and for a task that is not there", async () => {
    const { app } = failingWorld({});
    const { uuid } = await app.addTask("flaky");
    await expect(app.retryTask(uuid)).rejects.toMatchObject({
      code: "E_NOT_FINISHED",
      message: expect.stringContaining('"new"'),
    });
    await expect(app.retryTask("01890000-0000-7000-8000-000000000001")).rejects.toMatchObject({
      code: "E_UNKNOWN_ID",
    });
    await expect(app.retryTask("nonsense")).rejects.toThrow(BadOptionError);
  });
});
