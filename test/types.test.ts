import { describe, expectTypeOf, test } from "vitest";
import * as z from "zod";
import {
  type App,
  type AsyncResult,
  type AsyncTask,
  defineConfig,
  type Json,
  Router,
  type RunningTask,
  type SyncTask,
  sharedTask,
  type Task,
  type TaskContext,
  taskOf,
} from "../src/index.js";

// Types are checked by the compiler: nothing below is ever called.
declare const app: App;
const types = (_: () => unknown) => () => {};

interface Receipt {
  accepted: boolean;
  at?: string;
}
declare function send(to: string, copies?: number): Promise<Receipt>;

describe("arguments and result are inferred from the function", () => {
  test(
    "given alone",
    types(async () => {
      const task = app.task(send);
      expectTypeOf(task).toEqualTypeOf<AsyncTask<[to: string, copies?: number], Receipt>>();
      expectTypeOf(task.addTask).parameters.toEqualTypeOf<[to: string, copies?: number]>();
      expectTypeOf(await task.addTask("a")).toEqualTypeOf<Task<Receipt>>();
      expectTypeOf((await task.addTask("a")).returning).toEqualTypeOf<Receipt | null>();
    }),
  );

  test(
    "given with a name",
    types(() => {
      expectTypeOf(app.task("mail.send", send)).toEqualTypeOf<
        AsyncTask<[to: string, copies?: number], Receipt>
      >();
    }),
  );

  test(
    "given with options",
    types(() => {
      const task = app.task({ name: "mail.send", retry: 3, maxTime: "5m", owner: "ada" }, send);
      expectTypeOf(task).toEqualTypeOf<AsyncTask<[to: string, copies?: number], Receipt>>();
    }),
  );

  test(
    "given after options, as to a decorator",
    types(() => {
      const task = app.task({ retry: 3 })(send);
      expectTypeOf(task).toEqualTypeOf<AsyncTask<[to: string, copies?: number], Receipt>>();
    }),
  );

  test(
    "to a router, as a shared task",
    types(() => {
      const router = new Router();
      expectTypeOf(router.task(send)).toEqualTypeOf<AsyncTask<[to: string, copies?: number], Receipt>>();
      expectTypeOf(sharedTask({ retry: 1 }, send)).toEqualTypeOf<
        AsyncTask<[to: string, copies?: number], Receipt>
      >();
    }),
  );

  test(
    "a plain function becomes a SyncTask, which is used in the same way",
    types(async () => {
      const task = app.task("add", (a: number, b: number) => a + b);
      expectTypeOf(task).toEqualTypeOf<SyncTask<[a: number, b: number], number>>();
      expectTypeOf(await task.addTask(1, 2)).toEqualTypeOf<Task<number>>();
      expectTypeOf(task).toExtend<AsyncTask<[a: number, b: number], number>>();
    }),
  );

  test(
    "one that never returns is a task all the same",
    types(() => {
      const task = app.task("fail", (_: string): never => {
        throw new Error("x");
      });
      expectTypeOf(task.addTask).parameters.toEqualTypeOf<[_: string]>();
    }),
  );

  test(
    "rest parameters stay what they are",
    types(() => {
      const task = app.task("all", async (...names: string[]) => names.length);
      expectTypeOf(task.addTask).parameters.toEqualTypeOf<string[]>();
    }),
  );

  test(
    "a decorated static method is typed as the task by taskOf",
    types(() => {
      class Reports {
        readonly title = "Reports";
        static async nightly(day: string) {
          return [day];
        }
      }
      expectTypeOf(taskOf(Reports.nightly)).toEqualTypeOf<AsyncTask<[day: string], string[]>>();
    }),
  );
});

describe("echo takes the first parameter", () => {
  test(
    "so that callers do not give it, and it is typed without being written",
    types(() => {
      const task = app.task({ name: "report", echo: true }, async (self, day: string) => {
        expectTypeOf(self).toEqualTypeOf<RunningTask>();
        expectTypeOf(self.ctx).toEqualTypeOf<TaskContext>();
        return day.length;
      });
      expectTypeOf(task).toEqualTypeOf<AsyncTask<[day: string], number>>();
    }),
  );

  test(
    "in the decorator's form too",
    types(() => {
      const task = app.task({ echo: true })(async (self: RunningTask, day: string) => [self.taskName, day]);
      expectTypeOf(task.addTask).parameters.toEqualTypeOf<[day: string]>();
    }),
  );

  test(
    "and a function that takes something else there is refused",
    types(() => {
      // @ts-expect-error
      app.task({ name: "report", echo: true }, async (day: string) => day);
      app.task({ name: "report" }, async (day: string) => day);
    }),
  );
});

