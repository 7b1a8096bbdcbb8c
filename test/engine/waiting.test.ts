import { describe, expect, test } from "vitest";
import {
  BadOptionError,
  TaskCancelledError,
  TaskFailedError,
  UnknownIdError,
  WaitTimeoutError,
} from "../../src/core/errors.js";
import { AsyncResult } from "../../src/engine/result.js";
import { createWorld, turns } from "./world.js";

const NOBODY = "01890000-0000-7000-8000-000000000001";

function resultWorld(config = {}) {
  const world = createWorld({ config });
  const double = world.app.task("double", async (n: number) => n * 2);
  const fail = world.app.task("fail", async (message: string): Promise<string> => {
    throw Object.assign(new TypeError(message), { code: "ENOENT" });
  });
  const quit = world.app.task({ name: "quit", echo: true }, async (self, reason?: string) => {
    self.ctx.cancel(reason);
  });
  return { ...world, double, fail, quit };
}

describe("queueing with a timeout waits for the result", () => {
  test("and resolves once the task has succeeded, without time moving on", async () => {
    const { double, started, system } = resultWorld();
    await started();
    const before = system.now();
    const result = await double.with({ timeout: 5 }).addTask(21);
    expect(result).toBeInstanceOf(AsyncResult);
    expect(result).toMatchObject({
      status: "success",
      done: true,
      returning: 42,
      error: null,
      traceback: null,
      cancelReason: null,
      attempt: 1,
    });
    expect(result.task).toMatchObject({ uuid: result.uuid, taskName: "double", args: [21] });
    expect(system.now()).toEqual(before);
  });

  test("of a prebuilt call, and of a call by name, too", async () => {
    const { app, double, started } = resultWorld();
    await started();
    expect((await double(1).with({ timeout: "5s" }).addTask()).returning).toBe(2);
    expect((await app.addTask("double", [2], { timeout: 5 })).returning).toBe(4);
  });

  test("does not throw because the task failed", async () => {
    const { fail, started } = resultWorld();
    await started();
    const result = await fail.with({ timeout: 5 }).addTask("no such file");
    expect(result).toMatchObject({
      status: "error",
      done: true,
      returning: null,
      error: { name: "TypeError", message: "no such file", code: "ENOENT" },
      traceback: expect.stringContaining("no such file"),
    });
  });

  test("tells of a cancellation with its reason", async () => {
    const { quit, started } = resultWorld();
    await started();
    const result = await quit.with({ timeout: 5 }).addTask("enough");
    expect(result).toMatchObject({ status: "cancel", done: true, cancelReason: "enough", error: null });
  });

  test("is not done when the time is over: the task goes on and can be waited for again", async () => {
    const { double, during, started, system } = resultWorld();
    const beforeMs = system.now().monoMs;
    const result = await during(double.with({ timeout: 3 }).addTask(1));
    expect(system.now().monoMs - beforeMs).toBe(3000);
    expect(result).toMatchObject({ done: false, status: "new", returning: null, attempt: 0 });
    expect(await during(result.wait("1s"))).toBe(result);
    expect(result.done).toBe(false);
    await started();
    expect(await result.wait(5)).toBe(result);
    expect(result).toMatchObject({ done: true, status: "success", returning: 2, attempt: 1 });
    expect((await result.wait(5)).returning).toBe(2);
  });

  test("with 0 looks once", async () => {
    const { double, app, work } = resultWorld();
    const result = await double.with({ timeout: 0 }).addTask(1);
    expect(result).toMatchObject({ done: false, status: "new" });
    await work();
    expect(await app.wait(result.uuid, 0)).toMatchObject({ done: true, returning: 2 });
  });

  test("with null or undefined does not wait", async () => {
    const { double } = resultWorld();
    expect((await double.with({ timeout: null }).addTask(1)).status).toBe("new");
    expect((await double.with({ timeout: 5 }).with({ timeout: undefined }).addTask(1)).status).toBe("new");
  });

  test("ends at the statuses that the config names", async () => {
    const { double, fail, during, started } = resultWorld({ resultStatusesEnd: ["success"] });
    await started();
    expect(await during(fail.with({ timeout: 3 }).addTask("x"))).toMatchObject({
      done: false,
      status: "error",
    });
    expect(await during(double.with({ timeout: 3 }).addTask(1))).toMatchObject({
      done: true,
      status: "success",
    });
  });
});

