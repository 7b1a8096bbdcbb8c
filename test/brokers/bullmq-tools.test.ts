import type { Job, Queue } from "bullmq";
import { Redis } from "ioredis";
import { afterEach, describe, expect, test } from "vitest";
import { MemoryBroker } from "../../src/brokers/memory/broker.js";
import { moveTasks } from "../../src/engine/move.js";
import { interruptedAt, retryAt, SUCCESS, workerInfo } from "../../src/testing/samples.js";
import { LEASE_MS, Stage } from "../../src/testing/stage.js";
import { KINDS, type Place } from "./places.js";
import { redisUrl } from "./servers.js";

const places: Place[] = [];

afterEach(async () => {
  for (const place of places.splice(0)) await place.remove();
});

test.skipIf(KINDS.length > 0)("no server found", () => {});

describe.each(KINDS)("BullMQ's own tools on our queue on $kind", ({ make }) => {
  const start = () => startOn(make);

  test("see each task in the state that it is in, with its arguments, its result and its output", async () => {
    const { stage, queue } = await start();
    const now = stage.now.wallMs;
    const waiting = await stage.queued({ args: '["ada"]', tags: ["mail"] });
    const later = await stage.queued({ runAtMs: now + 60_000 });
    const running = await stage.running();
    const line = { attempt: 1, timeMs: now, stream: "stdout", text: "hello" } as const;
    await stage.broker.report(
      [{ lease: running.lease, progress: { done: 1, total: 2, message: null }, lines: [line] }],
      stage.now,
    );
    const done = await stage.finished(SUCCESS);
    const cancelled = await stage.queued();
    await stage.broker.cancel(cancelled.uuid, "enough", stage.now);

    expect(await queue.getJobCounts("prioritized", "delayed", "active", "completed", "failed")).toEqual({
      prioritized: 1,
      delayed: 1,
      active: 1,
      completed: 1,
      failed: 1,
    });
    expect(await states(queue, [waiting, later, done, cancelled])).toEqual([
      "prioritized",
      "delayed",
      "completed",
      "failed",
    ]);
    expect(await queue.getJob(waiting.uuid)).toMatchObject({
      name: "mail.send",
      data: ["ada"],
      timestamp: now,
    });
    expect(await queue.getJob(done.uuid)).toMatchObject({ returnvalue: { accepted: true }, finishedOn: now });
    expect(await queue.getJob(cancelled.uuid)).toMatchObject({ failedReason: 'cancelled: "enough"' });
    expect(await queue.getJob(running.lease.uuid)).toMatchObject({ progress: { done: 1, total: 2 } });
    expect((await queue.getJobLogs(running.lease.uuid)).logs).toEqual([JSON.stringify(line)]);
  });

  test("leave nothing behind of what is pruned and purged", async () => {
    const { stage, queue } = await start();
    await stage.finished(SUCCESS);
    await stage.queued();
    await stage.queued({ runAtMs: stage.now.wallMs + 60_000 });
    await stage.broker.prune({});
    await stage.broker.purge();
    expect(await queue.getJobCounts()).toMatchObject({ prioritized: 0, delayed: 0, completed: 0 });
  });

  test("finish a task of ours: its record has the result", async () => {
    const { stage, place } = await start();
    const { uuid } = await stage.queued({ args: "[2,3]" });
    await plainWorker(place, uuid, async ({ data: [a, b] }) => a + b);
    expect(await stage.broker.counts()).toMatchObject([{ name: "mail.send", new: 0, success: 1 }]);
    expect(await stage.record(uuid)).toMatchObject({ status: "success", returning: "5", attempt: 1 });
    expect(await stage.claim()).toEqual([]);
  });

  test("fail a task of ours: its record has the message", async () => {
    const { stage, place } = await start();
    const { uuid } = await stage.queued();
    await plainWorker(place, uuid, async () => Promise.reject(new Error("boom")));
    const record = await stage.record(uuid);
    expect([record.status, record.error?.message, record.history.length]).toEqual(["error", "boom", 1]);
  });

  test("have a task to themselves while they run it", async () => {
    const { stage, place } = await start();
    const { uuid } = await stage.queued();
    let claims: unknown;
    await plainWorker(place, uuid, async () => {
      claims = await stage.claim();
    });
    expect(claims).toEqual([]);
  });

  test("go on with a task that we try to cancel, and we put it back in line once it has failed", async () => {
    const { stage, place } = await start();
    const { uuid } = await stage.queued();
    let outcome: unknown;
    await plainWorker(place, uuid, async () => {
      outcome = await stage.broker.cancel(uuid, null, stage.now);
      throw new Error("boom");
    });
    expect(outcome).toBe("cancelling");
    expect(await stage.broker.requeue(uuid, stage.now)).toBe(true);
    expect(await stage.record(uuid)).toMatchObject({ status: "new", error: null });
  });

  test("queue a job that our workers run: its data is the task's argument", async () => {
    const { stage, queue, place } = await start();
    const added = await queue.add("mail.send", { to: "ada" });
    const claim = await stage.claimOne();
    expect([claim.lease.uuid, claim.taskName, JSON.parse(claim.args)]).toEqual([
      added.id,
      "mail.send",
      [{ to: "ada" }],
    ]);
    expect(await stage.settle(claim.lease, SUCCESS)).toBe(true);
    const events = place.events();
    expect(await added.waitUntilFinished(events)).toEqual({ accepted: true });
    await events.close();
  });

  test("queue jobs with a priority or a delay, which our workers keep to", async () => {
    const { stage, queue } = await start();
    stage.jumpWallClock(Date.now() - stage.now.wallMs);
    const second = await queue.add("mail.send", 2, { priority: 7 });
    const first = await queue.add("mail.send", 1);
    const third = await queue.add("mail.send", 3, { delay: 60_000 });
    expect(await stage.claimedUuids()).toEqual([first.id, second.id]);
    stage.advance(120_000);
    stage.advance(-LEASE_MS);
    expect(await stage.claimedUuids({ limit: 5, uuids: [third.id ?? ""] })).toEqual([third.id]);
  });

  test("put a failed task back in line, and our workers run it", async () => {
    const { stage, queue } = await start();
    const { uuid } = await stage.finished({ status: "cancel", reason: "enough" });
    await (await queue.getJob(uuid))?.retry();
    expect((await stage.claimOne()).lease.uuid).toBe(uuid);
    expect(await stage.record(uuid)).toMatchObject({ status: "process", attempt: 1, cancelReason: null });
  });

  test("remove a job: it is gone for us too", async () => {
    const { stage, queue } = await start();
    const unique = { key: "once", until: "exists" } as const;
    const [done, waiting] = [await stage.finished(SUCCESS), await stage.queued({ unique })];
    for (const { uuid } of [waiting, done]) await (await queue.getJob(uuid))?.remove();
    expect(await stage.claim()).toEqual([]);
    expect(await stage.broker.counts()).toEqual([]);
    expect(await stage.broker.list({ limit: 10 })).toEqual([]);
    expect(await stage.broker.enqueue([stage.task({ unique })])).toMatchObject([{ deduplicated: false }]);
  });

  test("queue jobs that move to another broker like ours: a counted id becomes a uuid", async () => {
    const { stage, queue } = await start();
    await queue.add("mail.send", { to: "ada" });
    await queue.add("mail.send", { to: "bob" });
    const target = new MemoryBroker();
    const system = { now: () => stage.now };
    const signal = new AbortController().signal;
    await moveTasks({
      source: stage.broker,
      target,
      to: "memory:",
      which: ["waiting"],
      system,
      signal,
      moved() {},
    });
    const moved = await target.list({ limit: 10 });
    expect(moved.map(({ args }) => args.replaceAll(" ", "")).sort()).toEqual([
      '[{"to":"ada"}]',
      '[{"to":"bob"}]',
    ]);
    for (const { uuid } of moved) expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8/);
    expect(await queue.getJobCounts("wait", "prioritized")).toEqual({ wait: 0, prioritized: 0 });
  });

  test("pause the queue: nothing is handed out until they resume it", async () => {
    const { stage, queue } = await start();
    const { uuid } = await stage.queued();
    await queue.pause();
    expect(await stage.claim()).toEqual([]);
    await queue.resume();
    expect(await stage.claimedUuids()).toEqual([uuid]);
  });

  test("run what came back in line in its order", async () => {
    const { stage, place } = await start();
    const { lease } = await stage.running({ priority: -5 });
    await stage.queued({ priority: 5 });
    await stage.settle(lease, interruptedAt(stage.now.wallMs));
    const ran: unknown[] = [];
    await plainWorker(place, lease.uuid, async (job) => ran.push(job.id));
    expect(ran[0]).toBe(lease.uuid);
  });
});

