import { randomUUID } from "node:crypto";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import type { Task } from "../../src/index.js";
import { dropSchema, postgresUrl, redisUrl, removeKeys } from "../brokers/servers.js";
import { complaintOf, INLINE, Project } from "./project.js";

const TASKS = {
  "tasks/all.mjs": `
import { appendFileSync } from "node:fs";
import { app, currentTask } from "qtasks";
import { gate } from "../gate.mjs";
export const add = app.task("add", async (a, b) => a + b);
export const note = app.task("note", async () => appendFileSync("ran", currentTask().taskUuid + "\\n"));
export const flaky = app.task({ name: "flaky", retry: 2, retryDelay: 3600 }, async () => {
  console.log("trying");
  throw new Error("not yet");
});
export const stop = app.task({ name: "stop", echo: true }, async (self) => self.ctx.cancel("enough"));
export const hold = app.task("hold", async (key) => gate(key));`,
};
const THERE = "sqlite:there.db";

interface Moved {
  readonly moved: { readonly waiting: number; readonly finished: number };
  readonly left: { readonly waiting: number; readonly running: number; readonly finished: number };
}

const name = `qtasks_move_${randomUUID().replaceAll("-", "")}`;
const [redis, postgres] = [await redisUrl(), await postgresUrl()];

afterAll(async () => {
  if (redis !== undefined) await removeKeys(redis, name);
  if (postgres !== undefined) await dropSchema(postgres, name);
});

const way = [
  ...(redis === undefined ? [] : [`${redis}?prefix=${name}`]),
  ...(postgres === undefined ? [] : [`${postgres}?schema=${name}`]),
  THERE,
];

