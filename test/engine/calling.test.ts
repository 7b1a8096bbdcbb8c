import { describe, expect, test } from "vitest";
import { NotJsonError, TooLargeError } from "../../src/core/errors.js";
import type { NewTask } from "../../src/core/record.js";
import type { AsyncResult } from "../../src/engine/result.js";
import { createWorld, until, type World } from "./world.js";

function mailWorld(options: Parameters<typeof createWorld>[0] = {}) {
  const world = createWorld(options);
  const runs: unknown[][] = [];
  const sendMail = world.app.task(
    { name: "mail.send", priority: 3, retry: 1, maxTime: 9, tags: ["mail"] },
    async (...args: unknown[]) => {
      runs.push(args);
      return args.length;
    },
  );
  return { ...world, sendMail, runs };
}

describe("calling a task builds a call and runs nothing", () => {
  test("a prebuilt call is data: the task's name, the arguments, the options given", async () => {
    const { sendMail, runs, app } = mailWorld();
    const call = sendMail("ada@x.org", { html: true }).with({ priority: 0, timeout: 5 });
    expect(call).toMatchObject({
      taskName: "mail.send",
      args: ["ada@x.org", { html: true }],
      priority: 0,
      timeout: 5,
    });
    expect(runs).toEqual([]);
    expect(await app.list()).toEqual([]);
  });

  test("it cannot be changed, and neither can its list of arguments", () => {
    const { sendMail } = mailWorld();
    const call = sendMail("a");
    expect(Object.isFrozen(call)).toBe(true);
    expect(Object.isFrozen(call.args)).toBe(true);
    expect(() => Object.assign(call, { priority: 1 })).toThrow(TypeError);
  });

  test("with() copies: the call, and the task, that it is called on stay as they were", () => {
    const { sendMail } = mailWorld();
    const call = sendMail("a");
    const urgent = call.with({ priority: -5 });
    expect(urgent).not.toBe(call);
    expect(call.priority).toBeUndefined();
    expect(urgent.priority).toBe(-5);
    expect(sendMail.with({ priority: 1 })).not.toBe(sendMail);
    expect(sendMail("b").priority).toBeUndefined();
  });

  test("later options lie over earlier ones, from the task to the call", () => {
    const { sendMail } = mailWorld();
    const call = sendMail.with({ priority: 1, delay: 5 }).with({ priority: 2 })("a").with({ retry: 0 });
    expect(call).toMatchObject({ priority: 2, delay: 5, retry: 0 });
  });

  test("it can be queued as often as wanted, each time as a task of its own", async () => {
    const { sendMail, app } = mailWorld();
    const call = sendMail("a");
    const [one, two] = [await call.addTask(), await call.addTask()];
    expect(one.uuid).not.toBe(two.uuid);
    expect((await app.list()).map((task) => task.args)).toEqual([["a"], ["a"]]);
  });

  test("an option that there is not is refused at once, by name", () => {
    const { sendMail } = mailWorld();
    expect(() => sendMail.with({ priorty: 1 } as object)).toThrow(
      'A call of "mail.send" has no option "priorty".',
    );
    expect(() => sendMail("a").with({ retries: 1 } as object)).toThrow(/no option "retries"/);
  });
});

