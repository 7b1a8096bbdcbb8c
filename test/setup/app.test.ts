import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { MemoryBroker } from "../../src/brokers/memory/broker.js";
import { SqliteBroker } from "../../src/brokers/sqlite/broker.js";
import { ConfigError, DuplicateTaskError } from "../../src/core/errors.js";
import { app, defineConfig, QueueTasks } from "../../src/index.js";
import { loadProject } from "../../src/setup/loadConfig.js";
import { loadTasks } from "../../src/setup/loadTasks.js";
import { createProjectApp } from "../../src/setup/projectApp.js";
import { createFolder } from "./folder.js";

const opened: QueueTasks[] = [];
function createApp(options: ConstructorParameters<typeof QueueTasks>[0] = { broker: "memory:" }): QueueTasks {
  const created = new QueueTasks(options);
  opened.push(created);
  return created;
}

afterEach(async () => {
  vi.unstubAllEnvs();
  for (const each of opened.splice(0)) await each.close();
});

describe("app, before there is an application", () => {
  test("takes registrations for the next one", async () => {
    const task = app.task("pending.one", async (n: number) => n + 1);
    expect(task.taskName).toBe("pending.one");
    const first = createApp();
    expect(first.tasks.get("pending.one")).toBe(task.schema);
    await first.worker.start();
    expect((await task.with({ timeout: 30 }).addTask(1)).returning).toBe(2);
    const second = createApp();
    expect(second.tasks.has("pending.one")).toBe(false);
  });

  test("refuses a bad registration where it stands", () => {
    expect(() => app.task({ name: "pending.two", retry: -1 }, () => 1)).toThrow(
      /^retry of task "pending\.two"/,
    );
  });

  test("says that there is none, when it is used otherwise", () => {
    expect(() => app.config).toThrow(
      expect.objectContaining({
        code: "E_NO_APP",
        message: "app.config was used and there is no application.",
      }),
    );
  });

  test("bears being awaited and inspected", async () => {
    expect(await app).toBe(app);
    expect(Object.prototype.toString.call(app)).toBe("[object Object]");
  });
});

describe("app, once there is an application", () => {
  test("is it: its tasks, its config, its methods", async () => {
    const mine = createApp({ broker: "memory:", grace: 3 });
    const task = app.task("mine", async () => 1);
    expect(app.tasks).toBe(mine.tasks);
    expect(app.config).toBe(mine.config);
    expect(app.worker).toBe(mine.worker);
    const { addTask, counts } = app;
    const { uuid } = await addTask("mine");
    expect(await app.get(uuid)).toMatchObject({ taskName: "mine" });
    expect((await counts()).new).toBe(1);
    expect(task.schema).toBe(mine.tasks.get("mine"));
  });

  test("is the latest one", () => {
    createApp();
    const later = createApp({ broker: "memory:", name: "later" });
    expect(app.config).toBe(later.config);
    app.task("on.the.later", () => 1);
    expect(later.tasks.has("on.the.later")).toBe(true);
  });

  test("cannot be written to", () => {
    createApp();
    expect(() => Object.assign(app, { config: 5 })).toThrow(TypeError);
  });

  test("refuses a duplicate, from wherever it comes", () => {
    const mine = createApp();
    mine.task("twin", () => 1);
    expect(() => app.task("twin", () => 2)).toThrow(DuplicateTaskError);
  });

  test("is the same for every copy of the package in the process", async () => {
    const mine = createApp();
    mine.task("known", () => 1);
    const shared = Reflect.get(globalThis, Symbol.for("qtasks.shared.v1")) as { app: unknown };
    expect(shared.app).toBe(mine);
  });
});

