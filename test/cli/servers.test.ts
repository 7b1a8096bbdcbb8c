import { randomUUID } from "node:crypto";
import { afterAll, describe, expect, test } from "vitest";
import { dropSchema, postgresUrl, redisUrl, removeKeys } from "../brokers/servers.js";
import { complaintOf, INLINE, Project } from "./project.js";

const TASKS = {
  "tasks/all.mjs": `
import { app, currentTask } from "qtasks";
import { gate } from "../gate.mjs";
export const add = app.task("add", async (a, b) => a + b);
export const hold = app.task("hold", async (key) => {
  console.log("holding");
  await gate(key);
});
export const flaky = app.task({ name: "flaky", retry: 1, echo: true }, async (self) => {
  if (self.ctx.attempt === 1) throw new Error("not yet");
  return "up";
});`,
};

const name = `qtasks_test_${randomUUID().replaceAll("-", "")}`;
const [redis, postgres] = [await redisUrl(), await postgresUrl()];
const servers = [
  ...(redis === undefined ? [] : [{ kind: "redis", broker: withParameter(redis, `prefix=${name}`) }]),
  ...(postgres === undefined
    ? []
    : [{ kind: "postgres", broker: withParameter(postgres, `schema=${name}`) }]),
];

afterAll(async () => {
  if (redis !== undefined) await removeKeys(redis, name);
  if (postgres !== undefined) await dropSchema(postgres, name);
});

test.skipIf(servers.length > 0)("no server found", () => {});

describe.each(servers)("one line of config moves a project to $kind", ({ kind, broker }) => {
  const project = new Project(
    { ...TASKS, "qtasks.config.json": JSON.stringify({ name: `cli-${kind}`, broker }) },
    INLINE,
  );

  test("a call is worked on, waited for, and its result and attempts are shown", async () => {
    const uuid = await project.call(["flaky"]);
    expect(await project.burst()).toMatchObject({ code: 0 });
    expect(await project.qtasks(["result", uuid])).toMatchObject({ code: 0, stdout: "up\n" });
    const [task] = await project.json<[{ attempt: number; history: unknown[] }]>(["status", uuid]);
    expect([task.attempt, task.history.length]).toEqual([2, 2]);
    expect(await project.qtasks(["run", "add", "2", "3"])).toMatchObject({ code: 0, stdout: "5\n" });
  });

  test("a running task is cancelled from another terminal, and put back in line", async () => {
    const worker = await project.startWorker();
    const uuid = await project.call(["hold", "key"]);
    await project.appears("key.began");
    const [cancelled] = await project.json<[{ outcome: string }]>(["cancel", uuid]);
    expect(cancelled.outcome).toBe("cancelling");
    expect(await project.qtasks(["wait", uuid])).toMatchObject({ code: 6 });
    expect(await project.json(["logs", uuid])).toMatchObject([{ attempt: 1, text: "holding" }]);
    project.go("key");
    expect(await project.qtasks(["retry", uuid])).toMatchObject({ code: 0 });
    expect(await project.qtasks(["wait", uuid])).toMatchObject({ code: 0 });
    worker.kill("SIGTERM");
    expect(await worker.ended).toMatchObject({ code: 0 });
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
