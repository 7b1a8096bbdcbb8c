import { describe, expect, test } from "vitest";
import { AsyncTaskExecutor } from "../../src/executors/async.js";
import { BaseTaskExecutor, TaskMiddleware } from "../../src/executors/base.js";
import { SyncTaskExecutor } from "../../src/executors/sync.js";
import type { Middleware, TaskExecutor } from "../../src/ports/execution.js";
import { createWorld } from "../engine/world.js";

interface Middlewares {
  readonly middlewaresBefore?: readonly Middleware[];
  readonly middlewaresAfter?: readonly Middleware[];
}

async function run(func: (...args: never[]) => unknown, options: object = {}, args: readonly unknown[] = []) {
  const world = createWorld();
  world.app.task({ name: "task", ...options }, func);
  const { uuid } = await world.app.addTask("task", args);
  await world.work();
  return await world.task(uuid);
}

/** Middlewares and a function that write down when they run. */
function logged() {
  const log: string[] = [];
  const note = (text: string) => () => void log.push(text);
  const noteAndThrow = (text: string) => () => {
    log.push(text);
    throw new Error(text);
  };
  return { log, note, noteAndThrow };
}

describe("middlewares", () => {
  test("run around the function, each list in its order", async () => {
    const { log, note } = logged();
    await run(note("task"), {
      middlewaresBefore: [note("before 1"), async () => note("before 2")()],
      middlewaresAfter: [note("after 1"), note("after 2")],
    } satisfies Middlewares);
    expect(log).toEqual(["before 1", "before 2", "task", "after 1", "after 2"]);
  });

  test("are waited for", async () => {
    const { log, note } = logged();
    const slow = async () => {
      for (let turn = 0; turn < 20; turn++) await null;
      log.push("slow");
    };
    await run(note("task"), { middlewaresBefore: [slow], middlewaresAfter: [slow, note("end")] });
    expect(log).toEqual(["slow", "task", "slow", "end"]);
  });

  test("are given the executor: the task, the context, the arguments, the result", async () => {
    const seen: unknown[] = [];
    const look = (executor: TaskExecutor) =>
      void seen.push([
        executor.task.name,
        executor.ctx.attempt,
        [...executor.args],
        executor.result,
        executor.error,
      ]);
    await run(async (n: number) => n * 2, { middlewaresBefore: [look], middlewaresAfter: [look] }, [21]);
    expect(seen).toEqual([
      ["task", 1, [21], undefined, undefined],
      ["task", 1, [21], 42, undefined],
    ]);
  });

  test("may be classes, each run with a fresh instance", async () => {
    const instances: TaskMiddleware[] = [];
    class Counting extends TaskMiddleware {
      runs = 0;
      handle() {
        this.runs += 1;
        instances.push(this);
      }
    }
    class Alike {
      handle(executor: TaskExecutor) {
        executor.args.push("alike");
      }
    }
    const world = createWorld();
    const task = world.app.task(
      { name: "task", middlewaresBefore: [Counting, Alike], middlewaresAfter: [Counting] },
      async (...args: string[]) => args,
    );
    const tasks = await world.app.addTasks([task(), task()]);
    await world.work();
    expect((await world.task(tasks[0]?.uuid ?? "")).returning).toEqual(["alike"]);
    expect(new Set(instances).size).toBe(4);
    expect(instances.map((instance) => (instance as Counting).runs)).toEqual([1, 1, 1, 1]);
  });

  test("are a fresh chain each run, retries included", async () => {
    const { log, note } = logged();
    await run(
      () => {
        log.push("task");
        throw new Error("x");
      },
      { retry: 2, middlewaresBefore: [note("before")], middlewaresAfter: [note("after")] },
    );
    expect(log).toEqual(["before", "task", "after", "before", "task", "after", "before", "task", "after"]);
  });
});

describe("a middleware before the task", () => {
  test("may change the arguments in place or replace them", async () => {
    const pushes = (executor: TaskExecutor) => void executor.args.push("pushed");
    const replaces = (executor: TaskExecutor) => {
      executor.args = ["first", ...executor.args];
    };
    const task = await run((...args: string[]) => args, { middlewaresBefore: [pushes, replaces] }, ["given"]);
    expect(task.returning).toEqual(["first", "given", "pushed"]);
    expect(task.args).toEqual(["given"]);
  });

  test("that throws fails the task: the function does not run, the next ones neither", async () => {
    const { log, note, noteAndThrow } = logged();
    const task = await run(note("task"), { middlewaresBefore: [noteAndThrow("refused"), note("next")] });
    expect(task).toMatchObject({ status: "error", error: { message: "refused" } });
    expect(log).toEqual(["refused"]);
  });

  test("that throws is retried as an error of the task", async () => {
    let times = 0;
    const once = () => {
      times += 1;
      if (times === 1) throw new Error("not yet");
    };
    expect(await run(() => "ran", { retry: 1, middlewaresBefore: [once] })).toMatchObject({
      status: "success",
      attempt: 2,
    });
  });
});

