import { describe, expect, test } from "vitest";
import { BadOptionError } from "../../src/core/errors.js";
import type { TaskExecutor } from "../../src/ports/execution.js";
import type { PluginHost, QueueDraft } from "../../src/ports/plugin.js";
import { createWorld, turns } from "./world.js";

const plugin = (setup: (host: PluginHost) => void, name = "test") => ({ name, setup });

describe("events", () => {
  test("tell a task's way from the queue to its end, in order", async () => {
    const world = createWorld();
    const events = world.record(
      "taskQueued",
      "taskRunning",
      "taskSuccess",
      "workerRunning",
      "workerStopping",
    );
    const task = world.app.task({ name: "task", echo: true }, async ({ ctx }) => await ctx.sleep(2));
    const { uuid } = await task.addTask();
    await world.work();
    const run = { uuid, taskName: "task", attempt: 1, worker: "w-1" };
    expect(events).toEqual([
      {
        name: "taskQueued",
        event: {
          uuid,
          taskName: "task",
          deduplicated: false,
          task: expect.objectContaining({ status: "new" }),
        },
      },
      { name: "workerRunning", event: { worker: "w-1" } },
      { name: "taskRunning", event: run },
      { name: "taskSuccess", event: { ...run, seconds: 2 } },
      { name: "workerStopping", event: { worker: "w-1" } },
    ]);
  });

  test("tell of an error with what was thrown", async () => {
    const world = createWorld();
    const events = world.record("taskError");
    world.app.task("task", async () => Promise.reject(Object.assign(new Error("x"), { code: "ENOENT" })));
    await world.app.addTask("task");
    await world.work();
    expect(events[0]?.event).toMatchObject({ attempt: 1, error: { message: "x", code: "ENOENT" } });
    expect(events[0]?.event).not.toHaveProperty("details");
  });

  test("of the queue tell of every task of a batch, and of the ones deduplicated", async () => {
    const world = createWorld();
    const events = world.record("taskQueued");
    const task = world.app.task("task", () => 1);
    const call = task.with({ unique: "k" })();
    await world.app.addTasks([call, call, task()]);
    expect(events.map(({ event }) => event.deduplicated).sort()).toEqual([false, false, true]);
    await world.app.open();
    task.addTaskSync();
    expect(events).toHaveLength(4);
  });

  test("are told only once what they tell is stored", async () => {
    const world = createWorld();
    const seen: unknown[] = [];
    world.app.events.on("taskSuccess", async ({ uuid }) => void seen.push((await world.task(uuid)).status));
    world.app.task("task", () => 1);
    await world.app.addTask("task");
    await world.work();
    await turns();
    expect(seen).toEqual(["success"]);
  });

  test("reach every listener, until it is taken away", async () => {
    const { app } = createWorld();
    const heard: string[] = [];
    const stop = app.events.on("taskQueued", () => void heard.push("first"));
    app.events.on("taskQueued", () => void heard.push("second"));
    await app.addTask("task");
    stop();
    stop();
    await app.addTask("task");
    expect(heard).toEqual(["first", "second", "second"]);
  });

  test("a listener that throws or rejects is reported and hurts nobody", async () => {
    const world = createWorld();
    const heard: string[] = [];
    const [thrown, rejected] = [new Error("thrown"), new Error("rejected")];
    world.app.addPlugin(
      plugin((host) => {
        host.on("taskSuccess", () => {
          throw thrown;
        });
        host.on("taskSuccess", async () => Promise.reject(rejected));
        host.on("taskSuccess", () => void heard.push("still heard"));
      }),
    );
    world.app.task("task", () => 1);
    const { uuid } = await world.app.addTask("task");
    await world.work();
    expect((await world.task(uuid)).status).toBe("success");
    expect(heard).toEqual(["still heard"]);
    expect(world.faults).toEqual([
      { where: "a listener of taskSuccess", error: thrown },
      { where: "a listener of taskSuccess", error: rejected },
    ]);
  });
});

describe("a plugin's middlewares", () => {
  test("run around every task, outside the task's own", async () => {
    const world = createWorld();
    const log: string[] = [];
    const note = (text: string) => () => void log.push(text);
    world.app.addPlugin(
      plugin((host) => {
        host.use(note("plugin before"));
        host.use(note("plugin before too"), "before");
        host.use(note("plugin after"), "after");
      }),
    );
    world.app.task(
      { name: "task", middlewaresBefore: [note("own before")], middlewaresAfter: [note("own after")] },
      note("task"),
    );
    world.app.task("bare", note("bare"));
    await world.app.addTask("task");
    await world.app.addTask("bare");
    await world.work({ concurrency: 1 });
    expect(log).toEqual([
      ...["plugin before", "plugin before too", "own before", "task", "own after", "plugin after"],
      ...["plugin before", "plugin before too", "bare", "plugin after"],
    ]);
  });

  test("leave the task's schema as it was registered", async () => {
    const world = createWorld();
    const seen: unknown[] = [];
    world.app.addPlugin(
      plugin((host) => host.use((executor: TaskExecutor) => void seen.push(executor.task.name))),
    );
    const task = world.app.task("task", () => 1);
    await task.addTask();
    await world.work();
    expect(seen).toEqual(["task"]);
    expect(world.app.tasks.get("task")).toMatchObject({ middlewaresBefore: [], middlewaresAfter: [] });
  });
});