describe("the value of a result", () => {
  test("is what the task returned", async () => {
    const { double, started } = resultWorld();
    await started();
    expect(await (await double.with({ timeout: 5 }).addTask(21)).value()).toBe(42);
  });

  test("is null where the task returned nothing", async () => {
    const { app, started } = resultWorld();
    const nothing = app.task("nothing", async () => {});
    await started();
    expect(await (await nothing.with({ timeout: 5 }).addTask()).value()).toBeNull();
  });

  test("of a failed task throws TaskFailedError, with the task's own code", async () => {
    const { fail, started } = resultWorld();
    await started();
    const result = await fail.with({ timeout: 5 }).addTask("gone");
    const error = await result.value().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TaskFailedError);
    expect(error).toMatchObject({
      uuid: result.uuid,
      code: "ENOENT",
      message: "fail failed: gone",
      cause: { name: "TypeError", message: "gone" },
    });
  });

  test("of a cancelled task throws TaskCancelledError, with the reason", async () => {
    const { quit, started } = resultWorld();
    await started();
    const error = await (await quit.with({ timeout: 5 }).addTask())
      .value()
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TaskCancelledError);
    expect(error).toMatchObject({ code: "E_CANCELLED", reason: "quit.cancel" });
  });

  test("of a task that is not finished throws WaitTimeoutError", async () => {
    const { double } = resultWorld();
    const result = await double.with({ timeout: 0 }).addTask(1);
    const error = await result.value().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(WaitTimeoutError);
    expect(error).toMatchObject({ code: "E_WAIT_TIMEOUT", message: expect.stringContaining('"new"') });
  });
});

test("a result is plain data as JSON", async () => {
  const { double, started } = resultWorld();
  await started();
  const result = await double.with({ timeout: 5 }).addTask(1);
  const data = JSON.parse(JSON.stringify(result));
  expect(Object.keys(data)).toEqual(
    "uuid status done returning error traceback cancelReason attempt task".split(" "),
  );
  expect(data).toMatchObject({
    status: "success",
    returning: 2,
    task: { createdAt: "2026-01-01T00:00:00.000Z" },
  });
});

describe("looking at a task", () => {
  test("gives it, or undefined where there is none", async () => {
    const { app, double } = resultWorld();
    const { uuid } = await double.addTask(1);
    expect(await app.get(uuid)).toMatchObject({ uuid, status: "new" });
    expect(await app.get(uuid.toUpperCase())).toMatchObject({ uuid });
    expect(await app.get(NOBODY)).toBeUndefined();
  });

  test.each(["", "5", "01890000", `${NOBODY}0`, `{${NOBODY}}`, null, undefined, 5])(
    "with the malformed uuid %o is an error",
    async (uuid) => {
      const { app } = resultWorld();
      await expect(app.get(uuid as string)).rejects.toThrow(BadOptionError);
      await expect(app.wait(uuid as string, 1)).rejects.toThrow(BadOptionError);
      await expect(app.cancel(uuid as string)).rejects.toThrow(BadOptionError);
      await expect(app.retryTask(uuid as string)).rejects.toThrow(BadOptionError);
    },
  );

  test("waiting for one that is not there is an error, and does not wait", async () => {
    const { app } = resultWorld();
    await expect(app.wait(NOBODY, 5)).rejects.toThrow(UnknownIdError);
    await expect(app.wait(NOBODY, 0)).rejects.toThrow(UnknownIdError);
  });
});

