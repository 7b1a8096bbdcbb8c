import { describe, expect, test } from "vitest";
import { complaintOf, logLines, once, Project, UUID } from "../project.js";

interface Result {
  readonly uuid: string;
  readonly status: string;
  readonly done: boolean;
  readonly returning: unknown;
  readonly attempt: number;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly cancelReason: string | null;
}

/** What needs the compiler: decorators, and types. */
const TYPED = `
import { app, TaskMiddleware } from "qtasks";

class DownError extends Error {}
class TimeoutError extends DownError {}
const retried = { echo: true, retry: 3, retryOnExc: [DownError] } as const;

export const flaky = app.task({ name: "flaky", ...retried }, async (self) => {
  if (self.ctx.attempt === 1) throw new DownError("down");
  if (self.ctx.attempt === 2) throw new TimeoutError("a subclass");
  return "up";
});
export const unlisted = app.task({ name: "unlisted", ...retried }, async (self) => {
  throw new TypeError("not in the list");
});

export class Reports {
  @app.task({ name: "reports.nightly", retry: 2 })
  static async nightly(day: string) {
    return "report of " + day;
  }
}

export const squares = app.task(
  { name: "squares", generateHandler: async (item: number) => item * item },
  async function* (count: number) {
    for (let number = 1; number <= count; number++) yield number;
  },
);
export const evens = app.task({ name: "evens" }, function* () {
  yield 2;
  yield 4;
});

class NotOnSundays extends TaskMiddleware {
  handle(executor) {
    if (executor.args[0] === "sunday") executor.ctx.cancel("never on a sunday");
  }
}
export const bells = app.task({ name: "bells", middlewaresBefore: [NotOnSundays] }, async (day: string) => day);
`;

const PLAIN = `
import { app } from "qtasks";
import { gate } from "../gate.mjs";

export const hold = app.task("hold", async (key) => await gate(key));
export const mark = app.task("mark", async (label) => label);
export const slow = app.task("slow", async () => {
  await gate("slow");
  return "slow and done";
});
export const double = app.task("double", async (number) => number * 2);
export const parent = app.task({ name: "parent", echo: true }, async (self, number) => {
  const result = await double.with({ timeout: 60 }).addTask(number);
  return { own: self.ctx.taskName, doubled: await result.value() };
});
`;

const project = new Project({ "tasks/typed.ts": TYPED });

