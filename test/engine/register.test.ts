import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BadOptionError, DuplicateTaskError, type QTasksError } from "../../src/core/errors.js";
import { AsyncTaskExecutor } from "../../src/executors/async.js";
import { SyncTaskExecutor } from "../../src/executors/sync.js";
import { taskOf } from "../../src/setup/app.js";
import { createWorld } from "./world.js";

const THIS_FILE = fileURLToPath(import.meta.url);
const LINES = readFileSync(THIS_FILE, "utf8").split("\n");

/** The line of this file that bears the mark. */
function lineOf(mark: string): number {
  return LINES.findIndex((line) => line.endsWith(`// ${mark}`)) + 1;
}

function refusal(register: () => unknown): QTasksError {
  try {
    register();
  } catch (error) {
    return error as QTasksError;
  }
  throw new Error("it was not refused");
}

describe("a task is registered", () => {
  test("as a function, by the name of the function", () => {
    const { app } = createWorld();
    const task = app.task(async function sendMail() {});
    expect(task.taskName).toBe("sendMail");
    expect([...app.tasks.keys()]).toEqual(["sendMail"]);
  });

  test("by a name and a function", () => {
    const { app } = createWorld();
    expect(app.task("mail.send", () => 1).taskName).toBe("mail.send");
    expect(app.tasks.has("mail.send")).toBe(true);
  });

  test("by options and a function", () => {
    const { app } = createWorld();
    expect(app.task({ name: "mail.send", retry: 2 }, () => 1).schema.retry).toBe(2);
    expect(app.task({ retry: 1 }, function other() {}).taskName).toBe("other");
  });

  test("by options and then a function, as a decorator is written", () => {
    const { app } = createWorld();
    expect(app.task({ name: "mail.send", retry: 2 })(() => 1).schema.retry).toBe(2);
  });

  test("under every name of ASCII letters, digits, `_ . : -` up to 200 characters", () => {
    const { app } = createWorld();
    for (const name of ["a", "A-b_c.d:e", "9", "x".repeat(200)]) {
      expect(app.task(name, () => 1).taskName).toBe(name);
    }
  });
});

describe("the two views of a registered task", () => {
  test("the user's is a function with the task's name, which has the raw function as `func`", () => {
    const { app } = createWorld();
    const raw = async (to: string) => `sent to ${to}`;
    const task = app.task("mail.send", raw);
    expect(task.name).toBe("mail.send");
    expect(task.func).toBe(raw);
    expect(Object.isFrozen(task)).toBe(true);
  });

  test("the schema is complete, read-only, and the same object everywhere", () => {
    const { app } = createWorld({ config: { taskDefaultPriority: 7, taskDefaultMaxTime: "1m" } });
    const func = async () => {};
    const task = app.task("bare", func);
    expect(task.schema).toEqual({
      name: "bare",
      priority: 7,
      func,
      awaiting: true,
      generating: false,
      echo: false,
      maxTime: 60,
      retry: 0,
      retryOnExc: null,
      retryDelay: { base: 0, factor: 1, max: Number.POSITIVE_INFINITY, jitter: 0 },
      decode: null,
      tags: [],
      description: null,
      generateHandler: null,
      executor: AsyncTaskExecutor,
      middlewaresBefore: [],
      middlewaresAfter: [],
      input: null,
      extra: {},
      source: { file: THIS_FILE, line: expect.any(Number) },
    });
    expect(Object.isFrozen(task.schema)).toBe(true);
    expect(app.tasks.get("bare")).toBe(task.schema);
    expect(app.worker.tasks.get("bare")).toBe(task.schema);
  });

  test("the schema has every option as it was given", () => {
    const { app } = createWorld();
    class Own extends AsyncTaskExecutor {}
    const decode = (result: unknown) => result;
    const generateHandler = (item: unknown) => item;
    const middleware = () => {};
    const retryDelay = () => 5;
    const { schema } = app.task(
      {
        name: "full",
        priority: -1,
        echo: true,
        maxTime: "1m30s",
        retry: 3,
        retryOnExc: [TypeError],
        retryDelay,
        decode,
        tags: ["a", "b", "a"],
        description: "what it does",
        generateHandler,
        executor: Own,
        middlewaresBefore: [middleware],
        middlewaresAfter: [middleware, middleware],
      },
      async (_self) => {},
    );
    expect(schema).toMatchObject({
      priority: -1,
      echo: true,
      maxTime: 90,
      retry: 3,
      retryOnExc: [TypeError],
      retryDelay,
      decode,
      tags: ["a", "b"],
      description: "what it does",
      generateHandler,
      executor: Own,
      middlewaresBefore: [middleware],
      middlewaresAfter: [middleware, middleware],
    });
  });

  test("options that are not known are kept as `extra` on both", () => {
    const { app } = createWorld();
    const task = app.task({ name: "a", owner: "ada", cost: { eur: 1 }, retry: 1 }, () => 1);
    expect(task.extra).toEqual({ owner: "ada", cost: { eur: 1 } });
    expect(task.schema.extra).toEqual({ owner: "ada", cost: { eur: 1 } });
  });

  test.each<[string, () => unknown, object]>([
    ["a plain function", () => 1, { awaiting: false, generating: false, executor: SyncTaskExecutor }],
    ["an async function", async () => 1, { awaiting: true, generating: false, executor: AsyncTaskExecutor }],
    ["a generator", function* () {}, { awaiting: false, generating: "sync", executor: SyncTaskExecutor }],
    [
      "an async generator",
      async function* () {},
      { awaiting: true, generating: "async", executor: AsyncTaskExecutor },
    ],
  ])("%s is known as one", (_, func, form) => {
    const { app } = createWorld();
    expect(app.task("a", func).schema).toMatchObject(form);
  });

  test("a growing retryDelay is completed: factor 2, at most an hour, no jitter", () => {
    const { app } = createWorld();
    expect(app.task({ name: "a", retryDelay: { base: "5s" } }, () => 1).schema.retryDelay).toEqual({
      base: 5,
      factor: 2,
      max: 3600,
      jitter: 0,
    });
    const full = { base: 1, factor: 1.5, max: "1m", jitter: 0.2 };
    expect(app.task({ name: "b", retryDelay: full }, () => 1).schema.retryDelay).toEqual({
      ...full,
      max: 60,
    });
  });

  test("the source is the place where it was registered", () => {
    const { app } = createWorld();
    const first = app.task("first", () => 1); // first
    const second = app.task({ name: "second" })(() => 1); // second
    expect(first.schema.source).toEqual({ file: THIS_FILE, line: lineOf("first") });
    expect(second.schema.source).toEqual({ file: THIS_FILE, line: lineOf("second") });
  });
});