describe("a timeout decides what queueing resolves to", () => {
  const task = () => app.task(send);

  test(
    "without one it is the Task",
    types(async () => {
      expectTypeOf(await task().addTask("a")).toEqualTypeOf<Task<Receipt>>();
      expectTypeOf(await task()("a").addTask()).toEqualTypeOf<Task<Receipt>>();
      expectTypeOf(await task().with({ priority: 0 }).addTask("a")).toEqualTypeOf<Task<Receipt>>();
      expectTypeOf(await app.addTask("mail.send", ["a"])).toEqualTypeOf<Task<unknown>>();
      expectTypeOf(await app.addTask("mail.send", ["a"], { priority: 1 })).toEqualTypeOf<Task<unknown>>();
    }),
  );

  test(
    "with one it is the AsyncResult, 0 and text included",
    types(async () => {
      expectTypeOf(await task().with({ timeout: 5 }).addTask("a")).toEqualTypeOf<AsyncResult<Receipt>>();
      expectTypeOf(await task().with({ timeout: 0 }).addTask("a")).toEqualTypeOf<AsyncResult<Receipt>>();
      expectTypeOf(await task()("a").with({ timeout: "5s" }).addTask()).toEqualTypeOf<AsyncResult<Receipt>>();
      expectTypeOf(await app.addTask("x", [], { timeout: 5 })).toEqualTypeOf<AsyncResult<unknown>>();
    }),
  );

  test(
    "which an earlier or later with() may have said",
    types(async () => {
      const waiting = task().with({ timeout: 5 }).with({ priority: 1 });
      expectTypeOf(await waiting.addTask("a")).toEqualTypeOf<AsyncResult<Receipt>>();
      expectTypeOf(
        await waiting("a")
          .with({ tags: ["x"] })
          .addTask(),
      ).toEqualTypeOf<AsyncResult<Receipt>>();
      expectTypeOf(await waiting.with({ timeout: null }).addTask("a")).toEqualTypeOf<Task<Receipt>>();
    }),
  );

  test(
    "and its value is the result's type",
    types(async () => {
      const result = await task().with({ timeout: 5 }).addTask("a");
      expectTypeOf(await result.value()).toEqualTypeOf<Receipt>();
      expectTypeOf(result.returning).toEqualTypeOf<Receipt | null>();
      expectTypeOf(await result.wait(5)).toEqualTypeOf(result);
    }),
  );

  test(
    "the blocking form always gives the Task",
    types(() => {
      expectTypeOf(task().addTaskSync("a")).toEqualTypeOf<Task<Receipt>>();
      expectTypeOf(task()("a").addTaskSync()).toEqualTypeOf<Task<Receipt>>();
    }),
  );
});

describe("what is stored of a result", () => {
  test(
    "of a generator is the list of its values, whatever it returns at last",
    types(async () => {
      const sync = app.task("numbers", function* (count: number) {
        yield count;
        return "dropped";
      });
      expectTypeOf(sync).toEqualTypeOf<SyncTask<[count: number], number[]>>();
      const async = app.task({ name: "texts" }, async function* () {
        yield "a";
      });
      expectTypeOf(async).toEqualTypeOf<AsyncTask<[], string[]>>();
    }),
  );

  test(
    "is what generateHandler makes of each value",
    types(() => {
      const task = app.task(
        { name: "handled", generateHandler: async (item: unknown) => ({ item: Number(item) }) },
        function* () {
          yield "1";
        },
      );
      expectTypeOf(task).toExtend<SyncTask<[], { item: number }[]>>();
    }),
  );

  test(
    "is what decode makes of it, which has the last word",
    types(async () => {
      const decode = async (map: unknown) => Object.keys(map as object);
      const task = app.task({ name: "decoded", decode }, async () => new Map([["a", 1]]));
      expectTypeOf((await task.addTask()).returning).toEqualTypeOf<string[] | null>();
      const both = app.task({ name: "both", decode: () => 5, generateHandler: () => "x" }, function* () {
        yield 1;
      });
      expectTypeOf((await both.addTask()).returning).toEqualTypeOf<number | null>();
    }),
  );

  test(
    "without a type to go by is JSON, or unknown by name",
    types(async () => {
      expectTypeOf<Task["returning"]>().toEqualTypeOf<Json>();
      expectTypeOf((await app.addTask("x")).returning).toEqualTypeOf<unknown>();
    }),
  );
});