describe.each(KINDS)("ids of jobs that plain BullMQ adds on $kind", ({ make }) => {
  const start = () => startOn(make);
  /** Keys of BullMQ's, of ours and of its parts, tables and columns, and what SQL and scripts may trip over. */
  const NO_JOBS = [
    ...[
      "meta",
      "events",
      "id",
      "pc",
      "wait",
      "active",
      "prioritized",
      "delayed",
      "completed",
      "marker",
      "stalled",
    ],
    ...[
      "qt:names",
      "qt:ids",
      "qt:unique",
      "qt:workers",
      "qt:seen",
      "qt:fences",
      "qt:of:new:mail.send",
      "repeat",
    ],
    ...[
      "1:logs",
      "1:lock",
      "job",
      "qtasks_task",
      "'",
      "$1",
      "%",
      "a b",
      "a  b",
      " ",
      "1 2",
      "\n",
      "ü",
      "x".repeat(1000),
    ],
  ];

  test("are known by every verb as soon as the job is there", async () => {
    const { stage, queue } = await start();
    const { broker } = stage;
    const names = ["1", "2", "3", "4"];
    for (const data of names) await queue.add("mail.send", data);
    expect(await broker.get("1")).toMatchObject({ uuid: "1", status: "new" });
    await broker.counts();
    for (const data of names) await queue.add("mail.send", data);
    expect(await broker.cancel("5", null, stage.now)).toBe("cancelled");
    expect(await broker.requeue("5", stage.now)).toBe(true);
    await queue.add("mail.send", 9);
    expect(await broker.requeue("9", stage.now)).toBe(false);
    await queue.add("mail.send", 10);
    expect(await broker.list({ after: "10", limit: 2 })).toMatchObject([{ uuid: "9" }, { uuid: "8" }]);
    await queue.add("mail.send", 11);
    expect(await stage.claimedUuids({ uuids: ["11"] })).toEqual(["11"]);
  });

  test("may be any text: what is no job is unknown to each verb, and nothing is written", async () => {
    const { stage, queue } = await start();
    const { broker } = stage;
    await queue.add("mail.send", 1);
    const { lease } = await stage.claimOne();
    await broker.report(
      [{ lease, lines: [{ attempt: 1, timeMs: 0, stream: "log", text: "hello" }] }],
      stage.now,
    );
    await broker.beat(workerInfo(), LEASE_MS, stage.now);
    expect(await broker.getMany([...NO_JOBS, "1"])).toMatchObject([
      ...NO_JOBS.map(() => undefined),
      { uuid: "1" },
    ]);
    for (const id of NO_JOBS) {
      expect([id, await broker.cancel(id, null, stage.now)]).toEqual([id, undefined]);
      expect([id, await broker.requeue(id, stage.now)]).toEqual([id, undefined]);
      expect([id, await broker.logs(id)]).toEqual([id, []]);
      expect([id, await broker.list({ after: id, limit: 10 })]).toEqual([id, []]);
    }
    expect(await stage.claim({ uuids: NO_JOBS })).toEqual([]);
    expect(await stage.settle(lease, SUCCESS)).toBe(true);
    expect(await broker.counts()).toEqual([
      { name: "mail.send", new: 0, process: 0, success: 1, error: 0, cancel: 0 },
    ]);
  });

  test("with spaces, or that begin like others, are told apart", async () => {
    const { stage, queue } = await start();
    const { broker } = stage;
    const ids = ["a", "a b", "a b c", "a 0000000000000001x", "a 0000000000000001x 0000000000000002y"];
    for (const jobId of ids) await queue.add("mail.send", 1, { jobId });
    const listed = async () => (await broker.list({ limit: 10 })).map(({ uuid }) => uuid).reverse();
    expect(await listed()).toEqual(ids);
    expect((await broker.list({ after: "a b", limit: 10 })).map(({ uuid }) => uuid)).toEqual(["a"]);
    expect(await broker.getMany([...ids, "a  b"])).toMatchObject([
      ...ids.map((uuid) => ({ uuid })),
      undefined,
    ]);
    while (ids.length > 0) {
      await queue.remove(ids.shift() ?? "");
      expect(await listed()).toEqual(ids);
    }
    expect(await broker.counts()).toEqual([]);
  });

  test("have no beginnings: only a uuid is found by one", async () => {
    const { stage, queue } = await start();
    const { uuid } = await stage.queued();
    for (const jobId of ["deadbeef", "events 1", uuid.slice(0, 8)])
      await queue.add("mail.send", 1, { jobId });
    const begin = async (uuidPrefix: string) =>
      (await stage.broker.list({ uuidPrefix, limit: 10 })).map((task) => task.uuid);
    for (const prefix of ["dead", "deadbeef", "e", "events 1"]) expect(await begin(prefix)).toEqual([]);
    for (const end of [1, 8, 36]) expect(await begin(uuid.slice(0, end))).toEqual([uuid]);
  });

  test("name nothing of a task that moves away", async () => {
    const { stage } = await start();
    const { broker } = stage;
    const { uuid } = await stage.queued();
    await broker.transfer?.depart({ to: "elsewhere", which: "waiting", limit: 1, most: 1000 });
    for (const id of [uuid, `qt:moving:${uuid}`]) {
      expect(await broker.get(id)).toBeUndefined();
      expect(await broker.cancel(id, null, stage.now)).toBeUndefined();
      expect(await stage.claim({ uuids: [id] })).toEqual([]);
    }
    expect(await broker.transfer?.step([uuid], "enter", stage.now)).toEqual([true]);
    expect(await broker.get(uuid)).toMatchObject({ status: "new" });
  });
});

