import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { INLINE, once, Project } from "../project.js";

const folder = fileURLToPath(new URL("../../../docs/schemas/", import.meta.url));
const names = readdirSync(folder).map((file) => file.replace(/\.json$/, ""));
const ajv = new Ajv2020({ allErrors: true, allowUnionTypes: true });
// No uuid: an id may be what another program called its job. A format that is not added here is refused.
ajv.addFormat("date-time", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
for (const name of names)
  ajv.addSchema(JSON.parse(readFileSync(`${folder}${name}.json`, "utf8")), `${name}.json`);

const NOBODY = "01900000-0000-7000-8000-000000000000";
const project = new Project(
  {
    "tasks/all.mjs": `
import { app, currentTask } from "qtasks";
import { gate } from "../gate.mjs";
export const add = app.task({ name: "add", tags: ["sum"], description: "Adds", owner: "me" }, async (a, b = 1, ...more) => a + b);
export const boom = app.task({ name: "boom", retry: 1, retryOnExc: [RangeError] }, async () => { throw new RangeError("it broke"); });
export const stop = app.task({ name: "stop", echo: true }, async (self) => self.ctx.cancel("enough"));
export const talk = app.task("talk", async () => {
  console.log("out"); console.error("err"); currentTask().getLogger().info("log");
  currentTask().progress(1, 2, "half"); currentTask().progress(2);
});
export const held = app.task("held", async (key) => { currentTask().progress(1); await gate(key); });`,
    "empty/tasks/none.mjs": "",
  },
  INLINE,
);
const told = new Set<string>();
let added = "";
let failed = "";
let talked = "";
let waiting = "";
let workerLog = "";

beforeAll(async () => {
  [added = "", talked = ""] = await project.queue(["add", 2, 3], ["talk"], ["stop"]);
  failed = await project.call(["boom"]);
  workerLog = (await project.burst(["--log-format", "json", "--log-level", "debug"])).stdout;
  waiting = await project.call(["add", "7", "--delay", "1h"]);
});

describe.concurrent("--json of", () => {
  test("list, of tasks and of none", async () => {
    await follows("list", ["list"]);
    await follows("list", ["list"], { cwd: "empty" });
  });

  test("call: a task, with --timeout what waiting came to, with --batch a number", async () => {
    await follows("task", ["call", "add", "1"]);
    await follows("async-result", ["call", "add", "1", "--timeout", "0"]);
    await follows("call-batch", ["call", "add", "--batch", "-"], { stdin: "[1]\n[2]\n" });
  });

  test("run, of each outcome", async () => {
    for (const words of [["add", "1"], ["boom"], ["stop"]]) await follows("async-result", ["run", ...words]);
  });

  test("status, of a queue where things run and where none do", async () => {
    await follows("status", ["status"], { cwd: "empty" });
    const own = new Project({ "tasks/all.mjs": project.read("tasks/all.mjs") }, INLINE);
    await own.queue(["held", "it"], ["boom"]);
    await own.startWorker(["--concurrency", "1"]);
    await own.appears("it.began");
    const seen = await follows<{ running: unknown[] }>("status", ["status"], {}, own);
    expect(seen.running).toHaveLength(1);
    own.go("it");
  });

  test("status with ids, and of a selection", async () => {
    await follows("tasks", ["status", added, failed, talked, waiting]);
    await follows("tasks", ["status", "--limit", "50"]);
    await follows("tasks", ["status", "--task", "nothing"]);
  });

  test("status --watch, a line each", async () => {
    const { stdout } = await project.qtasks(["status", "--watch", added, failed, "--json"]);
    expect(linesOf(stdout)).toHaveLength(2);
    for (const line of linesOf(stdout)) check("task", line);
  });

  test("result and wait, of each outcome", async () => {
    for (const uuid of [added, failed, waiting]) await follows("async-result", ["result", uuid]);
    await follows("wait", ["wait", added, failed, waiting, "--timeout", "0"]);
  });

  test("cancel and retry", async () => {
    const own = new Project({ "tasks/all.mjs": project.read("tasks/all.mjs") }, INLINE);
    const uuids = await own.queue(["add", 1], ["add", 2]);
    await follows("cancel", ["cancel", ...uuids], {}, own);
    await follows("cancel", ["cancel", ...uuids], {}, own);
    await follows("tasks", ["retry", ...uuids], {}, own);
    await follows("tasks", ["retry", "--status", "error"], {}, own);
  });

  test("logs, and a line of logs --follow", async () => {
    expect(await follows("logs", ["logs", talked])).toHaveLength(3);
    await follows("logs", ["logs", waiting]);
    const { stdout } = await project.qtasks(["logs", talked, "--follow", "--json"]);
    expect(linesOf(stdout)).toHaveLength(3);
    for (const line of linesOf(stdout)) check("log-line", line);
  });

  test("prune and purge", async () => {
    const own = new Project({ "tasks/all.mjs": "" }, INLINE);
    await own.queue(["add", 1]);
    await follows("removed", ["prune", "--age", "0"], {}, own);
    expect(await follows("removed", ["purge", "--yes"], {}, own)).toEqual({ removed: 1 });
  });

  test("move, there and back", async () => {
    const own = new Project({ "tasks/all.mjs": "" }, INLINE);
    await own.queue(["add", 1]);
    await follows("move", ["move", "--to", "sqlite:there.db", "--yes"], {}, own);
    await follows("move", ["move", "--back"], {}, own);
  });

  test("whatever is refused", async () => {
    for (const words of [
      ["status", NOBODY],
      ["wait", NOBODY],
      ["cancel", NOBODY],
      ["retry", waiting],
      ["logs", NOBODY],
      ["result", NOBODY],
    ])
      await follows("error", words);
  });

  once("whatever is refused without a look at the queue", async () => {
    for (const words of [
      ["status", "no id"],
      ["status", "--since", "long ago"],
      ["call", "nothing"],
      ["cancel", "--task", "add"],
      ["purge"],
      ["prune"],
      ["nonsense"],
      ["list", "--config", "none.ts"],
    ])
      await follows("error", words);
  });
});

test("every line of worker --log-format json follows its schema", () => {
  const lines = linesOf(workerLog) as { readonly event: string }[];
  for (const line of lines) check("worker-log", line);
  expect([...new Set(lines.map(({ event }) => event))].sort()).toEqual(
    [
      "taskCancel",
      "taskError",
      "taskOutput",
      "taskProgress",
      "taskRetry",
      "taskRunning",
      "taskSuccess",
    ].concat("workerStopping"),
  );
});

test.each(names)("%s.json says something: it refuses what is empty", (name) => {
  const validate = schema(name);
  expect([validate({}), validate([{}]), validate(null)]).toEqual([false, false, false]);
});

// What no command here prints by itself: `doctor` is tested with its command.
afterAll(() => {
  expect(names.filter((name) => !told.has(name))).toEqual(["doctor"]);
});

/** Runs a command and holds its one document to the schema. */
async function follows<T = unknown>(
  name: string,
  words: readonly string[],
  how: Parameters<Project["json"]>[1] = {},
  where = project,
): Promise<T> {
  const answer = await where.json<T>(words, how);
  check(name, answer);
  return answer;
}

function check(name: string, answer: unknown): void {
  told.add(name);
  const validate = schema(name);
  if (!validate(answer)) throw new Error(`${ajv.errorsText(validate.errors)}: ${JSON.stringify(answer)}`);
}

function schema(name: string): ValidateFunction {
  const validate = ajv.getSchema(`${name}.json`);
  if (validate === undefined) throw new Error(`There is no docs/schemas/${name}.json`);
  return validate;
}

function linesOf(stdout: string): readonly unknown[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as unknown);
}