describe("an application of one's own", () => {
  test("is made with the config's keys, over the environment, over the defaults", () => {
    vi.stubEnv("QTASKS_GRACE", "2");
    vi.stubEnv("QTASKS_LEASE", "2");
    const { config } = createApp({ broker: "memory:", grace: 1 });
    expect(config).toMatchObject({ grace: 1, lease: 2, killGrace: 1 });
  });

  test("refuses an unknown key and a wrong value by name", () => {
    expect(() => new QueueTasks({ brokr: "memory:" } as object)).toThrow(ConfigError);
    expect(() => new QueueTasks({ brokr: "memory:" } as object)).toThrow(
      'the options of QueueTasks has an unknown key "brokr".',
    );
    expect(() => new QueueTasks({ lease: "soon" })).toThrow('lease in the options of QueueTasks is "soon".');
    expect(() => new QueueTasks({ broker: "carrier-pigeon:" })).toThrow(ConfigError);
  });

  test("has the broker that its URL names, or the one given", () => {
    expect(createApp({ broker: "memory:" }).broker).toBeInstanceOf(MemoryBroker);
    expect(createApp({ broker: `sqlite:${join(createFolder(), "q.db")}` }).broker).toBeInstanceOf(
      SqliteBroker,
    );
    const broker = new MemoryBroker();
    expect(createApp({ broker }).broker).toBe(broker);
  });

  test("runs tasks in this process, with the real clock", async () => {
    const mine = createApp();
    const add = mine.task("add", (a: number, b: number) => a + b);
    await mine.worker.start();
    const result = await add.with({ timeout: 30 }).addTask(1, 2);
    expect(await result.value()).toBe(3);
    await mine.worker.stop();
  });

  test("ends with runForever at a signal", async () => {
    const mine = createApp();
    const listenersBefore = process.listenerCount("SIGTERM");
    const running = new Promise<void>((resolve) => mine.events.on("workerRunning", () => resolve()));
    const working = mine.runForever();
    await running;
    process.emit("SIGTERM");
    await working;
    expect(process.listenerCount("SIGTERM")).toBe(listenersBefore);
  });

  test("warns of a listener that throws, and goes on", async () => {
    const mine = createApp();
    const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
    mine.events.on("taskQueued", () => {
      throw new Error("deaf");
    });
    await mine.addTask("x");
    expect(await warned).toMatchObject({
      name: "QTasksWarning",
      message: "a listener of taskQueued failed: deaf",
    });
  });
});

test("defineConfig gives back what it was given", () => {
  const config = { name: "shop" };
  expect(defineConfig(config)).toBe(config);
});

describe("a project", () => {
  const query = (cwd: string) => ({
    cwd,
    configFile: undefined,
    flags: { broker: "memory:" },
    flagNames: {},
  });
  const silent = {
    reportFault: (where: string) => expect.unreachable(where),
    warn: (text: string) => expect.unreachable(text),
  };

  test("has its task modules registered on its application", async () => {
    const root = createFolder({
      "tasks/mail.mts": `
        const shared = globalThis[Symbol.for("qtasks.shared.v1")];
        shared.app.task("mail.send", () => 1);
      `,
    });
    const project = await loadProject(query(root));
    const projectApp = createProjectApp(project, silent);
    await loadTasks(project);
    expect([...projectApp.tasks.keys()]).toEqual(["mail.send"]);
    expect(projectApp.tasks.get("mail.send")?.source).toEqual({
      file: join(root, "tasks/mail.mts"),
      line: 3,
    });
    await projectApp.close();
  });

  test("has two tasks of one name refused, naming both files", async () => {
    const register = (line: number) =>
      `${"\n".repeat(line - 1)}globalThis[Symbol.for("qtasks.shared.v1")].app.task("twin", () => 1);`;
    const root = createFolder({ "tasks/a.mts": register(2), "tasks/b.mts": register(5) });
    const project = await loadProject(query(root));
    const projectApp = createProjectApp(project, silent);
    const error = await loadTasks(project).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "E_DUPLICATE_TASK",
      message: `tasks/b.mts:5: Two tasks are called "twin": one at ${join(root, "tasks/a.mts")}:2, one at ${join(root, "tasks/b.mts")}:5.`,
    });
    await projectApp.close();
  });
});