describe.concurrent("from a shell", () => {
  test("a task that fails twice with listed errors, one of a subclass, succeeds at its third attempt", async () => {
    const result = await project.json<Result>(["run", "flaky"]);
    expect(result).toMatchObject({ status: "success", attempt: 3, returning: "up" });
  });

  test("an error that retryOnExc does not list ends the task at its first attempt", async () => {
    const result = await project.json<Result>(["run", "unlisted"]);
    expect(result).toMatchObject({ status: "error", attempt: 1, error: { message: "not in the list" } });
  });

  test("priorities decide the order in which a worker of another process starts what waits", async () => {
    const own = new Project({ "tasks/plain.mjs": PLAIN });
    const worker = await own.startWorker(["-c", "1", "--log-format", "json", "--max-tasks", "6"]);
    await own.call(["hold", "busy"]);
    await own.appears("busy.began");
    const labels = new Map<string | undefined, string>();
    const queue = async (label: string, priority: number) =>
      labels.set(await own.call(["mark", label, "--priority", String(priority)]), label);
    await Promise.all([queue("a", 5), queue("b", 1), queue("c", 3), queue("d", -1)]);
    await queue("e", 1);
    own.go("busy");
    const { code, stdout } = await worker.ended;
    const starts = logLines(stdout).filter(
      ({ event, taskName }) => event === "taskRunning" && taskName === "mark",
    );
    expect(starts.map(({ uuid }) => labels.get(uuid))).toEqual(["d", "b", "e", "c", "a"]);
    expect(code).toBe(0);
  });

  test("two workers of one slot share ten tasks, and each task runs once", async () => {
    const own = new Project({
      "tasks/brief.mjs": `
import { app } from "qtasks";
export const brief = app.task({ name: "brief", echo: true }, async (self) => await self.ctx.sleep(0.3));`,
    });
    const first = await own.startWorker(["-c", "1", "--name", "first"]);
    const second = await own.startWorker(["-c", "1", "--name", "second"]);
    const lines = Array.from({ length: 10 }, () => "[]").join("\n");
    await own.qtasks(["call", "brief", "--batch", "-"], { stdin: lines });
    for (const worker of [first, second]) await worker.says(/✔ brief/);
    const { counts } = await untilDone(own, 10);
    expect(counts).toMatchObject({ success: 10 });
    for (const worker of [first, second]) worker.kill("SIGTERM");
    const ended = await Promise.all([first.ended, second.ended]);
    const runs = ended.map(({ stderr }) => stderr.match(/✔ brief \S+/g) ?? []);
    expect(new Set(runs.flat()).size).toBe(10);
    expect(runs.flat()).toHaveLength(10);
  });

  test("a call with no worker gives the uuid and exits 0, and a worker that starts later runs it", async () => {
    const own = new Project({ "tasks/plain.mjs": PLAIN });
    const { code, stdout } = await own.qtasks(["call", "mark", "later"]);
    expect(stdout.trim()).toMatch(UUID);
    expect(code).toBe(0);
    await own.burst();
    expect(await own.json<Result>(["result", stdout.trim()])).toMatchObject({
      status: "success",
      returning: "later",
    });
  });

  test("a wait that runs out exits 124, the task goes on, and `wait` gives its result", async () => {
    const own = new Project({ "tasks/plain.mjs": PLAIN });
    const worker = await own.startWorker();
    const out = await own.qtasks(["call", "slow", "--timeout", "0.2"]);
    expect(out).toMatchObject({ code: 124, stdout: "" });
    const [uuid = ""] = /[0-9a-f-]{36}/.exec(complaintOf(out).error) ?? [];
    expect(uuid).toMatch(UUID);
    own.go("slow");
    expect(await own.qtasks(["wait", uuid])).toMatchObject({ code: 0, stdout: "slow and done\n" });
    worker.kill("SIGTERM");
    expect(await worker.ended).toMatchObject({ code: 0 });
  });

  once("a decorated static method is a task", async () => {
    expect(await project.qtasks(["run", "reports.nightly", "monday"])).toMatchObject({
      code: 0,
      stdout: "report of monday\n",
    });
  });

  once("a generator's values are the result, each through the handler", async () => {
    expect(await project.qtasks(["run", "squares", "4"])).toMatchObject({ code: 0, stdout: "[1,4,9,16]\n" });
  });

  once("a plain generator's values are the result", async () => {
    expect(await project.qtasks(["run", "evens"])).toMatchObject({ code: 0, stdout: "[2,4]\n" });
  });

  test("an echo task that queues another and waits for it is done by a worker of one slot", async () => {
    const own = new Project({ "tasks/plain.mjs": PLAIN });
    const uuid = await own.call(["parent", "21"]);
    expect(await own.burst(["-c", "1"])).toMatchObject({ code: 0 });
    const { returning } = await own.json<Result>(["result", uuid]);
    expect(returning).toEqual({ own: "parent", doubled: 42 });
  });

  once("a middleware cancels a task, and the exit code is 6", async () => {
    const ended = await project.qtasks(["run", "bells", "sunday", "--json"]);
    expect(ended.code).toBe(6);
    expect(JSON.parse(ended.stdout)).toMatchObject({ status: "cancel", cancelReason: "never on a sunday" });
  });

  once("list and call as JSON, and the log of a worker, are read by other programs", async () => {
    const own = new Project({ "tasks/plain.mjs": PLAIN });
    const parse = `node -e 'JSON.parse(fs.readFileSync(0, "utf8"))'`;
    const parseLines = `node -e 'for (const line of fs.readFileSync(0, "utf8").trim().split("\\n")) JSON.parse(line)'`;
    const line = [
      `qtasks list --json | ${parse}`,
      `qtasks call mark x --json | ${parse}`,
      `qtasks worker --processes 1 --burst --log-format json | ${parseLines}`,
    ].join(" && ");
    expect(await own.shell(line)).toMatchObject({ code: 0 });
  });
});

interface Counted {
  readonly counts: { readonly success: number };
}

/** The queue once so many tasks of it have succeeded. */
async function untilDone(project: Project, count: number): Promise<Counted> {
  const queue = await project.json<Counted>(["status"]);
  return queue.counts.success >= count ? queue : await untilDone(project, count);
}
