import assert from "node:assert/strict";
import { type Stage, theme } from "../stage.js";

export const claiming = theme({
  "hands tasks out in the order of their arrival": async (stage) => {
    const uuids = await queueAll(stage, [0, 0, 0, 0]);
    assert.deepEqual(await stage.claimedUuids(), uuids);
  },

  "hands out the lowest priority first, negative ones before zero": async (stage) => {
    const [a, b, c, d, e] = await queueAll(stage, [0, 5, -5, 0, -2_000_000]);
    assert.deepEqual(await stage.claimedUuids(), [e, c, a, d, b]);
  },

  "hands out what became due earlier first, among equal priorities": async (stage) => {
    const { wallMs } = stage.now;
    const late = await stage.queued({ runAtMs: wallMs + 2000 });
    const early = await stage.queued({ runAtMs: wallMs + 1000 });
    const urgent = await stage.queued({ runAtMs: wallMs + 3000, priority: -1 });
    const twin = await stage.queued({ runAtMs: wallMs + 1000 });
    stage.advance(5000);
    const now = await stage.queued();
    assert.deepEqual(
      await stage.claimedUuids(),
      [urgent, early, twin, late, now].map(({ uuid }) => uuid),
    );
  },

  "keeps the order of a batch, and of batches one after the other": async (stage) => {
    const batches = [1, 2, 3].map(() => [stage.task(), stage.task(), stage.task()]);
    for (const batch of batches) await stage.broker.enqueue(batch);
    assert.deepEqual(
      await stage.claimedUuids(),
      batches.flat().map(({ uuid }) => uuid),
    );
  },

  "goes by arrival, not by uuid or time of creation, among equals": async (stage) => {
    const runAtMs = stage.now.wallMs;
    const second = stage.task({ runAtMs });
    const first = stage.task({ runAtMs, createdAtMs: runAtMs + 5000 });
    assert.ok(first.uuid > second.uuid);
    stage.advance(10_000);
    await stage.broker.enqueue([first, second]);
    assert.deepEqual(await stage.claimedUuids(), [first.uuid, second.uuid]);
  },

  "takes at most as many as asked for, and goes on where it stopped": async (stage) => {
    const uuids = await queueAll(stage, [0, 0, 0, 0, 0]);
    assert.deepEqual(await stage.claimedUuids({ limit: 2 }), uuids.slice(0, 2));
    assert.deepEqual(await stage.claimedUuids({ limit: 2 }), uuids.slice(2, 4));
    assert.deepEqual(await stage.claimedUuids({ limit: 2 }), uuids.slice(4));
    assert.deepEqual(await stage.claimedUuids({ limit: 2 }), []);
  },

  "takes at most so many of the names that have fewer places, and others behind them": async (stage) => {
    const [a, b, c] = await queueAll(stage, [-3, -2, -1], "plain");
    const [d, e] = await queueAll(stage, [0, 1], "other");
    const names = ["plain", "other"];
    const atMost = { names: ["plain", "no.such"], limit: 1 };
    assert.deepEqual(await stage.claimedUuids({ names, atMost, limit: 2 }), [a, d]);
    assert.deepEqual(await stage.claimedUuids({ names, atMost: { ...atMost, limit: 0 } }), [e]);
    assert.deepEqual(await stage.claimedUuids({ names: ["plain"], atMost }), [b]);
    assert.deepEqual(await stage.claimedUuids({ names }), [c]);
  },

  "takes only tasks of the names asked for": async (stage) => {
    const known = await stage.queued({ taskName: "mail.send" });
    const unknown = await stage.queued({ taskName: "mail.sendx", priority: -9 });
    assert.deepEqual(await stage.claimedUuids({ names: ["mail.send", "no.such"] }), [known.uuid]);
    assert.deepEqual(await stage.claimedUuids({ names: [] }), []);
    assert.equal((await stage.record(unknown.uuid)).status, "new");
  },

  "goes by priority across all the names asked for": async (stage) => {
    const names = ["a", "b", "c"];
    const tasks = [3, -1, 2, 0, -1, 1].map((priority, place) =>
      stage.task({ priority, taskName: names[place % 3] ?? "a" }),
    );
    await stage.broker.enqueue(tasks);
    const [third, first, sixth, fourth, second, fifth] = tasks.map(({ uuid }) => uuid);
    // Arrival 0 to 5 with priorities 3, -1, 2, 0, -1, 1.
    const inOrder = [first, second, fourth, fifth, sixth, third];
    assert.deepEqual(await stage.claimedUuids({ names, limit: 4 }), inOrder.slice(0, 4));
    assert.deepEqual(await stage.claimedUuids({ names, limit: 4 }), inOrder.slice(4));
  },

  "takes only the tasks asked for by uuid, whatever their place in line": async (stage) => {
    const uuids = await queueAll(stage, [0, 0, 7, 0]);
    const other = await stage.queued({ taskName: "report.build" });
    const scheduled = await stage.queued({ runAtMs: stage.now.wallMs + 1 });
    const wanted = [uuids[2], uuids[1], other.uuid, scheduled.uuid].flatMap((uuid) => uuid ?? []);
    assert.deepEqual(await stage.claimedUuids({ uuids: wanted, limit: 1 }), [uuids[1]]);
    assert.deepEqual(await stage.claimedUuids({ uuids: wanted }), [uuids[2]]);
    assert.deepEqual(await stage.claimedUuids({ uuids: wanted }), []);
    assert.deepEqual(await stage.claimedUuids({ uuids: [] }), []);
    assert.deepEqual(await stage.claimedUuids(), [uuids[0], uuids[3]]);
  },

  "gives what a worker needs to run and to judge the task": async (stage) => {
    const { uuid } = await stage.queued({ args: '["ada"]', priority: 4, retry: 2, maxTimeMs: 900 });
    const { lease, ...rest } = await stage.claimOne();
    assert.equal(lease.uuid, uuid);
    assert.ok(Number.isSafeInteger(lease.fence) && lease.fence > 0);
    assert.deepEqual(rest, {
      taskName: "mail.send",
      args: '["ada"]',
      priority: 4,
      attempt: 1,
      retry: 2,
      maxTimeMs: 900,
      deaths: 0,
      crashes: 0,
      alone: false,
    });
  },

  "shows a claimed task as running, with its start, its attempt and its worker": async (stage) => {
    const { uuid } = await stage.queued();
    const before = await stage.record(uuid);
    const { wallMs } = stage.advance(700);
    await stage.claimOne({ workerName: "mole" });
    assert.deepEqual(await stage.record(uuid), {
      ...before,
      status: "process",
      attempt: 1,
      startedAtMs: wallMs,
      updatedAtMs: wallMs,
      worker: "mole",
    });
  },

  "raises the claim number with each claim of a task, also after it was put back in line": async (stage) => {
    const { uuid } = await stage.queued();
    const fences: number[] = [];
    for (let round = 0; round < 3; round++) {
      const { lease } = await stage.claimOne();
      fences.push(lease.fence);
      await stage.settle(lease, { status: "cancel", reason: "once more" });
      await stage.broker.requeue(uuid, stage.now);
    }
    assert.deepEqual(
      fences,
      [...new Set(fences)].sort((a, b) => a - b),
    );
  },

  "does not take a running task a second time": async (stage) => {
    await stage.running();
    assert.deepEqual(await stage.claim(), []);
  },

  "hands out ten thousand tasks in exactly their order": async (stage) => {
    const tasks = Array.from({ length: 10_000 }, (_, place) => stage.task({ priority: (place * 7) % 10 }));
    await stage.broker.enqueue(tasks);
    const inOrder = [...tasks].sort((a, b) => a.priority - b.priority).map(({ uuid }) => uuid);
    const claimed: string[] = [];
    for (let turn = 0; turn < 100; turn++) claimed.push(...(await stage.claimedUuids({ limit: 100 })));
    assert.deepEqual(claimed, inOrder);
  },
});

/** Queues a task for each priority, one by one. */
async function queueAll(
  stage: Stage,
  priorities: readonly number[],
  taskName = "mail.send",
): Promise<readonly string[]> {
  const uuids: string[] = [];
  for (const priority of priorities) uuids.push((await stage.queued({ priority, taskName })).uuid);
  return uuids;
}