describe.each(KINDS.filter(({ kind }) => kind === "redis"))(
  "jobs that plain BullMQ adds on $kind",
  ({ make }) => {
    const start = () => startOn(make);

    test("are met without an event that tells of them", async () => {
      const { stage, queue } = await start();
      await queue.add("mail.send", 1);
      await queue.trimEvents(0);
      expect(await stage.broker.logs("1")).toEqual([]);
      expect(await stage.broker.get("1")).toMatchObject({ uuid: "1", status: "new" });
    });

    test("leave nothing in our books once they are removed", async () => {
      const { stage, queue } = await start();
      const ids = ["a", "a b", "a 0000000000000001x", "ab"];
      for (const jobId of ids) await queue.add("mail.send", 1, { jobId });
      expect(await stage.broker.list({ limit: 10 })).toHaveLength(ids.length);
      for (const { uuid } of await stage.broker.list({ limit: 10 })) await queue.remove(uuid);
      expect(await stage.broker.counts()).toEqual([]);
      expect(await stage.claim()).toEqual([]);
      const redis = new Redis((await redisUrl()) ?? "");
      const left = await redis.keys(`${queue.opts.prefix}:*:qt:*`);
      await redis.quit();
      expect(left.map((key) => key.slice(key.indexOf("qt:"))).sort()).toEqual(["qt:arrivals", "qt:seen"]);
    });
  },
);

