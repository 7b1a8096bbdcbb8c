import { beforeAll, describe, expect, test } from "vitest";
import { complaintOf, Project } from "./project.js";

const project = new Project({
  "qtasks.config.json": '{ "maxPayload": 5000 }',
  "tasks/all.mjs": `
import { app, AsyncTaskExecutor } from "qtasks";
app.task("throws.undefined", async () => { throw undefined; });
app.task("throws.null", async () => { throw null; });
app.task("throws.text", async () => { throw "just text"; });
app.task("throws.circle", async () => { const circle = {}; circle.self = circle; throw circle; });
app.task("throws.coded", async () => { throw Object.assign(new Error("gone"), { code: "ENOENT" }); });
app.task("returns.map", async () => ({ list: [1, { deep: new Map() }] }));
app.task("returns.circle", async () => { const circle = {}; circle.self = circle; return circle; });
app.task("returns.much", async () => "x".repeat(5000));
app.task("returns.nothing", async () => undefined);
app.task({ name: "decode.throws", decode: () => { throw new Error("no decoding"); } }, async () => 1);
app.task({ name: "decode.map", decode: () => new Map() }, async () => 1);
app.task({ name: "middleware.before", middlewaresBefore: [() => { throw new Error("not let in"); }] }, async () => 1);
app.task({ name: "middleware.after", middlewaresAfter: [() => { throw new Error("not let out"); }] }, async () => 1);
class Throwing extends AsyncTaskExecutor {
  async beforeExecute() { throw new Error("the executor broke"); }
}
app.task({ name: "executor.throws", executor: Throwing }, async () => 1);
class Unmade extends AsyncTaskExecutor {
  constructor(...given) { super(...given); throw new Error("not made"); }
}
app.task({ name: "executor.unmade", executor: Unmade }, async () => 1);
app.task({ name: "handler.throws", generateHandler: () => { throw new Error("no item"); } }, function* () { yield 1; });
app.task("sound", async () => "sound");
app.task("everything", async () => {
  const names = [...app.tasks.keys()].filter((name) => name !== "everything");
  return (await app.addTasks(names.map((taskName) => ({ taskName, args: [], options: {} })))).map(({ uuid }) => uuid);
});
`,
});

interface Task {
  readonly uuid: string;
  readonly taskName: string;
  readonly status: string;
  readonly returning: unknown;
  readonly error: { readonly code: string; readonly message: string } | null;
}

const EXPECTED: Readonly<Record<string, readonly [code: string, message: RegExp]>> = {
  "throws.undefined": ["E_TASK", /^It threw undefined\.$/],
  "throws.null": ["E_TASK", /^It threw null\.$/],
  "throws.text": ["E_TASK", /^just text$/],
  "throws.circle": ["E_TASK", /Circular/],
  "throws.coded": ["ENOENT", /^gone$/],
  "returns.map": ["E_NOT_JSON", /^result\.list\[1\]\.deep is a Map/],
  "returns.circle": ["E_NOT_JSON", /^result\.self is part of a cycle/],
  "returns.much": ["E_TOO_LARGE", /^result takes 5002 bytes/],
  "decode.throws": ["E_DECODE", /no decoding$/],
  "decode.map": ["E_NOT_JSON", /^result is a Map/],
  "middleware.before": ["E_TASK", /^not let in$/],
  "middleware.after": ["E_TASK", /^not let out$/],
  "executor.throws": ["E_TASK", /^the executor broke$/],
  "executor.unmade": ["E_TASK", /^not made$/],
  "handler.throws": ["E_TASK", /^no item$/],
};

describe("a worker", () => {
  const records = new Map<string, Task>();
  let code: number | null = null;

  beforeAll(async () => {
    const [all = ""] = await project.queue(["everything"]);
    code = (await project.burst()).code;
    const { returning: ids } = await project.json<{ returning: string[] }>(["result", all]);
    for (const task of await project.json<Task[]>(["status", ...ids])) records.set(task.taskName, task);
  });

  test("lives through every way in which a task can fail, and a burst of it exits 1", () => {
    expect(code).toBe(1);
    expect(records.get("sound")).toMatchObject({ status: "success", returning: "sound" });
  });

  test.for(Object.entries(EXPECTED))("stores what went wrong: %s", ([name, [errorCode, message]]) => {
    expect(records.get(name)).toMatchObject({
      status: "error",
      returning: null,
      error: { code: errorCode, message: expect.stringMatching(message) },
    });
  });

  test("stores null for a task that returns nothing", () => {
    expect(records.get("returns.nothing")).toMatchObject({ status: "success", returning: null, error: null });
  });

  test("knows of no other outcome", () => {
    expect([...records.keys()].toSorted()).toEqual(
      [...Object.keys(EXPECTED), "returns.nothing", "sound"].toSorted(),
    );
  });
});

describe.concurrent("run", () => {
  test("of such a task is exit 1 with one error: and one hint: line", async () => {
    const failing = [
      "throws.undefined",
      "returns.map",
      "decode.throws",
      "middleware.before",
      "executor.throws",
    ];
    const ends = await Promise.all(failing.map((name) => project.qtasks(["run", name])));
    for (const ended of ends) {
      expect(ended).toMatchObject({ code: 1, stdout: "" });
      complaintOf(ended);
    }
  });
});
