import { randomUUID } from "node:crypto";
import { createPostgresBackend, type PostgresConnectionOptions, Queue, Worker } from "bullmq";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { namedPlaces } from "../brokers/servers.js";
import { complaintOf, INLINE, Project } from "./project.js";

const TASKS = {
  "tasks/all.mjs": `
import { app } from "qtasks";
import { gate } from "../gate.mjs";
export const say = app.task("say", async ({ to }) => {
  console.log("hello " + to);
  return { said: to };
});
export const hold = app.task("hold", async (key) => {
  console.log("holding");
  await gate(key);
});
export const look = app.task("look", async (id) => (await app.get(id))?.taskName ?? null);
export const follow = app.task("follow", async (id) => await (await app.wait(id)).value());`,
};

const name = `qtasks_test_${randomUUID().replaceAll("-", "")}`;
const QUEUE = "shop";
const places = await namedPlaces(name);

afterAll(() => Promise.all(places.map((place) => place.clear())));

type Run = () => Promise<unknown>;
/** BullMQ's own classes, on the same queue. */
const PLAIN = {
  redis: {
    queue: (url: string) => new Queue(QUEUE, { prefix: name, connection: { url } }),
    worker: (url: string, run: Run) =>
      new Worker(QUEUE, run, { prefix: name, connection: { url, maxRetriesPerRequest: null } }),
  },
  postgres: {
    queue: (url: string) => new Queue(QUEUE, onPostgres(url), createPostgresBackend) as unknown as Queue,
    worker: (url: string, run: Run) =>
      new Worker(QUEUE, run, onPostgres(url), createPostgresBackend) as unknown as Worker,
  },
};

function onPostgres(url: string) {
  return { connection: { connectionString: url, schema: name } as PostgresConnectionOptions };
}

test.skipIf(places.length > 0)("no server found", () => {});