describe.each(KINDS)("several machines on $kind", ({ make }) => {
  const start = () => startOn(make);
  const elsewhere = { bootId: "another-machine", monoMs: 5 };

  test("leave a task to its worker on another machine as long as its lease lasts by the server's clock", async () => {
    const { stage } = await start();
    const { lease } = await stage.running();
    stage.now = { ...stage.now, ...elsewhere };
    expect(await stage.claim()).toEqual([]);
    expect(await stage.settle(lease, retryAt(stage.now.wallMs))).toBe(true);
  });

  test("take over a task of another machine once its lease has run out by the server's clock", async () => {
    const { stage } = await start();
    const { uuid } = await stage.queued();
    const first = await stage.claimOne({ leaseMs: 1 });
    stage.now = { ...stage.now, ...elsewhere };
    await expect.poll(() => stage.claimedUuids()).toEqual([uuid]);
    expect(await stage.settle(first.lease, SUCCESS)).toBe(false);
    expect(await stage.record(uuid)).toMatchObject({ deaths: 1, status: "process" });
  });

  test("show the workers of other machines as long as they beat", async () => {
    const { stage } = await start();
    await stage.broker.beat(workerInfo({ id: "stays" }), LEASE_MS, stage.now);
    await stage.broker.beat(workerInfo({ id: "dies" }), 1, stage.now);
    const seen = async () => (await stage.broker.workers({ ...stage.now, ...elsewhere })).map(({ id }) => id);
    await expect.poll(seen).toEqual(["stays"]);
  });

  test("does not show a worker of this machine that has not beaten in time by its own clock", async () => {
    const { stage } = await start();
    await stage.broker.beat(workerInfo(), LEASE_MS, stage.now);
    stage.jumpWallClock(86_400_000);
    expect(await stage.broker.workers(stage.now)).toHaveLength(1);
    stage.advance(LEASE_MS + 1);
    expect(await stage.broker.workers(stage.now)).toEqual([]);
  });
});

async function startOn(make: () => Promise<Place>) {
  const place = await make();
  places.push(place);
  const { broker, queue } = place;
  return { stage: new Stage({ broker, dispose: async () => {} }), queue, place };
}

/** Lets a worker of plain BullMQ work until it has ended the job. */
async function plainWorker(place: Place, id: string, run: (job: Job) => Promise<unknown>): Promise<void> {
  const worker = place.worker(run);
  try {
    await new Promise<void>((resolve) => {
      worker.on("completed", (job) => job.id === id && resolve());
      worker.on("failed", (job) => job?.id === id && resolve());
    });
  } finally {
    await worker.close();
  }
}

async function states(queue: Queue, tasks: readonly { uuid: string }[]): Promise<readonly unknown[]> {
  return Promise.all(tasks.map(async ({ uuid }) => (await queue.getJob(uuid))?.getState()));
}