describe("queueing without a timeout", () => {
  test("resolves to the task, with status new and all that was given", async () => {
    const { sendMail, system } = mailWorld();
    const task = await sendMail.addTask("ada@x.org", { html: true });
    expect(task).toMatchObject({
      uuid: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/),
      taskName: "mail.send",
      status: "new",
      args: ["ada@x.org", { html: true }],
      priority: 3,
      retry: 1,
      maxTime: 9,
      tags: ["mail"],
      attempt: 0,
      createdAt: new Date(system.now().wallMs),
      runAt: new Date(system.now().wallMs),
      deduplicated: false,
    });
  });

  test("keeps a priority of 0 as 0, whatever the task's own is", async () => {
    const { sendMail } = mailWorld();
    expect((await sendMail.with({ priority: 0 }).addTask()).priority).toBe(0);
    expect((await sendMail("a").with({ priority: 0 }).addTask()).priority).toBe(0);
  });

  test("takes the call's options over the task's, and adds tags to the task's", async () => {
    const { sendMail } = mailWorld();
    const task = await sendMail
      .with({ priority: -2, retry: 0, maxTime: "1m", tags: ["vip", "mail"] })
      .addTask();
    expect(task).toMatchObject({ priority: -2, retry: 0, maxTime: 60, tags: ["mail", "vip"] });
  });

  test("nothing that was given is lost by a later state", async () => {
    const world = mailWorld();
    const queued = await world.sendMail.with({ priority: 0, tags: ["vip"] }).addTask("a");
    await world.work();
    const { priority, args, tags, retry, maxTime, createdAt, runAt } = queued;
    expect(await world.task(queued.uuid)).toMatchObject({
      status: "success",
      ...{ priority, args, tags, retry, maxTime, createdAt, runAt },
    });
  });

  test("leaves trailing undefined arguments out, as a call of a function does", async () => {
    const { sendMail } = mailWorld();
    expect((await sendMail.addTask("a", undefined, undefined)).args).toEqual(["a"]);
  });

  test("refuses what JSON cannot hold, with the path of the culprit, and stores nothing", async () => {
    const { sendMail, app } = mailWorld();
    const error = await sendMail.addTask({ user: { tags: new Set() } }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NotJsonError);
    expect(error).toMatchObject({ code: "E_NOT_JSON", path: "args[0].user.tags" });
    await expect(sendMail.addTask("a", undefined, 1)).rejects.toThrow(/^args\[1\] is undefined/);
    expect(await app.list()).toEqual([]);
  });

  test("refuses arguments of more than maxPayload", async () => {
    const { sendMail } = mailWorld({ config: { maxPayload: 10 } });
    await expect(sendMail.addTask("123456")).resolves.toBeDefined();
    await expect(sendMail.addTask("1234567")).rejects.toThrow(TooLargeError);
  });

  test("passes a __proto__ key on as data", async () => {
    const world = mailWorld();
    await world.sendMail.addTask(JSON.parse('{"__proto__":{"admin":true}}'));
    await world.work();
    expect(Object.keys(world.runs[0]?.[0] as object)).toEqual(["__proto__"]);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  test.each<[string, object]>([
    ["priority", { priority: 0.5 }],
    ["retry", { retry: -1 }],
    ["maxTime", { maxTime: 0 }],
    ["tags", { tags: "vip" }],
    ["timeout", { timeout: "soon" }],
    ["timeout", { timeout: -1 }],
    ["delay", { delay: -1 }],
    ["delay", { delay: 1e300 }],
    ["runAt", { runAt: "tomorrow" }],
    ["runAt", { runAt: new Date(Number.NaN) }],
    ["delay", { delay: 1, runAt: new Date(0) }],
    ["unique", { unique: "" }],
    ["unique", { unique: "x".repeat(501) }],
    ["unique", { unique: { key: "a", until: "later" } }],
    ["unique", { unique: { until: "finished" } }],
  ])("refuses a wrong %s: %o", async (option, options) => {
    const { sendMail, app } = mailWorld();
    const error = await sendMail
      .with(options)
      .addTask()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "E_BAD_OPTION", message: expect.stringContaining(option) });
    expect(await app.list()).toEqual([]);
  });
});