describe("onQueue", () => {
  const onQueue = (hook: (draft: QueueDraft) => void | Promise<void>, name?: string) =>
    plugin((host) => host.onQueue(hook), name);

  test("is shown each call and may change it in place before it is stored", async () => {
    const world = createWorld();
    world.app.addPlugin(
      onQueue(async (draft) => {
        draft.args.push("added");
        draft.priority = -7;
        draft.tags.push("seen");
        draft.runAt = new Date(draft.runAt.getTime() + 1000);
        draft.retry = 4;
        draft.maxTime = 30;
      }),
    );
    const task = world.app.task("task", (...args: string[]) => args);
    const [queued] = await world.app.addTasks([task("given")]);
    expect(queued).toMatchObject({
      args: ["given", "added"],
      priority: -7,
      tags: ["seen"],
      runAt: new Date(world.system.now().wallMs + 1000),
      retry: 4,
      maxTime: 30,
    });
  });

  test("sees what the hook before it made of the call", async () => {
    const { app } = createWorld();
    const seen: unknown[] = [];
    app.addPlugin(onQueue((draft) => void draft.args.push(1), "one"));
    app.addPlugin(onQueue((draft) => void seen.push(draft.taskName, [...draft.args]), "two"));
    await app.addTask("task", [0]);
    expect(seen).toEqual(["task", [0, 1]]);
  });

  test("that throws refuses the call: the error reaches the caller, and nothing is stored", async () => {
    const { app } = createWorld();
    const refusal = new Error("too many");
    app.addPlugin(
      onQueue((draft) => {
        if (draft.args[0] === "bad") throw refusal;
      }),
    );
    const task = app.task("task", (_: string) => 1);
    await expect(app.addTask("task", ["bad"])).rejects.toBe(refusal);
    await expect(app.addTasks([task("good"), task("bad")])).rejects.toBe(refusal);
    await app.open();
    expect(() => task.addTaskSync("bad")).toThrow(refusal);
    expect(await app.list()).toEqual([]);
    await expect(app.addTask("task", ["good"])).resolves.toBeDefined();
  });

  test.each<[string, (draft: QueueDraft) => void]>([
    ["priority", (draft) => void Object.assign(draft, { priority: 1.5 })],
    ["runAt", (draft) => void Object.assign(draft, { runAt: new Date(Number.NaN) })],
    ["tags", (draft) => void Object.assign(draft, { tags: [5] })],
    ["retry", (draft) => void Object.assign(draft, { retry: -1 })],
    ["maxTime", (draft) => void Object.assign(draft, { maxTime: "soon" })],
    ["args", (draft) => void Object.assign(draft, { args: "ab" })],
  ])("that makes the %s wrong is found out", async (option, hook) => {
    const { app } = createWorld();
    app.addPlugin(onQueue(hook));
    await expect(app.addTask("task")).rejects.toMatchObject({
      code: "E_BAD_OPTION",
      message: expect.stringContaining(option),
    });
    expect(await app.list()).toEqual([]);
  });

  test("changes no argument that the caller still holds", async () => {
    const { app } = createWorld();
    app.addPlugin(onQueue((draft) => void draft.args.push("added")));
    const args = ["given"];
    const task = app.task("task", (...given: string[]) => given);
    const call = task(...args);
    await app.addTask("task", args);
    await call.addTask();
    expect((await call.addTask()).args).toEqual(["given", "added"]);
    expect(args).toEqual(["given"]);
  });
});

describe("a plugin", () => {
  test("is set up once, when it is added, those of the config before the application is in charge", () => {
    const log: string[] = [];
    const { app } = createWorld({ config: { plugins: [plugin(() => log.push("config"), "a")] } });
    app.addPlugin(plugin(() => log.push("added"), "b"));
    expect(log).toEqual(["config", "added"]);
  });

  test("is told when the application closes, once, also when another fails at it", async () => {
    const world = createWorld();
    const log: string[] = [];
    const failure = new Error("x");
    world.app.addPlugin(
      plugin((host) => {
        host.onClose(async () => Promise.reject(failure));
        host.onClose(() => void log.push("closed"));
      }),
    );
    await world.app.open();
    await world.app.close();
    await world.app.close();
    expect(log).toEqual(["closed"]);
    expect(world.faults).toEqual([{ where: "a plugin's onClose", error: failure }]);
  });

  test("of a name that is taken is refused", () => {
    const { app } = createWorld();
    app.addPlugin(plugin(() => {}, "prune"));
    expect(() => app.addPlugin(plugin(() => {}, "prune"))).toThrow('Two plugins are called "prune".');
  });

  test.each([[null], [{}], [{ name: "x" }], [{ setup: () => {} }], [{ name: 5, setup: () => {} }]])(
    "is what has a name and setup(): not %o",
    (value) => {
      const { app } = createWorld();
      expect(() => app.addPlugin(value as never)).toThrow(BadOptionError);
    },
  );

  test("that fails in setup() is an error of the config that names it", () => {
    const { app } = createWorld();
    const cause = new Error("no key");
    const failing = plugin(() => {
      throw cause;
    }, "metrics");
    expect(() => app.addPlugin(failing)).toThrow(
      expect.objectContaining({
        code: "E_CONFIG",
        message: 'The plugin "metrics" failed in setup(): no key',
        cause,
      }),
    );
  });
});