describe("an input schema", () => {
  const input = z.object({ to: z.string(), copies: z.number().default(1), on: z.string().transform(Number) });

  test(
    "gives callers what goes in, and the function what comes out",
    types(() => {
      const task = app.task({ name: "mail.send", input }, async (mail) => {
        expectTypeOf(mail).toEqualTypeOf<{ to: string; copies: number; on: number }>();
        return mail.to;
      });
      expectTypeOf(task).toEqualTypeOf<
        AsyncTask<[input: { to: string; copies?: number | undefined; on: string }], string>
      >();
    }),
  );

  test(
    "goes with echo",
    types(() => {
      const task = app.task({ name: "mail.send", input, echo: true }, async (self, mail) => {
        expectTypeOf(self).toEqualTypeOf<RunningTask>();
        return mail.copies;
      });
      expectTypeOf(task.addTask).parameters.toEqualTypeOf<
        [input: { to: string; copies?: number | undefined; on: string }]
      >();
    }),
  );

  test(
    "does the same in the decorator's form",
    types(() => {
      const task = app.task({ name: "mail.send", input, echo: true })(async (self, mail) => {
        expectTypeOf(self).toEqualTypeOf<RunningTask>();
        expectTypeOf(mail).toEqualTypeOf<{ to: string; copies: number; on: number }>();
        return mail.to;
      });
      expectTypeOf(task).toEqualTypeOf<
        AsyncTask<[input: { to: string; copies?: number | undefined; on: string }], string>
      >();
    }),
  );

  test(
    "refuses a wrong input and a function that takes another",
    types(() => {
      const task = app.task({ name: "mail.send", input }, async (mail) => mail.to);
      // @ts-expect-error
      task.addTask({ to: 5, on: "1" });
      // @ts-expect-error
      app.task({ name: "mail.send", input }, async (mail: { other: string }) => mail.other);
    }),
  );
});

describe("the compiler refuses", () => {
  const task = () => app.task(send);

  test(
    "wrong arguments, at each way to give them",
    types(() => {
      // @ts-expect-error
      task().addTask(5);
      // @ts-expect-error
      task().addTask();
      // @ts-expect-error
      task().addTask("a", 1, 2);
      // @ts-expect-error
      task()(5);
      // @ts-expect-error
      task().addTaskSync(5);
      // @ts-expect-error
      task().with({ timeout: 5 }).addTask(5);
    }),
  );

  test(
    "unknown and wrong options of a call",
    types(() => {
      // @ts-expect-error
      task().with({ priorty: 1 });
      // @ts-expect-error
      task().with({ priority: "high" });
      // @ts-expect-error
      task().with({ unique: { key: "a", until: "later" } });
      // @ts-expect-error
      app.addTask("x", [], { timeot: 5 });
    }),
  );

  test(
    "wrong options of a task",
    types(() => {
      // @ts-expect-error
      app.task({ name: "x", retry: "3" }, async () => 1);
      // @ts-expect-error
      app.task({ name: "x", retryOnExc: ["TypeError"] }, async () => 1);
      // @ts-expect-error
      app.task({ name: "x", executor: class {} }, async () => 1);
      app.task({ name: "x", anythingElse: "kept as extra" }, async () => 1);
    }),
  );

  test(
    "to change what is read-only",
    types(() => {
      const call = task()("a");
      // @ts-expect-error
      call.priority = 1;
      // @ts-expect-error
      task().schema.retry = 5;
      // @ts-expect-error
      app.tasks.set("x", task().schema);
    }),
  );

  test(
    "unknown and wrong keys of the config",
    types(() => {
      defineConfig({ name: "shop", broker: "memory:", keepFinished: { age: "7d" }, lease: "30s" });
      // @ts-expect-error
      defineConfig({ brokr: "memory:" });
      // @ts-expect-error
      defineConfig({ maxTasksProcess: "10" });
      // @ts-expect-error
      defineConfig({ durability: "none" });
    }),
  );
});

test(
  "calls of different tasks, waiting or not, are queued together",
  types(async () => {
    const add = app.task("add", (a: number, b: number) => a + b);
    const tasks = await app.addTasks([app.task(send)("a"), add(1, 2), add(1, 2).with({ timeout: 5 })]);
    expectTypeOf(tasks).toEqualTypeOf<readonly Task[]>();
  }),
);

test(
  "events know what they bring",
  types(() => {
    app.events.on("taskError", (event) => {
      expectTypeOf(event.error.code).toEqualTypeOf<string>();
      expectTypeOf(event.seconds).toEqualTypeOf<number>();
    });
    // @ts-expect-error
    app.events.on("taskDone", () => {});
  }),
);
