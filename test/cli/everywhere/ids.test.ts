import { beforeAll, describe, expect, test } from "vitest";
import { complaintOf, hasTerminal, INLINE, once, Project, UUID } from "../project.js";

const project = new Project(
  {
    "tasks/all.mjs": `
import { app } from "qtasks";
export const add = app.task("add", async (a, b) => a + b);
export const text = app.task("text", async () => "line one\\nline two");
export const boom = app.task({ name: "boom", retry: 1 }, async () => { throw new RangeError("it broke"); });
export const stop = app.task({ name: "stop", echo: true }, async (self) => self.ctx.cancel("enough"));`,
    "broken/tasks/broken.ts": "this is no TypeScript",
  },
  INLINE,
);
const NOBODY = "01900000-0000-7000-8000-000000000000";
let added = "";
let text = "";
let failed = "";
let stopped = "";
let waiting = "";

beforeAll(async () => {
  [added = "", text = "", stopped = ""] = await project.queue(["add", 2, 3], ["text"], ["stop"]);
  failed = await project.call(["boom"]);
  await project.burst();
  waiting = await project.call(["add", "7", "8", "--tag", "late"]);
});

describe.concurrent("result", () => {
  test("prints the stored result as `call --timeout` would", async () => {
    expect(await project.qtasks(["result", added])).toEqual({
      code: 0,
      signal: null,
      stdout: "5\n",
      stderr: "",
    });
    expect(await project.qtasks(["result", text])).toMatchObject({ code: 0, stdout: "line one\nline two\n" });
  });

  test("of a task that failed is exit 1, with its message", async () => {
    const ended = await project.qtasks(["result", failed]);
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(complaintOf(ended).error).toContain("it broke");
  });

  test("of a cancelled task is exit 6, of one that is not finished 124 with its id on stderr", async () => {
    expect(await project.qtasks(["result", stopped])).toMatchObject({ code: 6, stdout: "" });
    const ended = await project.qtasks(["result", waiting]);
    expect(ended).toMatchObject({ code: 124, stdout: "" });
    expect(complaintOf(ended).error).toContain(waiting);
  });

  test("--json prints the AsyncResult", async () => {
    expect(await project.json(["result", failed])).toMatchObject({
      uuid: failed,
      status: "error",
      done: true,
      returning: null,
      error: { name: "RangeError", message: "it broke", code: "E_TASK" },
      traceback: expect.stringContaining("all.mjs"),
      attempt: 2,
      task: { taskName: "boom" },
    });
  });
});