describe("queueing by name", () => {
  test("is the same as queueing the task", async () => {
    const { app } = mailWorld();
    expect(await app.addTask("mail.send", ["a"], { priority: 0 })).toMatchObject({
      taskName: "mail.send",
      args: ["a"],
      priority: 0,
      retry: 1,
    });
  });

  test("accepts a task that only another program knows, with the config's default priority", async () => {
    const { app } = createWorld({ config: { taskDefaultPriority: 4 } });
    const task = await app.addTask("other.task", [1]);
    expect(task).toMatchObject({ status: "new", priority: 4, retry: null, maxTime: null });
  });

  test("a worker that does not know the task never claims it", async () => {
    const world = mailWorld();
    const { uuid } = await world.app.addTask("other.task");
    expect(await world.work()).toEqual({ succeeded: 0, failed: 0, cancelled: 0, interrupted: 0 });
    expect((await world.task(uuid)).status).toBe("new");
  });

  test("refuses what is no name, and arguments that are no list", async () => {
    const { app } = mailWorld();
    await expect(app.addTask("mail send")).rejects.toThrow(/name is "mail send", which is no task name/);
    await expect(app.addTask("mail.send", "ab" as unknown as string[])).rejects.toMatchObject({
      code: "E_BAD_OPTION",
      message: 'args of a call of "mail.send" is "ab".',
    });
  });
});

describe("queueing for later", () => {
  const startsOf = async (world: World, seconds: number) => {
    const starts = world.record("taskRunning");
    await world.started();
    await world.system.advance(seconds * 1000);
    return starts;
  };

  test("a delay counts from now, and the task does not start before", async () => {
    const world = mailWorld();
    const { runAt } = await world.sendMail.with({ delay: "5s" }).addTask();
    expect(runAt).toEqual(new Date(world.system.now().wallMs + 5000));
    expect(await startsOf(world, 4.9)).toHaveLength(0);
    await world.system.advance(100);
    await until(() => world.runs.length === 1);
  });

  test("runAt is a Date or ISO text", async () => {
    const { sendMail } = mailWorld();
    const at = new Date("2030-01-31T08:00:00Z");
    expect((await sendMail.with({ runAt: at }).addTask()).runAt).toEqual(at);
    expect((await sendMail.with({ runAt: "2030-01-31T09:00:00+01:00" }).addTask()).runAt).toEqual(at);
  });

  test("a time in the past means now", async () => {
    const world = mailWorld();
    await world.sendMail.with({ runAt: new Date(0) }).addTask();
    await world.work();
    expect(world.runs).toHaveLength(1);
  });
});

describe("queueing many", () => {
  test("resolves to their tasks in order, of different tasks, prebuilt with different options", async () => {
    const { app, sendMail } = mailWorld();
    const other = app.task("other", (n: number) => n);
    const tasks = await app.addTasks([
      sendMail("a"),
      other(1),
      sendMail("b").with({ priority: 0, timeout: 5 }),
    ]);
    expect(tasks.map(({ taskName, args, priority, status }) => [taskName, args, priority, status])).toEqual([
      ["mail.send", ["a"], 3, "new"],
      ["other", [1], 0, "new"],
      ["mail.send", ["b"], 0, "new"],
    ]);
  });

  test("is all or none", async () => {
    const { app, sendMail } = mailWorld();
    await expect(app.addTasks([sendMail("a"), sendMail(new Map()), sendMail("c")])).rejects.toThrow(
      NotJsonError,
    );
    expect(await app.list()).toEqual([]);
  });

  test("runs them in the order given", async () => {
    const world = mailWorld();
    await world.app.addTasks(["a", "b", "c"].map((name) => world.sendMail(name)));
    await world.work({ concurrency: 1 });
    expect(world.runs).toEqual([["a"], ["b"], ["c"]]);
  });

  test("nothing is nothing", async () => {
    expect(await mailWorld().app.addTasks([])).toEqual([]);
  });
});

