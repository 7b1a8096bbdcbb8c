import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, test } from "vitest";
import { BadOptionError, DuplicateTaskError } from "../../src/core/errors.js";
import { Router, sharedTask } from "../../src/engine/router.js";
import { AsyncTaskExecutor } from "../../src/executors/async.js";
import { createWorld } from "./world.js";

const THIS_FILE = fileURLToPath(import.meta.url);
const LINES = readFileSync(THIS_FILE, "utf8").split("\n");
const lineOf = (mark: string) => LINES.findIndex((line) => line.endsWith(`// ${mark}`)) + 1;

describe("a router", () => {
  test("collects tasks in a module that knows no application, which takes them over", async () => {
    const router = new Router();
    const task = router.task("mail.send", async (to: string) => `sent to ${to}`);
    const world = createWorld();
    expect(world.app.tasks.size).toBe(0);
    world.app.includeRouter(router);
    expect(world.app.tasks.get("mail.send")).toBe(task.schema);
    expect(task.schema.executor).toBe(AsyncTaskExecutor);
    await world.started();
    expect((await task.with({ timeout: 5 }).addTask("ada")).returning).toBe("sent to ada");
  });

  test("takes every form of registration", () => {
    const router = new Router();
    const { app } = createWorld();
    router.task(function one() {});
    router.task("two", () => 2);
    router.task({ name: "three", retry: 1 }, () => 3);
    router.task({ retry: 1 })(function four() {});
    app.includeRouter(router);
    expect([...app.tasks.keys()]).toEqual(["one", "two", "three", "four"]);
  });

  test("puts its prefix before each name, also a function's", () => {
    const router = new Router({ prefix: "mail." });
    const { app } = createWorld();
    app.includeRouter(router);
    expect(router.task("send", () => 1).taskName).toBe("mail.send");
    expect(router.task(function clear() {}).taskName).toBe("mail.clear");
    expect([...app.tasks.keys()]).toEqual(["mail.send", "mail.clear"]);
  });

  test("gives its options to each task that does not say otherwise", () => {
    const router = new Router({ retry: 3, tags: ["mail"], owner: "ada" });
    const { app } = createWorld();
    const plain = router.task("a", () => 1);
    const own = router.task({ name: "b", retry: 0, owner: "bob" }, () => 1);
    app.includeRouter(router);
    expect(plain.schema).toMatchObject({ retry: 3, tags: ["mail"], extra: { owner: "ada" } });
    expect(own.schema).toMatchObject({ retry: 0, tags: ["mail"], extra: { owner: "bob" } });
  });

  test("takes what it leaves open from the application that includes it", () => {
    const router = new Router();
    const task = router.task("a", () => 1);
    expect(task.schema.priority).toBe(0);
    createWorld({ config: { taskDefaultPriority: 7, taskDefaultMaxTime: 60 } }).app.includeRouter(router);
    expect(task.schema).toMatchObject({ priority: 7, maxTime: 60 });
  });

  test("passes later registrations on to where it was included", () => {
    const router = new Router();
    const { app } = createWorld();
    app.includeRouter(router);
    router.task("late", () => 1);
    expect(app.tasks.has("late")).toBe(true);
  });

  test("refuses bad options and nameless functions where they stand, before any application", () => {
    const router = new Router({ prefix: "mail." });
    expect(() => router.task({ name: "a", retry: -1 }, () => 1)).toThrow(BadOptionError);
    expect(() => router.task({ name: "a", retry: -1 }, () => 1)).toThrow(/^retry of task "mail\.a" is -1/);
    expect(() => router.task(() => 1)).toThrow(/anonymous/);
    expect(() => router.task({ retry: 1 })(() => 1)).toThrow(/anonymous/);
  });

  test("knows where each task was registered", () => {
    const router = new Router();
    const task = router.task("a", () => 1); // in the router
    expect(task.schema.source).toEqual({ file: THIS_FILE, line: lineOf("in the router") });
    const { app } = createWorld();
    app.task("a", () => 2); // in the app
    expect(() => app.includeRouter(router)).toThrow(
      new DuplicateTaskError(
        "a",
        `${THIS_FILE}:${lineOf("in the app")}`,
        `${THIS_FILE}:${lineOf("in the router")}`,
      ),
    );
    expect(app.tasks.get("a")?.func()).toBe(2);
  });

  test("refuses a name that another router has taken", () => {
    const { app } = createWorld();
    const [one, two] = [new Router(), new Router()];
    one.task("a", () => 1);
    two.task("a", () => 2);
    app.includeRouter(one);
    expect(() => app.includeRouter(two)).toThrow(DuplicateTaskError);
  });

  test("whose task is called before an application has it says so", async () => {
    const router = new Router();
    const task = router.task("a", () => 1); // homeless
    await expect(task.addTask()).rejects.toMatchObject({
      code: "E_NO_APP",
      message: `The task "a" (${THIS_FILE}:${lineOf("homeless")}) belongs to no application yet.`,
    });
    expect(() => task.addTaskSync()).toThrow(expect.objectContaining({ code: "E_NO_APP" }));
    expect(task().args).toEqual([]);
  });

  test("of two applications has its calls answered by the latest one that took it", async () => {
    const router = new Router();
    const task = router.task("a", () => 1);
    const [one, two] = [createWorld(), createWorld()];
    one.app.includeRouter(router);
    two.app.includeRouter(router);
    await task.addTask();
    expect([(await one.app.counts()).new, (await two.app.counts()).new]).toEqual([0, 1]);
    expect(one.app.tasks.has("a")).toBe(true);
  });
});

describe("a shared task", () => {
  beforeEach(async () => {
    // Nobody is in charge.
    await createWorld().app.close();
  });

  test("registers on whichever application comes, and on every later one", async () => {
    const task = sharedTask({ name: "shared.one", retry: 2 }, (n: number) => n + 1);
    const [one, two] = [createWorld(), createWorld()];
    expect(one.app.tasks.get("shared.one")).toMatchObject({ retry: 2 });
    expect(two.app.tasks.get("shared.one")).toBe(task.schema);
    await two.started();
    expect((await task.with({ timeout: 5 }).addTask(1)).returning).toBe(2);
  });

  test("registers on an application that is there already", () => {
    const { app } = createWorld();
    sharedTask("shared.two", () => 1);
    expect(app.tasks.has("shared.two")).toBe(true);
  });

  test("is refused where its name is taken", () => {
    const { app } = createWorld();
    app.task("taken", () => 1);
    expect(() => sharedTask("taken", () => 2)).toThrow(DuplicateTaskError);
  });
});
