import { randomUUID } from "node:crypto";
import { afterAll, describe, expect, test } from "vitest";
import {
  countKeys,
  countSchemas,
  dropSchema,
  postgresUrl,
  redisUrl,
  removeKeys,
} from "../brokers/servers.js";
import { complaintOf, INLINE, logLines, Project } from "./project.js";

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

interface Shown {
  readonly uuid: string;
  readonly status: string;
  readonly attempt: number;
  readonly deduplicated: boolean;
  readonly error: { readonly code: string } | null;
}

const TASKS = {
  "tasks/all.mjs": `
import { app, currentTask } from "qtasks";
import { gate } from "../gate.mjs";
export const add = app.task("add", async (a, b) => a + b);
export const mark = app.task("mark", async (label) => label);
export const hold = app.task("hold", async (key) => {
  console.log("holding");
  await gate(key);
  return key;
});
export const flaky = app.task({ name: "flaky", retry: 1, echo: true }, async (self) => {
  console.log("try " + self.ctx.attempt);
  self.ctx.progress(self.ctx.attempt, 2, "trying");
  if (self.ctx.attempt === 1) throw new Error("not yet");
  return "up";
});
export const fail = app.task("fail", async () => { throw new Error("never"); });
export const overtime = app.task({ name: "overtime", maxTime: 0.05, echo: true }, async (self) => self.ctx.sleep(60));`,
};

const name = `qtasks_test_${randomUUID().replaceAll("-", "")}`;
const [redis, postgres] = [await redisUrl(), await postgresUrl()];
const servers = [
  ...(redis === undefined
    ? []
    : [
        {
          kind: "redis",
          broker: withParameter(redis, `prefix=${name}`),
          traces: () => countKeys(redis, name),
        },
      ]),
  ...(postgres === undefined
    ? []
    : [
        {
          kind: "postgres",
          broker: withParameter(postgres, `schema=${name}`),
          traces: () => countSchemas(postgres, name),
        },
      ]),
];

afterAll(async () => {
  if (redis !== undefined) await removeKeys(redis, name);
  if (postgres !== undefined) await dropSchema(postgres, name);
});

