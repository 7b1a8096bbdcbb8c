import { describe, expect, test } from "vitest";
import { complaintOf, hasTerminal, once, Project } from "../project.js";

const project = new Project({
  "tasks/all.mjs": `
import { app } from "qtasks";
import { gate } from "../gate.mjs";
export const add = app.task("add", async (a, b) => a + b);
export const greet = app.task("greet", (name = "world") => "Hello, " + name + "!");
export const prints = app.task({ name: "prints", echo: true }, async (self) => {
  console.log("to stdout");
  console.error("to stderr");
  process.stdout.write("written\\n");
  self.ctx.getLogger("log").info("logged %d", 7);
  self.ctx.progress(1, 4, "a quarter");
  await self.ctx.sleep(0.01);
  return { printed: true };
});
export const boom = app.task("boom", async () => { throw new RangeError("it broke"); });
export const flaky = app.task({ name: "flaky", echo: true, retry: 2 }, async (self) => {
  if (self.ctx.attempt < 3) throw new Error("not yet");
  return self.ctx.attempt;
});
export const limit = app.task({ name: "limit", maxTime: 0.05 }, async () => await new Promise(() => {}));
export const stop = app.task({ name: "stop", echo: true }, async (self) => self.ctx.cancel());
export const hold = app.task("hold", async (key) => await gate(key));
export const double = app.task("double", async (number) => number * 2);
export const parent = app.task("parent", async (number) => {
  const calls = [double.with({ timeout: 60 }).addTask(number), double.with({ timeout: 60 }).addTask(number + 1)];
  const results = await Promise.all(calls);
  return await Promise.all(results.map((result) => result.value()));
});
`,
});

const run = (...words: string[]) => project.qtasks(["run", ...words]);

describe.concurrent("run", () => {
  test("works on the task here, with no worker needed, and prints the result", async () => {
    expect(await run("add", "2", "3")).toEqual({ code: 0, signal: null, stdout: "5\n", stderr: "" });
    expect(await run("greet", "Ada")).toMatchObject({ code: 0, stdout: "Hello, Ada!\n" });
  });

  test("keeps the same record as a worker would", async () => {
    const { uuid } = await project.json<{ uuid: string }>([
      "run",
      "add",
      "2",
      "3",
      "--tag",
      "mine",
      "--priority",
      "3",
    ]);
    expect(await project.json(["status", uuid])).toMatchObject([
      {
        status: "success",
        returning: 5,
        attempt: 1,
        tags: ["mine"],
        priority: 3,
        history: [{ attempt: 1, status: "success" }],
      },
    ]);
  });

  test("shows the task's output and progress on stderr, and on stdout the result alone", async () => {
    const { stdout, stderr } = await run("prints");
    expect(stdout).toBe('{"printed":true}\n');
    for (const line of ["to stdout", "to stderr", "written", "info log: logged 7", "prints 1/4 a quarter"])
      expect(stderr.split("\n")).toContain(line);
  });

  test("tells an error on stderr and exits 1", async () => {
    const ended = await run("boom");
    expect(ended).toMatchObject({ code: 1, stdout: "" });
    const { error, hint } = complaintOf(ended);
    expect(error).toBe("boom failed: it broke");
    expect(hint).toMatch(/`qtasks status [0-9a-f-]{36}`/);
  });

  test("retries here as a worker does, and says so", async () => {
    const { code, stdout, stderr } = await run("flaky");
    expect(code).toBe(0);
    expect(stdout).toBe("3\n");
    expect(stderr.match(/not yet/g)).toHaveLength(2);
  });

  test("--retry is for this run alone", async () => {
    expect(await run("flaky", "--retry", "1")).toMatchObject({ code: 1 });
  });

  test("keeps maxTime, of the task or of the flag", async () => {
    const ended = await run("limit");
    expect(ended.code).toBe(1);
    expect(complaintOf(ended).error).toBe("limit failed: Time limit exceeded for task limit: 0.05 seconds");
    const result = await project.json(["run", "hold", "for-ever", "--max-time", "0.1"]);
    expect(result).toMatchObject({ status: "error", error: { code: "E_MAX_TIME" } });
  });

  test("a task that cancels itself is exit 6", async () => {
    const ended = await run("stop");
    expect(ended).toMatchObject({ code: 6, stdout: "" });
    expect(ended.stderr).toContain("stop was cancelled: stop.cancel");
  });

  test("a task that queues others and waits for them gets their results, with no worker", async () => {
    expect(await run("parent", "4")).toMatchObject({ code: 0, stdout: "[8,10]\n" });
  });

  test("leaves other tasks of the queue alone", async () => {
    const uuid = await project.call(["add", "1", "1"]);
    await run("add", "2", "2");
    expect(await project.json(["status", uuid])).toMatchObject([{ status: "new", attempt: 0 }]);
  });

  once("without a name off a terminal is exit 2, with the names", async () => {
    const ended = await run();
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    const { hint } = complaintOf(ended);
    for (const name of ["add", "boom", "flaky", "greet", "hold", "parent"]) expect(hint).toContain(name);
  });

  test("keeps its task although a worker serves the same queue", async () => {
    const own = new Project({ "tasks/all.mjs": project.read("tasks/all.mjs") });
    const worker = await own.startWorker(["--name", "other", "--log-format", "json"]);
    const ended = await Promise.all(
      [1, 2, 3].map((n) => own.json<{ task: { worker: string } }>(["run", "double", `${n}`])),
    );
    for (const { task } of ended) expect(task.worker).not.toBe("other");
    worker.kill("SIGTERM");
    expect((await worker.ended).stdout).not.toContain("taskRunning");
  });
});

describe.concurrent("run, interrupted", () => {
  test.for([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("by %s cancels the task with the reason `interrupted` and exits %i", async ([signal, code]) => {
    const running = project.start(["run", "hold", signal]);
    await project.appears(`${signal}.began`);
    running.kill(signal);
    const ended = await running.ended;
    expect(ended).toMatchObject({ code, stdout: "" });
    expect(ended.stderr).toContain("hold was cancelled: interrupted");
  });

  test("leaves a record that says why", async () => {
    const own = new Project({ "tasks/all.mjs": project.read("tasks/all.mjs") });
    const running = own.start(["run", "hold", "x", "--json", "--retry", "3"]);
    await own.appears("x.began");
    running.kill("SIGINT");
    const { stdout } = await running.ended;
    expect(JSON.parse(stdout)).toMatchObject({ status: "cancel", cancelReason: "interrupted" });
    expect(await own.json(["status", "@last"])).toMatchObject([
      { status: "cancel", cancelReason: "interrupted" },
    ]);
  });
});

describe.skipIf(!hasTerminal)("run on a terminal", { concurrent: true }, () => {
  test("Ctrl-C cancels the task while the spinner turns", async () => {
    const running = project.startOnTerminal("qtasks run hold typed");
    await project.appears("typed.began");
    running.type("\u0003");
    const { code, stdout } = await running.ended;
    expect(stdout).toContain("hold was cancelled: interrupted");
    expect(code).toBe(130);
  });
});
