import { describe, expect, test } from "vitest";
import { complaintOf, type How, INLINE, Project } from "./project.js";

const project = new Project(
  {
    "qtasks.config.json": '{ "maxPayload": 2000 }',
    "tasks/echo.mjs": `
import { app } from "qtasks";
export const echo = app.task("echo", async (...args) => args);
export const mail = app.task("mail", async (to, subject, copies = 1) => [to, subject, copies]);
export const ping = app.task("ping", async () => "pong");`,
    "args.json": '[{ "from": "a file" }, 2]',
    "list.txt": "[1, 2",
    "object.json": '{ "to": "ada" }',
  },
  INLINE,
);

/** What the task is queued with. */
async function seen(words: readonly string[], how: How = {}): Promise<unknown> {
  const { args } = await project.json<{ args: unknown }>(["call", "echo", ...words], how);
  return args;
}

/** The complaint of a call that is refused as a wrong use: exit 2, nothing on stdout. */
async function refused(words: readonly string[], how: How = {}) {
  const ended = await project.qtasks(words, how);
  expect(ended).toMatchObject({ code: 2, stdout: "" });
  return complaintOf(ended);
}

describe.concurrent("arguments of a task", () => {
  test("each word is JSON if it parses as JSON, else text", async () => {
    const words = [
      "2",
      "-3.5",
      "true",
      "null",
      '"quoted"',
      "plain",
      '{"a":[1]}',
      "[1,2]",
      "",
      " ",
      "{broken",
      "0x1f",
    ];
    const args = [2, -3.5, true, null, "quoted", "plain", { a: [1] }, [1, 2], "", " ", "{broken", "0x1f"];
    expect(await seen(words)).toEqual(args);
  });

  test("a negative number is an argument, not a flag", async () => {
    expect(await seen(["-1", "-0.5", "2"])).toEqual([-1, -0.5, 2]);
  });

  test("--raw takes all words as text", async () => {
    expect(await seen(["--raw", "2", "true", "a=b", "n:=3", '{"a":1}'])).toEqual([
      "2",
      "true",
      "a=b",
      "n:=3",
      '{"a":1}',
    ]);
  });

  test("key=text and key:=json words are gathered into one object at the end", async () => {
    expect(await seen(["to=ada", "first", "n:=3", "tags:=[1]", "empty=", "text=3"])).toEqual([
      "first",
      { to: "ada", n: 3, tags: [1], empty: "", text: "3" },
    ]);
  });

  test("a key may hold dots and dashes, and its text may hold further equals signs", async () => {
    expect(await seen(["user.first-name=a=b"])).toEqual([{ "user.first-name": "a=b" }]);
  });

  test("__proto__=x is data like any other key", async () => {
    const { stdout } = await project.qtasks(["run", "echo", "__proto__=x", 'constructor:={"a":1}']);
    expect(stdout).toBe('[{"__proto__":"x","constructor":{"a":1}}]\n');
  });

  test("after -- every word is positional, whatever it looks like", async () => {
    expect(await seen(["1", "--", "--json", "-x", "a=b", "2", "--"])).toEqual([
      1,
      "--json",
      "-x",
      "a=b",
      2,
      "--",
    ]);
  });

  test("--args gives the whole list as JSON", async () => {
    expect(await seen(["--args", '[2, { "a": null }, "x"]'])).toEqual([2, { a: null }, "x"]);
  });

  test("--args @file reads the list from a file", async () => {
    expect(await seen(["--args", "@args.json"])).toEqual([{ from: "a file" }, 2]);
  });

  test("--args - reads the list from stdin", async () => {
    expect(await seen(["--args", "-"], { stdin: '["from stdin"]' })).toEqual(["from stdin"]);
  });

  test("text of any script and emoji comes back as it was", async () => {
    expect(await seen(["größe", "日本", "🙂", "tab\there"])).toEqual(["größe", "日本", "🙂", "tab\there"]);
  });

  test("a missing argument is refused by name, with the task's parameters", async () => {
    const { error, hint } = await refused(["call", "mail", "ada"]);
    expect(error).toContain("subject is missing");
    expect(hint).toContain("mail <to> <subject> [copies]");
  });

  test("a surplus argument is refused", async () => {
    expect((await refused(["call", "mail", "a", "b", "1", "2"])).error).toContain(
      "at most 3 arguments and got 4",
    );
    expect((await refused(["run", "ping", "x"])).error).toContain("takes no arguments and got 1");
  });

  test("a key:= word that holds no JSON is refused by its key", async () => {
    expect((await refused(["call", "echo", "n:=three"])).error).toContain("n:= is not JSON");
  });

  test("--args that is no JSON, no list or no file is refused", async () => {
    expect((await refused(["call", "echo", "--args", "[1,"])).error).toContain("--args is not JSON");
    expect((await refused(["call", "echo", "--args", "@object.json"])).error).toContain("not a list");
    expect((await refused(["call", "echo", "--args", "@nowhere.json"])).error).toContain(
      "nowhere.json cannot be read",
    );
  });

  test("words beside --args are refused", async () => {
    expect((await refused(["call", "echo", "1", "--args", "[2]"])).error).toContain("both");
  });

  test("a whole number that would change silently is refused, wherever it stands", async () => {
    const huge = "12345678901234567890";
    const ways = [[`{"a":[-${huge}]}`], [`n:=${huge}`], ["--args", `[${huge}]`]];
    const refusals = await Promise.all(ways.map((words) => refused(["call", "echo", ...words])));
    for (const { error } of refusals) expect(error).toContain(huge);
  });

  test("a whole number that is too large for a number is taken as text where it is text", async () => {
    const huge = "12345678901234567890";
    expect(await seen([`"${huge}"`, `a=${huge}`, `{"b":"${huge}"}`])).toEqual([
      huge,
      { b: huge },
      { a: huge },
    ]);
  });

  test("a number beyond all numbers is refused with its path", async () => {
    expect((await refused(["call", "echo", '{"a":[1e999]}'])).error).toContain("args[0].a[0] is Infinity");
  });

  test("arguments over maxPayload are refused with their size", async () => {
    const { error, hint } = await refused(["call", "echo", "x".repeat(2000)]);
    expect(error).toContain("2004 bytes");
    expect(hint).toContain("maxPayload");
  });

  test("what was refused has queued nothing", async () => {
    const own = new Project({ "tasks/echo.mjs": project.read("tasks/echo.mjs") }, INLINE);
    await own.qtasks(["call", "mail", "ada"]);
    await own.qtasks(["call", "echo", "1e999"]);
    expect(await own.json(["status"])).toMatchObject({ counts: { new: 0 }, tasks: [] });
  });
});

describe.concurrent("an input schema", () => {
  const own = new Project(
    {
      "tasks/order.mjs": `
import { app } from "qtasks";
const schema = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value) => {
      const issues = [];
      if (typeof value.count !== "number") issues.push({ message: "a number is wanted", path: ["count"] });
      if (typeof value.to !== "string") issues.push({ message: "text is wanted", path: ["to"] });
      return issues.length > 0 ? { issues } : { value };
    },
  },
};
export const order = app.task({ name: "order", input: schema }, async (order) => order);`,
    },
    INLINE,
  );

  test("refuses with one line a field and exit 2, and nothing is stored", async () => {
    const ended = await own.qtasks(["call", "order", "count=two"]);
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(ended.stderr).toMatch(
      /^error: order refuses its input:\n {2}count: a number is wanted\n {2}to: text is wanted\nhint: /,
    );
    expect(await own.json(["status"])).toMatchObject({ counts: { new: 0, error: 0 } });
  });

  test("takes what fits", async () => {
    expect(await own.qtasks(["run", "order", "count:=2", "to=ada"])).toMatchObject({
      code: 0,
      stdout: '{"count":2,"to":"ada"}\n',
    });
  });
});