describe("middlewares after the task", () => {
  test("run also when the function failed, and see what was thrown", async () => {
    const thrown = new Error("x");
    const seen: unknown[] = [];
    const look = ({ error, result }: TaskExecutor) => void seen.push(error, result);
    await run(
      () => {
        throw thrown;
      },
      { middlewaresAfter: [look] },
    );
    expect(seen).toEqual([thrown, undefined]);
  });

  test("run also when one before the task failed", async () => {
    const { log, note, noteAndThrow } = logged();
    await run(note("task"), {
      middlewaresBefore: [noteAndThrow("before")],
      middlewaresAfter: [note("after")],
    });
    expect(log).toEqual(["before", "after"]);
  });

  test("all run, although one of them throws; the last error is the task's", async () => {
    const { log, note, noteAndThrow } = logged();
    const task = await run(note("task"), {
      middlewaresAfter: [noteAndThrow("first"), noteAndThrow("second"), note("third")],
    });
    expect(log).toEqual(["task", "first", "second", "third"]);
    expect(task).toMatchObject({ status: "error", error: { message: "second" } });
  });

  test("may change the result, before it is decoded", async () => {
    const doubles = (executor: TaskExecutor) => {
      executor.result = (executor.result as number) * 2;
    };
    const decode = (result: unknown) => ({ decoded: result });
    expect((await run(() => 21, { middlewaresAfter: [doubles], decode })).returning).toEqual({ decoded: 42 });
  });

  test("may replace the error, or take it away and put a result there", async () => {
    const fails = () => {
      throw new Error("low");
    };
    const replaces = (executor: TaskExecutor) => {
      executor.error = new TypeError("high");
    };
    const mends = (executor: TaskExecutor) => {
      executor.error = undefined;
      executor.result = "mended";
    };
    expect((await run(fails, { middlewaresAfter: [replaces] })).error).toMatchObject({ name: "TypeError" });
    expect(await run(fails, { middlewaresAfter: [mends] })).toMatchObject({
      status: "success",
      returning: "mended",
      error: null,
    });
  });

  test.each(["middlewaresBefore", "middlewaresAfter"])(
    "%s that throw undefined fail the task",
    async (place) => {
      const throwsNothing = () => {
        throw undefined;
      };
      expect(await run(() => 1, { [place]: [throwsNothing] })).toMatchObject({
        status: "error",
        error: { message: expect.stringContaining("undefined") },
      });
    },
  );
});

describe("an executor of one's own", () => {
  function steps(Base: typeof AsyncTaskExecutor | typeof SyncTaskExecutor) {
    const log: string[] = [];
    class Own extends (Base as typeof AsyncTaskExecutor) {
      override async executeMiddlewaresBefore() {
        log.push("executeMiddlewaresBefore");
        await super.executeMiddlewaresBefore();
      }
      override async beforeExecute() {
        log.push("beforeExecute");
      }
      override async runTask() {
        log.push("runTask");
        return await super.runTask();
      }
      override async runTaskGen() {
        log.push("runTaskGen");
        return await super.runTaskGen();
      }
      override async afterExecute() {
        log.push("afterExecute");
      }
      override async executeMiddlewaresAfter() {
        log.push("executeMiddlewaresAfter");
        await super.executeMiddlewaresAfter();
      }
      override async decode() {
        log.push("decode");
        return await super.decode();
      }
    }
    return { log, Own };
  }

  test.each<[string, typeof AsyncTaskExecutor | typeof SyncTaskExecutor, () => unknown, string]>([
    ["an async function", AsyncTaskExecutor, async () => 1, "runTask"],
    ["a plain function", SyncTaskExecutor, () => 1, "runTask"],
    ["an async generator", AsyncTaskExecutor, async function* () {}, "runTaskGen"],
    ["a generator", SyncTaskExecutor, function* () {}, "runTaskGen"],
  ])("has its steps called in order for %s", async (_, Base, func, runs) => {
    const { log, Own } = steps(Base);
    expect((await run(func, { executor: Own })).status).toBe("success");
    expect(log).toEqual([
      "executeMiddlewaresBefore",
      "beforeExecute",
      runs,
      "afterExecute",
      "executeMiddlewaresAfter",
      "decode",
    ]);
  });

  test("after a failure goes on with the middlewares after the task, and no further", async () => {
    const { log, Own } = steps(AsyncTaskExecutor);
    await run(async () => Promise.reject(new Error("x")), { executor: Own });
    expect(log).toEqual(["executeMiddlewaresBefore", "beforeExecute", "runTask", "executeMiddlewaresAfter"]);
  });

  test("is made anew for each run", async () => {
    const made: BaseTaskExecutor[] = [];
    class Own extends AsyncTaskExecutor {
      constructor(...given: ConstructorParameters<typeof AsyncTaskExecutor>) {
        super(...given);
        made.push(this);
      }
    }
    await run(async () => Promise.reject(new Error("x")), { executor: Own, retry: 2 });
    expect(new Set(made).size).toBe(3);
  });

  test("may run the task in its own way", async () => {
    class Twice extends BaseTaskExecutor {
      async runTask() {
        return [await this.callFunction(), await this.callFunction()];
      }
      async runTaskGen() {
        return [];
      }
    }
    let calls = 0;
    const count = () => {
      calls += 1;
      return calls;
    };
    expect((await run(count, { executor: Twice })).returning).toEqual([1, 2]);
  });

  test("whose step throws fails the task", async () => {
    class Failing extends AsyncTaskExecutor {
      override async beforeExecute() {
        throw new Error("not ready");
      }
    }
    expect(await run(async () => 1, { executor: Failing })).toMatchObject({
      status: "error",
      error: { message: "not ready" },
    });
  });

  test("whose constructor throws fails the task", async () => {
    class Failing extends AsyncTaskExecutor {
      constructor(...given: ConstructorParameters<typeof AsyncTaskExecutor>) {
        super(...given);
        throw new Error("no room");
      }
    }
    expect((await run(async () => 1, { executor: Failing })).error?.message).toBe("no room");
  });
});