describe("the blocking form", () => {
  test("gives the task back at once, once the application is open", async () => {
    const { app, sendMail } = mailWorld();
    await app.open();
    expect(sendMail.addTaskSync("a")).toMatchObject({ status: "new", args: ["a"], priority: 3 });
    expect(sendMail("b").with({ priority: 0 }).addTaskSync().priority).toBe(0);
    expect((await app.counts()).new).toBe(2);
  });

  test.each<[string, (mail: ReturnType<typeof mailWorld>) => unknown]>([
    ["before the application is open", ({ sendMail }) => sendMail.addTaskSync()],
    ["when a timeout was given", ({ sendMail }) => sendMail.with({ timeout: 0 }).addTaskSync()],
  ])("is unsupported %s", async (when, call) => {
    const world = mailWorld();
    if (!when.startsWith("before")) await world.app.open();
    expect(() => call(world)).toThrow(expect.objectContaining({ code: "E_SYNC_UNSUPPORTED" }));
  });

  test("is unsupported where the broker has none", async () => {
    const world = mailWorld();
    await world.app.open();
    Object.defineProperty(world.broker, "enqueueSync", { value: undefined });
    expect(() => world.sendMail.addTaskSync()).toThrow(/The broker memory: has no blocking form/);
  });

  test("is unsupported where a plugin's onQueue is asynchronous", async () => {
    const world = mailWorld();
    world.app.addPlugin({ name: "slow", setup: (host) => host.onQueue(async () => {}) });
    await world.app.open();
    expect(() => world.sendMail.addTaskSync()).toThrow(
      expect.objectContaining({ code: "E_SYNC_UNSUPPORTED" }),
    );
    expect((await world.app.counts()).new).toBe(0);
  });
});

describe("a unique key", () => {
  test("gives the same task back to a repeat, marked as deduplicated, as it is by then", async () => {
    const world = mailWorld();
    const first = await world.sendMail.with({ unique: "order-5" }).addTask("a");
    await world.work();
    const repeat = await world.sendMail.with({ unique: "order-5" }).addTask("b");
    expect(first.deduplicated).toBe(false);
    expect(repeat).toMatchObject({ uuid: first.uuid, deduplicated: true, status: "success", args: ["a"] });
    expect(world.runs).toEqual([["a"]]);
  });

  test("until finished is freed by the end status", async () => {
    const world = mailWorld();
    const unique = { key: "order-5", until: "finished" } as const;
    const first = await world.sendMail.with({ unique }).addTask();
    expect((await world.sendMail.with({ unique }).addTask()).uuid).toBe(first.uuid);
    await world.work();
    const next = await world.sendMail.with({ unique }).addTask();
    expect(next.uuid).not.toBe(first.uuid);
    expect(next.deduplicated).toBe(false);
  });

  test("of one task does not meet that of another", async () => {
    const { app, sendMail } = mailWorld();
    const other = app.task("other", () => 1);
    const one = await sendMail.with({ unique: "k" }).addTask();
    expect((await other.with({ unique: "k" }).addTask()).uuid).not.toBe(one.uuid);
  });

  test("holds within one batch", async () => {
    const { app, sendMail } = mailWorld();
    const call = sendMail("a").with({ unique: "k" });
    const [one, two] = await app.addTasks([call, call]);
    expect([one?.deduplicated, two?.deduplicated]).toEqual([false, true]);
    expect(two?.uuid).toBe(one?.uuid);
  });

  test("brings a repeat that waits the first one's result", async () => {
    const world = mailWorld();
    await world.sendMail.with({ unique: "k" }).addTask("a", "b");
    await world.work();
    const result: AsyncResult<unknown> = await world.app.addTask("mail.send", [], {
      unique: "k",
      timeout: 0,
    });
    expect(result).toMatchObject({ done: true, returning: 2 });
  });

  test("goes to the broker with the task", async () => {
    const queued: NewTask[] = [];
    const { sendMail, broker } = mailWorld();
    const enqueue = broker.enqueue.bind(broker);
    broker.enqueue = (tasks) => {
      queued.push(...tasks);
      return enqueue(tasks);
    };
    await sendMail.with({ unique: "k" }).addTask();
    await sendMail.addTask();
    expect(queued.map(({ unique }) => unique)).toEqual([{ key: "k", until: "exists" }, null]);
  });
});