describe.concurrent("status ID", () => {
  test("shows the whole record, its attempts and errors", async () => {
    const { code, stdout } = await project.qtasks(["status", failed]);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^${failed}\ntask +boom\nstatus +error\nargs +\\[\\]\n`));
    expect(stdout).toMatch(/^attempt +2 of 2$/m);
    expect(stdout).toMatch(/^error +it broke \(E_TASK\)$/m);
    expect(stdout).toMatch(/^ +1 +error .* it broke$/m);
    expect(stdout).toMatch(/^ +2 +error .* it broke$/m);
    expect(stdout).toContain("RangeError: it broke");
  });

  test("of a task that waits says why", async () => {
    const { stdout, stderr } = await project.qtasks(["status", waiting]);
    expect(stdout).toMatch(/^tags +late$/m);
    expect(stderr).toMatch(/^hint: No worker runs on this queue\./);
  });

  test("of several gives their records in the order of the ids, as JSON too", async () => {
    const { stdout } = await project.qtasks(["status", stopped, added]);
    expect(stdout.indexOf(stopped)).toBeLessThan(stdout.indexOf(added));
    expect(await project.json(["status", stopped, added])).toMatchObject([
      { uuid: stopped, status: "cancel", cancelReason: "enough" },
      { uuid: added, status: "success", returning: 5, args: [2, 3] },
    ]);
  });

  test("without an id tells counts and why nothing happens", async () => {
    expect(await project.json(["status"])).toMatchObject({
      counts: { success: 2, error: 1, cancel: 1, new: 1, process: 0 },
      workers: [],
      oldestWaiting: expect.any(Number),
      why: [{ code: "no-worker" }],
    });
  });
});

describe.concurrent("wait", () => {
  test("with one id prints its result as `result` does", async () => {
    expect(await project.qtasks(["wait", added])).toMatchObject({ code: 0, stdout: "5\n" });
    expect(await project.qtasks(["wait", stopped])).toMatchObject({ code: 6, stdout: "" });
  });

  test("with several prints a line each, and exits by the first of 4, 1, 6, 124 that applies", async () => {
    const both = await project.qtasks(["wait", added, text]);
    expect(both).toMatchObject({
      code: 0,
      stdout: `${added}  success  add  5\n${text}  success  text  line one\\nline two\n`,
    });
    const one = await project.qtasks(["wait", stopped, failed, added]);
    expect(one.code).toBe(1);
    expect(one.stdout).toContain(`${failed}  error  boom  it broke\n`);
    expect(await project.qtasks(["wait", stopped, waiting, "--timeout", "0"])).toMatchObject({ code: 6 });
    expect(await project.qtasks(["wait", added, waiting, "--timeout", "0"])).toMatchObject({ code: 124 });
    expect(await project.qtasks(["wait", failed, NOBODY])).toMatchObject({ code: 4 });
  });

  test("--json is an array of AsyncResult", async () => {
    expect(await project.json(["wait", stopped, waiting, "--timeout", "0.05"])).toMatchObject([
      { uuid: stopped, done: true, status: "cancel" },
      { uuid: waiting, done: false, status: "new" },
    ]);
  });

  test("--any ends with the first that is done", async () => {
    const { code, stdout } = await project.qtasks(["wait", "--any", waiting, added, "--json"]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject([{ uuid: added, status: "success" }]);
  });

  test("ends when the task does, in whichever process", async () => {
    const own = new Project({ "tasks/all.mjs": project.read("tasks/all.mjs") }, INLINE);
    const [uuid = ""] = await own.queue(["add", 20, 22]);
    const wait = own.start(["wait", uuid]);
    await own.burst();
    expect(await wait.ended).toMatchObject({ code: 0, stdout: "42\n" });
  });

  test.skipIf(!hasTerminal)("interrupted, it says that the task goes on and exits 130", async () => {
    const wait = project.startOnTerminal(`qtasks wait ${waiting}`);
    // The second turn of the spinner: by then it listens.
    await wait.says(/waiting for.*waiting for/s);
    wait.type("\u0003");
    const { code, stdout } = await wait.ended;
    expect(code).toBe(130);
    expect(stdout).toContain("The task goes on.");
    expect(await project.json(["status", waiting])).toMatchObject([{ status: "new" }]);
  });
});

describe.concurrent("an id", () => {
  test("may be a unique prefix, in capitals as well", async () => {
    const ids = [added, text, failed, stopped, waiting];
    const length = added.length;
    const unique = Array.from({ length }, (_, end) => added.slice(0, end + 1)).find(
      (prefix) => ids.filter((id) => id.startsWith(prefix)).length === 1,
    );
    expect(await project.qtasks(["result", unique ?? ""])).toMatchObject({ code: 0, stdout: "5\n" });
    expect(await project.qtasks(["result", added.toUpperCase()])).toMatchObject({ code: 0, stdout: "5\n" });
  });

  test("that is an ambiguous prefix is exit 2, with examples; so for any command and as JSON", async () => {
    const ended = await project.qtasks(["result", "0"]);
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(complaintOf(ended).hint).toMatch(/[0-9a-f-]{36}, [0-9a-f-]{36}/);
    for (const command of ["status", "wait"]) {
      const json = await project.qtasks([command, added, "0", "--json"]);
      expect(json.code).toBe(2);
      expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: "E_AMBIGUOUS_ID" } });
    }
  });

  test("that no task has is exit 4, and the others are still answered", async () => {
    const alone = await project.qtasks(["status", NOBODY]);
    expect(alone).toMatchObject({ code: 4, stdout: "" });
    expect(complaintOf(alone).error).toContain(NOBODY);
    expect(await project.qtasks(["result", "ffff"])).toMatchObject({ code: 4, stdout: "" });
    const { code, stdout } = await project.qtasks(["status", NOBODY, added, "--json"]);
    expect(code).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject([{ uuid: added }]);
    expect(await project.json(["status", NOBODY])).toMatchObject({ error: { code: "E_UNKNOWN_ID" } });
    expect(await project.json(["wait", NOBODY])).toMatchObject({ error: { code: "E_UNKNOWN_ID" } });
  });

  test("that can be no id is exit 2", async () => {
    for (const word of ["", "x".repeat(1001)]) {
      const ended = await project.qtasks(["result", word]);
      expect(ended).toMatchObject({ code: 2, stdout: "" });
      expect(complaintOf(ended).error).toContain(word);
    }
  });

  test("may come from stdin with -, one or many a line", async () => {
    const stdin = `${added} ${text}\n\n${stopped}\n`;
    const tasks = await project.json<{ uuid: string }[]>(["status", "-"], { stdin });
    expect(tasks.map(({ uuid }) => uuid)).toEqual([added, text, stopped]);
    expect(await project.shell(`echo ${added} | qtasks result -`)).toMatchObject({ code: 0, stdout: "5\n" });
    expect(await project.qtasks(["wait", "-"], { stdin: "" })).toMatchObject({ code: 2 });
  });

  once("@last is the one queued last from this folder, by `call`, `run` or a batch", async () => {
    const own = new Project({ "tasks/all.mjs": project.read("tasks/all.mjs"), "sub/.keep": "" }, INLINE);
    const nothing = await own.qtasks(["result", "@last"]);
    expect(nothing).toMatchObject({ code: 2, stdout: "" });
    expect(complaintOf(nothing).error).toContain("@last");
    const uuid = await own.call(["add", "1", "1"]);
    expect(await own.json(["status", "@last"])).toMatchObject([{ uuid }]);
    await own.qtasks(["run", "add", "2", "2"]);
    expect(await own.qtasks(["result", "@last"])).toMatchObject({ code: 0, stdout: "4\n" });
    await own.qtasks(["call", "add", "--batch", "-"], { stdin: "[3, 3]\n[4, 4]" });
    expect(await own.json(["status", "@last"])).toMatchObject([{ args: [4, 4] }]);
  });
});

describe.concurrent("a broken task file", () => {
  once("does not stop an operator: status, wait and result import no task modules", async () => {
    const queue = ["--broker", project.broker];
    const how = { cwd: "broken" };
    expect(await project.qtasks(["list"], how)).toMatchObject({ code: 3 });
    expect(await project.qtasks(["status", ...queue], how)).toMatchObject({ code: 0 });
    expect(await project.qtasks(["result", added, ...queue], how)).toMatchObject({ code: 0, stdout: "5\n" });
    expect(await project.qtasks(["wait", added, ...queue], how)).toMatchObject({ code: 0, stdout: "5\n" });
    expect(added).toMatch(UUID);
  });
});