describe.each(places)("the id of a job that plain BullMQ added on $kind", ({ kind, url, broker }) => {
  const project = new Project(
    { ...TASKS, "qtasks.config.json": JSON.stringify({ name: QUEUE, broker }) },
    INLINE,
  );
  let queue: Queue;

  beforeAll(async () => {
    // Makes the schema.
    await project.qtasks(["status"]);
    queue = PLAIN[kind].queue(url);
    await queue.waitUntilReady();
  });

  afterAll(async () => {
    await queue.close();
  });

  /** @returns the id of the job */
  const add = async (task: string, data: unknown, jobId?: string) =>
    (await queue.add(task, data, jobId === undefined ? {} : { jobId })).id ?? "";

  test("is taken from the first moment on, to the end of the task", async () => {
    const id = await add("say", { to: "ada" });
    expect(id).toMatch(/^\d+$/);
    expect(await project.json(["status", id])).toMatchObject([
      { uuid: id, taskName: "say", status: "new", args: [{ to: "ada" }], why: [{ code: "no-worker" }] },
    ]);
    const early = await project.qtasks(["wait", id, "--timeout", "0.05"]);
    expect(early).toMatchObject({ code: 124, stdout: "" });
    expect(complaintOf(early).error).toMatch(new RegExp(`: ${id}$`));
    const waiting = project.start(["wait", id]);
    expect(await project.burst()).toMatchObject({ code: 0 });
    expect(await waiting.ended).toMatchObject({ code: 0, stdout: '{"said":"ada"}\n' });
    expect(await project.qtasks(["result", id])).toMatchObject({ code: 0, stdout: '{"said":"ada"}\n' });
    expect(await project.qtasks(["logs", id])).toMatchObject({ code: 0, stdout: "hello ada\n" });
    expect((await project.qtasks(["status", id])).stdout).toMatch(
      new RegExp(`^${id}\ntask +say\nstatus +success\n`),
    );
  });

  test("is waited for where only plain BullMQ works", async () => {
    const id = await add("theirs", {});
    expect(await project.json(["status", id])).toMatchObject([{ status: "new" }]);
    const wait = project.start(["wait", id]);
    const worker = PLAIN[kind].worker(url, async () => "done");
    try {
      expect(await wait.ended).toMatchObject({ code: 0, stdout: "done\n" });
    } finally {
      await worker.close();
    }
  });

  test("cancels the task and puts it back in line", async () => {
    const [id, other] = [await add("say", { to: "bob" }), await add("say", { to: "eve" })];
    expect(await project.json(["cancel", id])).toEqual([{ uuid: id, outcome: "cancelled" }]);
    expect(await project.qtasks(["cancel", id])).toMatchObject({ code: 1, stdout: `${id}  finished\n` });
    expect(await project.qtasks(["wait", id])).toMatchObject({ code: 6 });
    expect(await project.json(["retry", id])).toMatchObject([{ uuid: id, status: "new" }]);
    expect(await project.qtasks(["retry", id])).toMatchObject({ code: 1 });
    await project.burst();
    expect(await project.json(["status", id, other])).toMatchObject([
      { uuid: id, status: "success", returning: { said: "bob" } },
      { uuid: other, status: "success", returning: { said: "eve" } },
    ]);
  });

  test("is no beginning of another: where it is unknown, nothing else is meant", async () => {
    const id = await add("say", { to: "ada" });
    await queue.remove(id);
    const longer = await add("say", { to: "ada" }, `${id}0-th`);
    const ended = await project.qtasks(["cancel", id]);
    expect(ended).toMatchObject({ code: 4, stdout: "" });
    expect(complaintOf(ended).error).toBe(`No task has the id ${id}.`);
    expect(await project.json(["status", longer])).toMatchObject([{ status: "new" }]);
    expect(await project.qtasks(["cancel", longer])).toMatchObject({ code: 0 });
  });

  test("is taken letter by letter, with its capitals and spaces, from stdin as well", async () => {
    const [invoice, lower, spaced] = ["Invoice_2026-A", "invoice_2026-a", "Invoice of May  2026"];
    for (const id of [invoice, spaced]) await add("say", { to: "ada" }, id);
    expect(await project.json(["status", invoice, spaced])).toMatchObject([
      { uuid: invoice },
      { uuid: spaced },
    ]);
    const unknown = await project.qtasks(["status", lower, invoice, "--json"]);
    expect(unknown.code).toBe(4);
    expect(complaintOf(unknown).error).toBe(`No task has the id ${lower}.`);
    expect(JSON.parse(unknown.stdout)).toMatchObject([{ uuid: invoice }]);
    const ours = await project.call(["look", "1"]);
    const stdin = `${invoice} ${ours.toUpperCase()}\r\n${spaced}\n\n${invoice}\n`;
    expect(await project.json(["cancel", "-"], { stdin })).toMatchObject([
      { uuid: invoice },
      { uuid: ours },
      { uuid: spaced },
    ]);
    expect(await project.qtasks(["result", "-"], { stdin: spaced })).toMatchObject({ code: 6 });
  });

  test("is meant rather than the uuid that begins so", async () => {
    const ours = await project.call(["say", '{"to":"ada"}']);
    const begin = ours.slice(0, -4);
    expect(await project.json(["status", begin])).toMatchObject([{ uuid: ours }]);
    await add("say", { to: "bob" }, begin);
    expect(await project.json(["status", begin])).toMatchObject([{ uuid: begin }]);
    expect(await project.json(["status", `${begin}${ours.at(-4)}`])).toMatchObject([{ uuid: ours }]);
    expect(await project.json(["status", begin.toUpperCase()])).toMatchObject([{ uuid: ours }]);
    const wide = await project.json(["status", "0"]);
    expect(wide).toMatchObject({ error: { code: "E_AMBIGUOUS_ID" } });
    expect(await project.json(["cancel", ours, begin])).toMatchObject([{ uuid: ours }, { uuid: begin }]);
  });

  test("is unknown where only something else is called so", async () => {
    const words = ["meta", "events", "id", "qt:names", "qt:workers", "Ada's", "%", "no id", "@first"];
    for (const command of ["status", "cancel"]) {
      const { code, stdout, stderr } = await project.qtasks([command, ...words, "--json"]);
      expect(code).toBe(4);
      expect(JSON.parse(stdout)).toMatchObject({ error: { code: "E_UNKNOWN_ID" } });
      expect(stderr.match(/^error: No task has the id .*$/gm)).toHaveLength(words.length);
    }
    for (const command of ["wait", "retry", "result", "logs"]) {
      expect(await project.qtasks([command, "meta"])).toMatchObject({ code: 4, stdout: "" });
    }
  });

  test("is followed by `status --watch` and `logs -f` until the task is done", async () => {
    const id = await add("hold", "it", "Held");
    const watch = project.start(["status", "--watch", id, "--json"]);
    const logs = project.start(["logs", id, "-f"]);
    await watch.says(/"status":"new"/);
    const worker = project.start(["worker", "--burst"]);
    await logs.says(/holding/);
    project.go("it");
    expect(await logs.ended).toMatchObject({ code: 0, stdout: "holding\n" });
    const { code, stdout } = await watch.ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({
      uuid: id,
      status: "success",
    });
    expect((await worker.ended).code).toBe(0);
  });

  test("is known to tasks that run in child processes, and what is none hurts no worker", async () => {
    const children = { env: { QTASKS_ISOLATION: "process" } };
    const id = await add("say", { to: "ada" });
    expect(await project.qtasks(["run", "look", id, "--raw"], children)).toMatchObject({
      code: 0,
      stdout: "say\n",
    });
    expect(await project.qtasks(["run", "follow", id, "--raw"], children)).toMatchObject({
      code: 0,
      stdout: '{"said":"ada"}\n',
    });
    const lost = await project.qtasks(["run", "follow", "events"], children);
    expect(lost.code).toBe(1);
    expect(lost.stderr).toContain("No task has the id events.");
  });
});

test("a queue of our own alone knows uuids only, in child processes too", async () => {
  const project = new Project(TASKS);
  for (const word of ["17x", "Invoice_2026-A"]) {
    expect(await project.json(["status", word])).toMatchObject({ error: { code: "E_USAGE" } });
  }
  expect(await project.qtasks(["status", "17"])).toMatchObject({ code: 4 });
  const ended = await project.qtasks(["run", "look", "17", "--raw"]);
  expect(ended.code).toBe(1);
  expect(ended.stderr).toContain('"17" is no task id.');
});