const AHEAD = "const now = Date.now; Date.now = () => now() + 3600000;";
const anHourAhead = {
  env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(AHEAD)}` },
};

test.skipIf(servers.length > 0)("no server found", () => {});

describe.each(servers)("one line of config moves a project to $kind", ({ kind, broker, traces }) => {
  const project = new Project(
    { ...TASKS, "qtasks.config.json": JSON.stringify({ name: `cli-${kind}`, broker }) },
    INLINE,
  );

  test("doctor looks at the server, and makes nothing there", async () => {
    const findings = await project.json<readonly Finding[]>(["doctor"]);
    expect(findings.filter(({ ok }) => !ok).filter(({ check }) => check !== "durability")).toEqual([]);
    const checks = findings.map(({ check }) => check);
    expect(checks).toEqual(expect.arrayContaining(["server", "durability", "server clock", "queue"]));
    expect(await traces()).toBe(0);
  });

  test("what waits is worked on in order, each task to its end, and all of it is shown and forgotten", async () => {
    const low = await project.call(["mark", "low", "--priority", "5"]);
    const high = await project.call(["mark", "high", "--priority", "-1"]);
    const once = await project.json<Shown>(["call", "mark", "once", "--unique", "key", "--tag", "rare"]);
    const again = await project.json<Shown>(["call", "mark", "twice", "--unique", "key"]);
    expect(again).toMatchObject({ uuid: once.uuid, deduplicated: true });
    const [flaky, overtime] = [await project.call(["flaky"]), await project.call(["overtime"])];
    const [fail, gone] = [await project.call(["fail"]), await project.call(["mark", "gone"])];
    expect(await project.qtasks(["cancel", gone, "--reason", "no need"])).toMatchObject({ code: 0 });
    const batch = await project.json(["call", "mark", "--batch", "-"], { stdin: '["one"]\n["two"]\n' });
    expect(batch).toEqual({ queued: 2 });
    expect(await project.json(["status"])).toMatchObject({
      counts: { new: 8, process: 0, success: 0, error: 0, cancel: 1 },
      why: [{ code: "no-worker" }],
    });

    const worked = await project.burst(["-c", "1", "--log-format", "json"]);
    expect(worked.code).toBe(1);
    const starts = logLines(worked.stdout).filter(({ event }) => event === "taskRunning");
    const [first, ...others] = starts.map(({ uuid }) => uuid);
    expect([first, others.at(-1), starts.length]).toEqual([high, low, 9]);

    const ids = [low, once.uuid, flaky, overtime, fail, gone];
    const tasks = await project.json<readonly Shown[]>(["status", ...ids]);
    expect(tasks).toMatchObject([
      { status: "success", returning: "low" },
      { status: "success", returning: "once", tags: ["rare"] },
      { status: "success", attempt: 2, progress: { done: 2, total: 2 }, history: [{}, {}] },
      { status: "error", error: { code: "E_MAX_TIME" } },
      { status: "error", error: { code: "E_TASK", message: "never" } },
      { status: "cancel", cancelReason: "no need" },
    ]);
    expect(await project.qtasks(["result", flaky])).toMatchObject({ code: 0, stdout: "up\n" });
    const logs = await project.json(["logs", flaky]);
    expect(logs).toMatchObject([
      { attempt: 1, text: "try 1" },
      { attempt: 2, text: "try 2" },
    ]);
    const rare = await project.json<readonly Shown[]>(["status", "--tag", "rare"]);
    expect(rare.map(({ uuid }) => uuid)).toEqual([once.uuid]);

    expect(await project.json(["retry", "--status", "error", "--task", "fail"])).toMatchObject([
      { uuid: fail, status: "new", attempt: 0 },
    ]);
    expect(await project.json(["prune", "--status", "success"])).toEqual({ removed: 6 });
    expect(await project.json(["purge", "--yes"])).toEqual({ removed: 1 });
    const { counts } = await project.json<{ counts: object }>(["status"]);
    expect(counts).toEqual({ new: 0, process: 0, success: 0, error: 1, cancel: 1 });
  });

  test("a running task is waited for, cancelled from another terminal, and put back in line", async () => {
    const worker = await project.startWorker();
    expect(await project.qtasks(["run", "add", "2", "3"])).toMatchObject({ code: 0, stdout: "5\n" });
    const [held, other] = [await project.call(["hold", "key"]), await project.call(["hold", "other"])];
    await project.appears("key.began");
    const waiting = project.qtasks(["wait", "--any", held, other]);
    project.go("other");
    expect(await waiting).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/ success {2}hold {2}other\n$/),
    });
    const [cancelled] = await project.json<[{ outcome: string }]>(["cancel", held]);
    expect(cancelled.outcome).toBe("cancelling");
    expect(await project.qtasks(["wait", held])).toMatchObject({ code: 6 });
    expect(await project.json(["logs", held])).toMatchObject([{ attempt: 1, text: "holding" }]);
    project.go("key");
    expect(await project.qtasks(["retry", held])).toMatchObject({ code: 0 });
    expect(await project.qtasks(["wait", held])).toMatchObject({ code: 0 });
    worker.kill("SIGTERM");
    expect(await worker.ended).toMatchObject({ code: 0 });
  });

  test("a machine whose clock is wrong schedules and takes tasks by the server's clock", async () => {
    const later = await project.call(["mark", "later", "--delay", "30m"]);
    expect(await project.burst([], anHourAhead)).toMatchObject({ code: 0 });
    const worker = await project.startWorker();
    const soon = await project.qtasks(
      ["call", "mark", "soon", "--delay", "1", "--timeout", "90"],
      anHourAhead,
    );
    expect(soon).toMatchObject({ code: 0, stdout: "soon\n" });
    expect(await project.json(["status", later])).toMatchObject([{ status: "new", attempt: 0 }]);
    worker.kill("SIGTERM");
    await worker.ended;
  });

  test("doctor tells a wrong clock, what nobody takes, and the task of a worker that died", async () => {
    const worker = await project.startWorker(["--name", "night", "--only", "hold"], {
      env: { QTASKS_LEASE: "1" },
    });
    await project.call(["hold", "night"]);
    await project.call(["mark", "unserved"]);
    await project.appears("night.began");
    const found = async (check: string) =>
      (await project.json<readonly Finding[]>(["doctor"])).find((finding) => finding.check === check);
    const { stdout } = await project.qtasks(["doctor"], anHourAhead);
    expect(stdout).toMatch(/^ok {4}workers +night \(pid \d+ on .*\); nobody .* wait: mark$/m);
    expect(stdout).toMatch(/^FAIL {2}server clock this machine's clock is 3\d{3}\.\d s ahead of it/m);
    worker.kill("SIGKILL");
    await worker.ended;
    await expect
      .poll(() => found("orphans"), { timeout: 60_000 })
      .toMatchObject({
        ok: false,
        detail: expect.stringMatching(/^1 running task/),
      });
  });

  test("the password of its URL is shown nowhere", async () => {
    const url = new URL(broker);
    url.port = "1";
    url.password = "swordfish";
    const ended = await project.qtasks(["--verbose", "status", "--broker", url.href]);
    expect(ended.code).toBe(5);
    expect(ended.stdout + ended.stderr).not.toContain("swordfish");
  });
});

describe("a server that cannot be used is exit 5, in one line", () => {
  const project = new Project(TASKS, INLINE);

  test.each(["redis://127.0.0.1:1", "postgres://me@127.0.0.1:1/mine"])("%s", async (url) => {
    for (const words of [["call", "add", "1", "2"], ["worker"], ["status"], ["run", "add", "1", "2"]]) {
      const ended = await project.qtasks([...words, "--broker", url]);
      expect(ended).toMatchObject({ code: 5, stdout: "" });
      expect(complaintOf(ended).error).toContain("ECONNREFUSED");
    }
  });
});

function withParameter(url: string, parameter: string): string {
  return `${url}${url.includes("?") ? "&" : "?"}${parameter}`;
}