describe("a waiter", () => {
  test("without a timeout waits to the end", async () => {
    const { app, double, started, system } = resultWorld();
    const { uuid } = await double.with({ delay: "1h" }).addTask(1);
    let done = false;
    const waiting = app.wait(uuid).then((result) => {
      done = result.done;
      return result;
    });
    await system.advance(3_000_000);
    expect(done).toBe(false);
    await started();
    await system.advance(601_000);
    expect((await waiting).returning).toBe(2);
  });

  test("is woken by a result of another process, without time moving on", async () => {
    const here = resultWorld();
    const there = createWorld({ storage: here.storage, pid: 2 });
    there.app.task("double", async (n: number) => n * 3);
    await there.started();
    expect((await here.double.with({ timeout: 5 }).addTask(1)).returning).toBe(3);
  });

  test("shares one subscription and one look with all the others", async () => {
    const { app, double, broker, work } = resultWorld();
    let subscriptions = 0;
    let looks = 0;
    const { subscribe, getMany } = broker;
    broker.subscribe = (listener) => {
      if (listener.settled) subscriptions += 1;
      return subscribe.call(broker, listener);
    };
    broker.getMany = (uuids) => {
      looks += uuids.length > 0 ? 1 : 0;
      return getMany.call(broker, uuids);
    };
    const tasks = await app.addTasks(Array.from({ length: 100 }, (_, n) => double(n)));
    const waiting = Promise.all(tasks.map(({ uuid }) => app.wait(uuid, 60)));
    await turns();
    await work();
    expect((await waiting).map((result) => result.returning)).toEqual(tasks.map((_, n) => n * 2));
    expect(subscriptions).toBe(1);
    expect(looks).toBeLessThan(100);
  });

  test("finds a result whose wake-up was lost at the next safety poll", async () => {
    const { double, broker, during, started, system } = resultWorld({ resultTimeInterval: 2 });
    broker.subscribe = async () => () => {};
    await started();
    const beforeMs = system.now().monoMs;
    const result = await during(double.with({ timeout: 60 }).addTask(1));
    expect(result.done).toBe(true);
    // One poll for the worker to see the task, and one for the waiter to see the result.
    expect(system.now().monoMs - beforeMs).toBeLessThanOrEqual(4000);
  });

  test("sees a result that came between queueing and waiting", async () => {
    const { app, double, work } = resultWorld();
    const { uuid } = await double.addTask(1);
    await work();
    expect(await app.wait(uuid, 5)).toMatchObject({ done: true, returning: 2 });
  });

  test("is told when the task is forgotten meanwhile", async () => {
    const { app, broker, double, during } = resultWorld();
    broker.subscribe = async () => () => {};
    const { uuid } = await double.addTask(1);
    const waiting = app.wait(uuid, 60);
    waiting.catch(() => {});
    await turns();
    await app.cancel(uuid);
    await app.prune();
    await expect(during(waiting)).rejects.toThrow(UnknownIdError);
  });

  test("is told when the broker cannot be asked, and the next one asks anew", async () => {
    const { app, double, broker, work } = resultWorld();
    const { uuid } = await double.addTask(1);
    await work();
    const { subscribe, getMany } = broker;
    broker.subscribe = async () => {
      throw new Error("no connection");
    };
    await expect(app.wait(uuid, 60)).rejects.toThrow("no connection");
    broker.subscribe = subscribe;
    broker.getMany = async () => {
      throw new Error("locked");
    };
    await expect(app.wait(uuid, 60)).rejects.toThrow("locked");
    broker.getMany = getMany;
    expect((await app.wait(uuid, 60)).done).toBe(true);
    await app.close();
  });

  test("is told when the application closes, and keeps nothing waiting", async () => {
    const { app, double, system } = resultWorld();
    const { uuid } = await double.addTask(1);
    const waiting = app.wait(uuid);
    waiting.catch(() => {});
    await turns();
    await app.close();
    await expect(waiting).rejects.toMatchObject({ code: "E_CLOSED" });
    expect(system.pendingTimers).toBe(0);
  });
});
