import { describe, expect, test } from "vitest";
import { complaintOf, INLINE, once, Project, UUID } from "../project.js";

const TASKS = `
import { app } from "qtasks";
import { gate } from "../gate.mjs";
export const add = app.task({ name: "add", priority: 4, retry: 1, maxTime: 9, tags: ["own"] }, async (a, b) => a + b);
export const text = app.task("text", async () => "as it is");
export const nothing = app.task("nothing", async () => {});
export const boom = app.task("boom", async () => { throw new Error("it broke"); });
export const stop = app.task({ name: "stop", echo: true }, async (self) => self.ctx.cancel("enough"));
export const hold = app.task("hold", async (key) => await gate(key));
`;
const project = new Project({ "tasks/all.mjs": TASKS }, INLINE);

interface Task {
  readonly uuid: string;
  readonly createdAt: string;
  readonly runAt: string;
  readonly deduplicated: boolean;
}

describe.concurrent("call", () => {
  test("prints the uuid alone on a pipe, exits 0 and needs no worker; a hint on stderr says that nobody serves it", async () => {
    const { code, stdout, stderr } = await project.qtasks(["call", "add", "2", "3"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^[^\n]*\n$/);
    expect(stdout.trim()).toMatch(UUID);
    expect(stderr).toMatch(/^hint: No worker serves add now[^\n]*`qtasks worker`[^\n]*\n$/);
  });

  once("--quiet leaves the hint out", async () => {
    expect(await project.qtasks(["call", "add", "2", "3", "--quiet"])).toMatchObject({ code: 0, stderr: "" });
  });

  test("--json prints the task as it was queued", async () => {
    expect(await project.json(["call", "add", "2", "3"])).toMatchObject({
      uuid: expect.stringMatching(UUID),
      taskName: "add",
      status: "new",
      args: [2, 3],
      priority: 4,
      retry: 1,
      maxTime: 9,
      tags: ["own"],
      attempt: 0,
      returning: null,
      deduplicated: false,
    });
  });

  test("--priority, --retry, --max-time and --tag are this call's own", async () => {
    const flags = ["--priority", "-7", "--retry", "0", "--max-time", "1m", "--tag", "a", "--tag", "b"];
    expect(await project.json(["call", "add", "1", "2", ...flags])).toMatchObject({
      priority: -7,
      retry: 0,
      maxTime: 60,
      tags: ["own", "a", "b"],
    });
  });

  test("--priority 0 is kept as 0", async () => {
    expect(await project.json(["call", "add", "1", "2", "--priority", "0"])).toMatchObject({ priority: 0 });
  });

  test("--delay and --at say when it is due", async () => {
    const { createdAt, runAt } = await project.json<Task>(["call", "add", "1", "2", "--delay", "1h30m"]);
    expect(Math.abs(Date.parse(runAt) - Date.parse(createdAt) - 5_400_000)).toBeLessThan(1000);
    const at = await project.json<Task>(["call", "add", "1", "2", "--at", "2040-01-31T09:00:00+01:00"]);
    expect(at.runAt).toBe("2040-01-31T08:00:00.000Z");
  });

  test("--unique never queues a second task with the key, and gives the first one's uuid back", async () => {
    const first = await project.json<Task>(["call", "add", "1", "2", "--unique", "once"]);
    const second = await project.json<Task>(["call", "add", "3", "4", "--unique", "once"]);
    expect(second).toMatchObject({ uuid: first.uuid, args: [1, 2], deduplicated: true });
    expect(await project.call(["add", "5", "6", "--unique", "once"])).toBe(first.uuid);
  });

  test("--allow-unknown queues for somebody else's worker, with any arguments", async () => {
    expect(await project.json(["call", "elsewhere", "1", "a=b", "--allow-unknown"])).toMatchObject({
      taskName: "elsewhere",
      args: [1, { a: "b" }],
      retry: null,
    });
  });

  once("a name that no task can have is refused even with --allow-unknown", async () => {
    const ended = await project.qtasks(["call", "no name", "--allow-unknown"]);
    expect(ended).toMatchObject({ code: 2, stdout: "" });
    expect(complaintOf(ended).error).toContain('"no name"');
  });

  test("--timeout 0 looks once: exit 124, and the task goes on", async () => {
    const ended = await project.qtasks(["call", "add", "1", "2", "--timeout", "0", "--quiet"]);
    expect(ended).toMatchObject({ code: 124, stdout: "" });
    const [uuid = ""] = /[0-9a-f-]{36}/.exec(complaintOf(ended).error) ?? [];
    expect(await project.json(["status", uuid])).toMatchObject([{ uuid, status: "new" }]);
  });

  test("--timeout 0 with --json prints the AsyncResult that is not done", async () => {
    const { code, stdout } = await project.qtasks(["call", "add", "1", "2", "--timeout", "0", "--json"]);
    expect(code).toBe(124);
    expect(JSON.parse(stdout)).toMatchObject({
      done: false,
      status: "new",
      returning: null,
      task: { args: [1, 2] },
    });
  });
});

describe("call --timeout with a worker", () => {
  const served = new Project({ "tasks/all.mjs": TASKS }, INLINE);

  test("prints text as it is and anything else as JSON; exit by outcome; no hint while the task is served", async () => {
    const worker = await served.startWorker();
    const call = (...words: string[]) => served.qtasks(["call", ...words, "--timeout", "4m"]);
    const [sum, text, nothing, boom, stop] = await Promise.all([
      call("add", "2", "3"),
      call("text"),
      call("nothing"),
      call("boom", "--retry", "1"),
      call("stop"),
    ]);
    expect(sum).toEqual({ code: 0, signal: null, stdout: "5\n", stderr: "" });
    expect(text).toMatchObject({ code: 0, stdout: "as it is\n" });
    expect(nothing).toMatchObject({ code: 0, stdout: "null\n" });
    expect(boom).toMatchObject({ code: 1, stdout: "" });
    expect(complaintOf(boom).error).toBe("boom failed (attempt 2): it broke");
    expect(stop).toMatchObject({ code: 6, stdout: "" });
    expect(stop.stderr).toContain("error: stop was cancelled: enough");
    worker.kill("SIGTERM");
    await worker.ended;
  });

  test("interrupted, it exits 130 or 143, says so with the id, and the task goes on", async () => {
    for (const [signal, code] of [
      ["SIGINT", 130],
      ["SIGTERM", 143],
    ] as const) {
      const waiting = served.start(["call", "add", "1", "2", "--timeout", "10m"]);
      await waiting.says(/No worker serves/);
      waiting.kill(signal);
      const ended = await waiting.ended;
      expect(ended).toMatchObject({ code, stdout: "" });
      const [uuid = ""] =
        /Interrupted\. The task goes on: ([0-9a-f-]{36})/.exec(ended.stderr)?.slice(1) ?? [];
      expect(await served.json(["status", uuid])).toMatchObject([{ status: "new" }]);
    }
  });
});

describe.concurrent("call --batch", () => {
  test("queues a task for each line of a file, a list of arguments or the one object, and prints the count", async () => {
    const own = new Project(
      { "tasks/all.mjs": TASKS, "batch.ndjson": '[1, 2]\r\n\n[3, 4]\n{"a": 5}\n' },
      INLINE,
    );
    const ended = await own.qtasks([
      "call",
      "sum",
      "--allow-unknown",
      "--batch",
      "batch.ndjson",
      "--tag",
      "many",
    ]);
    expect(ended).toMatchObject({ code: 0, stdout: "3\n" });
    expect(await own.json(["status"])).toMatchObject({ counts: { new: 3 } });
    expect(await own.json(["status", "@last"])).toMatchObject([{ args: [{ a: 5 }], tags: ["many"] }]);
  });

  test("reads stdin for -, and with --json prints { queued }", async () => {
    const stdin = "[1, 2]\n[3, 4]";
    const { stdout } = await project.qtasks(["call", "add", "--batch", "-", "--json"], { stdin });
    expect(stdout).toBe('{"queued":2}\n');
  });

  once("names the line that is wrong, and nothing is queued", async () => {
    const own = new Project({ "tasks/all.mjs": TASKS }, INLINE);
    const wrong = ["[1, 2]\n\n[1, 2", "[1, 2]\n[1]", "[1, 2]\n[1, 12345678901234567890]"];
    const lines = [3, 2, 2];
    for (const [index, stdin] of wrong.entries()) {
      const ended = await own.qtasks(["call", "add", "--batch", "-"], { stdin });
      expect(ended).toMatchObject({ code: 2, stdout: "" });
      expect(complaintOf(ended).error).toContain(`Line ${lines[index]} `);
    }
    expect(await own.json(["status"])).toMatchObject({ counts: { new: 0 } });
  });

  once("refuses a file that is not there, and arguments or --timeout beside it", async () => {
    const refused = async (...words: string[]) => {
      const ended = await project.qtasks(["call", "add", ...words]);
      expect(ended).toMatchObject({ code: 2, stdout: "" });
      return complaintOf(ended).error;
    };
    expect(await refused("--batch", "nowhere.ndjson")).toContain("nowhere.ndjson cannot be read");
    expect(await refused("1", "2", "--batch", "-")).toContain("beside --batch");
    expect(await refused("--timeout", "1", "--batch", "-")).toContain("does not wait");
  });
});

describe.concurrent("call with a plugin that looks at what is queued", () => {
  const own = new Project(
    {
      "qtasks.config.mjs": `
export default {
  plugins: [
    {
      name: "guard",
      setup(host) {
        host.onQueue((draft) => {
          if (draft.args[0] === "forbidden") throw new Error("the guard says no");
          draft.tags.push("seen");
        });
      },
    },
  ],
};`,
      "tasks/echo.mjs": `
import { app } from "qtasks";
app.task("echo", async (word) => word);`,
    },
    INLINE,
  );

  once("the plugin may change it", async () => {
    expect(await own.json(["call", "echo", "x"])).toMatchObject({ tags: ["seen"] });
  });

  once(
    "the plugin may refuse it: its words are the error, the exit is not 0, and nothing is queued",
    async () => {
      const ended = await own.qtasks(["call", "echo", "forbidden", "--unique", "no"]);
      expect(ended).toMatchObject({ code: 1, stdout: "" });
      expect(complaintOf(ended).error).toContain("the guard says no");
      expect(await own.json(["call", "echo", "fine", "--unique", "no"])).toMatchObject({
        deduplicated: false,
      });
    },
  );
});