describe("a registration is refused", () => {
  test("when the function has no name and none is given", () => {
    const { app } = createWorld();
    const error = refusal(() => app.task(() => 1));
    expect(error).toBeInstanceOf(BadOptionError);
    expect(error.message).toMatch(/anonymous/);
    expect(refusal(() => app.task({ retry: 1 }, async () => 1)).message).toMatch(/anonymous/);
    expect(refusal(() => app.task({ retry: 1 })(() => 1)).message).toMatch(/anonymous/);
    expect(app.tasks.size).toBe(0);
  });

  test.each(["", "a b", "a/b", "ä", "x".repeat(201), "a\n", 5])("for the name %j", (name) => {
    const { app } = createWorld();
    expect(refusal(() => app.task({ name: name as string }, () => 1))).toBeInstanceOf(BadOptionError);
  });

  test.each<[string, unknown]>([
    ["priority", 1.5],
    ["priority", "1"],
    ["priority", Number.NaN],
    ["echo", "yes"],
    ["echo", 1],
    ["maxTime", 0],
    ["maxTime", -1],
    ["maxTime", "soon"],
    ["maxTime", Number.POSITIVE_INFINITY],
    ["retry", -1],
    ["retry", 1.5],
    ["retry", "3"],
    ["retryOnExc", TypeError],
    ["retryOnExc", ["TypeError"]],
    ["retryOnExc", [() => 1]],
    ["retryDelay", -1],
    ["retryDelay", "soon"],
    ["retryDelay", true],
    ["retryDelay", { base: 1, faktor: 2 }],
    ["decode", "json"],
    ["tags", "mail"],
    ["tags", ["a", ""]],
    ["tags", ["a", 5]],
    ["description", 5],
    ["generateHandler", {}],
    ["executor", () => 1],
    ["executor", class {}],
    ["middlewaresBefore", () => 1],
    ["middlewaresBefore", [{}]],
    ["middlewaresAfter", ["x"]],
    ["input", {}],
    ["input", { "~standard": {} }],
  ])("for the option %s: %o, naming the option, the value and the task", (option, value) => {
    const { app } = createWorld();
    const error = refusal(() => app.task({ name: "mail.send", [option]: value }, () => 1));
    expect(error).toBeInstanceOf(BadOptionError);
    expect(error.code).toBe("E_BAD_OPTION");
    expect(error.message).toMatch(new RegExp(`^${option} of task "mail.send" is .+\\.$`));
    expect(error.hint).toMatch(/^Give /);
    expect(app.tasks.size).toBe(0);
  });

  test.each<[object, RegExp]>([
    [{}, /^retryDelay\.base of task "a" is undefined/],
    [{ base: -1 }, /^retryDelay\.base of task "a" is -1/],
    [{ base: 1, factor: -1 }, /^retryDelay\.factor of task "a" is -1/],
    [{ base: 1, factor: Number.POSITIVE_INFINITY }, /^retryDelay\.factor/],
    [{ base: 1, max: "x" }, /^retryDelay\.max of task "a" is "x"/],
    [{ base: 1, jitter: 1.1 }, /^retryDelay\.jitter of task "a" is 1\.1/],
  ])("for a wrong part of retryDelay: %o", (retryDelay, message) => {
    const { app } = createWorld();
    const error = refusal(() => app.task({ name: "a", retryDelay: retryDelay as { base: number } }, () => 1));
    expect(error.message).toMatch(message);
  });

  test("for what is no function, no name and no options", () => {
    const { app } = createWorld();
    const task = app.task as (...args: unknown[]) => unknown;
    expect(refusal(() => task(5)).message).toBe("app.task was given 5.");
    expect(refusal(() => task(null)).message).toBe("app.task was given null.");
    expect(refusal(() => task("name")).message).toMatch(/undefined as the task's function/);
    expect(refusal(() => task({}, "text")).message).toMatch(/"text" as the task's function/);
    expect(refusal(() => (task({}) as (func: unknown) => unknown)(5)).message).toMatch(/5 as the task's/);
  });

  test("for a name that is taken, naming both places", () => {
    const { app } = createWorld();
    app.task("twin", () => 1); // elder twin
    const error = refusal(() => app.task("twin", () => 2)); // younger twin
    expect(error).toBeInstanceOf(DuplicateTaskError);
    expect(error.code).toBe("E_DUPLICATE_TASK");
    expect(error.message).toBe(
      `Two tasks are called "twin": one at ${THIS_FILE}:${lineOf("elder twin")}, ` +
        `one at ${THIS_FILE}:${lineOf("younger twin")}.`,
    );
    expect(app.tasks.get("twin")?.func()).toBe(1);
  });
});

describe("a static method is registered by a standard decorator", () => {
  type Fixture = typeof import("./decorated.js");
  const folder = mkdtempSync(join(tmpdir(), "qtasks-decorated-"));
  let fixture: Fixture;

  beforeAll(async () => {
    const source = readFileSync(new URL("decorated.ts", import.meta.url), "utf8");
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    });
    const file = join(folder, "decorated.mjs");
    writeFileSync(file, outputText);
    fixture = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as Fixture;
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test("by the name of the method, or the one given", () => {
    const { app } = createWorld();
    fixture.decorate(app);
    expect([...app.tasks.keys()]).toEqual(["nightly", "reports.weekly"]);
    expect(app.tasks.get("nightly")).toMatchObject({ retry: 2, tags: ["nightly"], awaiting: true });
    expect(app.tasks.get("reports.weekly")).toMatchObject({ generating: "sync" });
  });

  test("and is the task from then on", () => {
    const { app } = createWorld();
    const { nightly } = fixture.decorate(app);
    expect(taskOf(nightly).taskName).toBe("nightly");
    expect(taskOf(nightly)("monday").args).toEqual(["monday"]);
  });

  test("with the class as `this` when it runs", async () => {
    const world = createWorld();
    fixture.decorate(world.app);
    const nightly = await world.app.addTask("nightly", ["monday"]);
    const weekly = await world.app.addTask("reports.weekly", [2]);
    await world.work();
    expect((await world.task(nightly.uuid)).returning).toEqual([true, "Report of monday", "end"]);
    expect((await world.task(weekly.uuid)).returning).toEqual(["Report 1", "Report 2"]);
  });

  test.each(["instance", "private", "accessor"] as const)("but no %s member", (kind) => {
    const { app } = createWorld();
    const error = refusal(() => fixture.decorateWrongly(app, kind));
    expect(error).toBeInstanceOf(BadOptionError);
    expect(error.message).toMatch(/only public static methods|decorates methods/);
    expect(app.tasks.size).toBe(0);
  });

  test("and the old kind of decorator is told apart", () => {
    const { app } = createWorld();
    const decorator = app.task({ name: "a" }) as unknown as (...args: unknown[]) => unknown;
    expect(refusal(() => decorator({}, "nightly", {})).hint).toMatch(/experimentalDecorators/);
  });
});