describe.concurrent("qtasks move", () => {
  test(`moves all that waits and has finished to ${way.map((url) => url.split(":")[0]).join(", then ")}, and changes nothing of it`, async () => {
    const project = new Project(TASKS, INLINE);
    await project.queue(["add", 2, 3], ["flaky"], ["stop"]);
    await project.qtasks(["worker", "--max-tasks", "3"]);
    const words = [
      ["--priority", "-4", "--tag", "night"],
      ["--delay", "1h", "--retry", "7"],
      ["--unique", "only"],
    ];
    for (const flags of words) await project.call(["add", "{}", "ü", ...flags]);
    const before = await all(project, []);
    expect(before.map(({ status }) => status).sort()).toEqual([
      "cancel",
      "new",
      "new",
      "new",
      "new",
      "success",
    ]);

    let source: readonly string[] = [];
    for (const to of way) {
      const moved = await project.json<Moved>(["move", "--to", to, "--finished", "--yes", ...source]);
      expect(moved).toEqual({
        moved: { waiting: 4, finished: 2 },
        left: { waiting: 0, running: 0, finished: 0 },
      });
      source = ["--broker", to];
      expect(await all(project, source)).toEqual(before);
    }
    expect(await all(project, [])).toEqual([]);
    const { stdout } = await project.qtasks(["call", "-q", "add", "1", "2", "--unique", "only", ...source]);
    expect(before.map(({ uuid }) => uuid)).toContain(stdout.trim());
  });

  test.each([1, 2, 3, 4, 5, 8])(
    "killed after its step %i and run again, has each task once",
    async (step) => {
      const project = new Project({ ...TASKS, "kill.mjs": killAfter(step) }, INLINE);
      const uuids = await project.queue(...Array.from({ length: 700 }, () => ["note"] as const));
      const to = ["move", "--to", THERE, "--yes"];
      const env = { NODE_OPTIONS: `--import ${pathToFileURL(project.path("kill.mjs"))}` };
      expect(await project.qtasks(to, { env })).toMatchObject({ signal: "SIGKILL" });
      // Whoever works meanwhile takes no task that the second run moves.
      await Promise.all([project.burst(), project.burst(["--broker", THERE])]);
      expect(await project.qtasks(to)).toMatchObject({ code: 0 });
      await project.burst(["--broker", THERE]);
      expect(project.read("ran").trimEnd().split("\n").sort()).toEqual([...uuids].sort());
    },
  );

  test("moves while workers run at both ends: each task runs once", async () => {
    const project = new Project(TASKS, INLINE);
    const uuids = await project.queue(...Array.from({ length: 2000 }, () => ["note"] as const));
    const there = ["--broker", THERE];
    const [moved] = await Promise.all([
      project.json<Moved>(["move", "--to", THERE, "--yes"]),
      project.burst(),
      project.burst(there),
    ]);
    await project.burst(there);
    expect(moved.left.waiting).toBe(0);
    expect(project.read("ran").trimEnd().split("\n").sort()).toEqual([...uuids].sort());
  });

  test("leaves what runs to its worker, and says so", async () => {
    const project = new Project(TASKS, INLINE);
    const worker = await project.startWorker();
    const held = await project.call(["hold", "key"]);
    await project.appears("key.began");
    await project.call(["add", "1", "2", "--delay", "1h"]);
    const ended = await project.qtasks(["move", "--to", THERE, "--yes"]);
    expect(ended).toMatchObject({ code: 0, stdout: "1 moved\n" });
    expect(ended.stderr).toContain("1 still run at sqlite:.qtasks/queue.db");
    project.go("key");
    expect(await project.qtasks(["wait", held])).toMatchObject({ code: 0 });
    worker.kill("SIGTERM");
    await worker.ended;
  });

  test("cut off, is seen by `status`, goes nowhere else, and can be taken back", async () => {
    const project = new Project({ ...TASKS, "kill.mjs": killAfter(1) }, INLINE);
    await project.queue(["add", 1, 2], ["add", 3, 4]);
    const env = { NODE_OPTIONS: `--import ${pathToFileURL(project.path("kill.mjs"))}` };
    await project.qtasks(["move", "--to", THERE, "--yes"], { env });
    const { counts, why } = await project.json<{ counts: object; why: object[] }>(["status"]);
    expect(counts).toMatchObject({ new: 0 });
    expect(why).toMatchObject([{ code: "under-way" }]);
    const elsewhere = await project.qtasks(["move", "--to", "sqlite:elsewhere.db", "--yes"]);
    expect(elsewhere.code).toBe(1);
    expect(complaintOf(elsewhere)).toMatchObject({
      error: `2 tasks are under way to sqlite:${project.path("there.db")}: a move there was cut off.`,
    });
    expect(await project.json(["move", "--back"])).toEqual({ back: 2, underWay: 0 });
    expect(await project.burst()).toMatchObject({ code: 0 });
    expect(await project.json(["status"])).toMatchObject({ counts: { new: 0, success: 2 } });
  });

  test("refuses a target that is the source, by whatever name, one that does not last, and one that is not there", async () => {
    const project = new Project(TASKS, INLINE);
    await project.queue(["add", 1, 2]);
    const refused = async (...words: readonly string[]) => {
      const ended = await project.qtasks(["move", ...words]);
      return [ended.code, complaintOf(ended).error];
    };
    const file = project.path(".qtasks/queue.db");
    expect(await refused("--to", `sqlite:${file}`, "--yes")).toEqual([
      1,
      `sqlite:${file} is the queue that the tasks are in.`,
    ]);
    expect((await refused("--to", "memory:", "--yes"))[0]).toBe(3);
    expect((await refused("--to", "redis://127.0.0.1:1", "--yes"))[0]).toBe(5);
    expect((await refused("--to", THERE))[0]).toBe(2);
    expect((await refused())[0]).toBe(2);
    expect((await refused("--back", "--to", THERE))[0]).toBe(2);
    expect(await project.json(["status"])).toMatchObject({ counts: { new: 1 } });
  });
});

/** Every task of a queue, in the order of the ids, with its log. */
async function all(
  project: Project,
  broker: readonly string[],
): Promise<readonly (Task & { log: unknown })[]> {
  const found = await project.json<Task[]>(["status", "--limit", "100", ...broker]);
  const tasks = found.sort((a, b) => (a.uuid < b.uuid ? -1 : 1));
  const logs = await Promise.all(tasks.map(({ uuid }) => project.json(["logs", uuid, ...broker])));
  return tasks.map((task, place) => ({ ...task, log: logs[place] }));
}

/** A module that ends the process once so many steps between brokers are stored. */
function killAfter(steps: number): string {
  const broker = fileURLToPath(new URL("../../dist/brokers/sqlite/broker.js", import.meta.url));
  return `
import { SqliteBroker } from ${JSON.stringify(pathToFileURL(broker).href)};
let left = ${steps};
const open = SqliteBroker.prototype.open;
SqliteBroker.prototype.open = async function () {
  await open.call(this);
  const { depart, arrive, step } = this.transfer;
  const counted = (verb) => async (...given) => {
    const answer = await verb(...given);
    if (--left === 0) process.kill(process.pid, "SIGKILL");
    return answer;
  };
  Object.assign(this.transfer, { depart: counted(depart), arrive: counted(arrive), step: counted(step) });
};
`;
}
