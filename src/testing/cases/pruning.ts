import assert from "node:assert/strict";
import { ERROR, retryAt, SUCCESS } from "../samples.js";
import { LEASE_MS, type Stage, theme } from "../stage.js";

export const pruning = theme({
  "forgets every finished task when nothing narrows it": async (stage) => {
    const uuids = await fourFinished(stage);
    assert.equal(await stage.broker.prune({}), 4);
    assert.deepEqual(
      await stage.broker.getMany(uuids),
      uuids.map(() => undefined),
    );
    assert.equal(await stage.broker.prune({}), 0);
  },

  "never forgets a task that waits or runs, not even one whose lease has run out": async (stage) => {
    const { lease } = await stage.running();
    await stage.settle(lease, retryAt(stage.now.wallMs + 1));
    const uuids = [
      lease.uuid,
      (await stage.queued()).uuid,
      (await stage.queued({ runAtMs: stage.now.wallMs + 1000 })).uuid,
      (await stage.running({ taskName: "report.build" })).lease.uuid,
    ];
    stage.advance(LEASE_MS + 1);
    assert.equal(await stage.broker.prune({}), 0);
    const finishedBeforeMs = stage.now.wallMs + 9999;
    assert.equal(await stage.broker.prune({ statuses: ["new", "process"], finishedBeforeMs }), 0);
    assert.equal((await stage.broker.getMany(uuids)).filter(Boolean).length, 4);
  },

  "forgets every waiting task at a purge, and frees their unique keys": async (stage) => {
    const running = await stage.running();
    const finished = await stage.finished(SUCCESS);
    await stage.queued({ unique: { key: "k", until: "exists" }, tags: ["later"] });
    await stage.queued({ runAtMs: stage.now.wallMs + 1000, tags: ["later"] });
    assert.equal(await stage.broker.purge(), 2);
    assert.equal(await stage.broker.purge(), 0);
    const left = await stage.broker.list({ limit: 10 });
    assert.deepEqual(left.map(({ uuid }) => uuid).sort(), [running.lease.uuid, finished.uuid].sort());
    const [again] = await stage.broker.enqueue([
      stage.task({ unique: { key: "k", until: "exists" }, tags: ["later"] }),
    ]);
    assert.equal(again?.deduplicated, false);
    assert.equal((await stage.broker.list({ tag: "later", limit: 10 })).length, 1);
    assert.deepEqual(
      (await stage.broker.counts()).map((row) => [row.new, row.process, row.success]),
      [[1, 1, 1]],
    );
  },

  "forgets no more waiting tasks at a purge than asked for": async (stage) => {
    for (const taskName of ["mail.send", "report.build"]) {
      await stage.queued({ taskName });
      await stage.queued({ taskName, runAtMs: stage.now.wallMs + 1000 });
    }
    assert.equal(await stage.broker.purge(3), 3);
    assert.equal((await stage.broker.list({ limit: 10 })).length, 1);
    assert.equal(await stage.broker.purge(3), 1);
  },

  "forgets what finished before a time": async (stage) => {
    const { wallMs } = stage.now;
    const uuids = await fourFinished(stage);
    assert.equal(await stage.broker.prune({ finishedBeforeMs: wallMs + 1000 }), 1);
    assert.deepEqual(await left(stage), [uuids[3], uuids[2], uuids[1]]);
  },

  "goes by the time of the end, not of the creation": async (stage) => {
    const early = await stage.queued();
    stage.advance(1000);
    const late = await stage.finished();
    stage.advance(1000);
    const { lease } = await stage.claimOne();
    assert.equal(lease.uuid, early.uuid);
    await stage.settle(lease, SUCCESS);
    assert.equal(await stage.broker.prune({ keep: 1 }), 1);
    assert.equal(await stage.broker.get(late.uuid), undefined);
  },

  "keeps as many of the newest as asked for": async (stage) => {
    const uuids = await fourFinished(stage);
    assert.equal(await stage.broker.prune({ keep: 9 }), 0);
    assert.equal(await stage.broker.prune({ keep: 2 }), 2);
    assert.deepEqual(await left(stage), [uuids[3], uuids[2]]);
    assert.equal(await stage.broker.prune({ keep: 0 }), 2);
  },

  "does not count tasks that wait or run among those it keeps": async (stage) => {
    const [, , , newest] = await fourFinished(stage);
    await stage.queued();
    assert.equal(await stage.broker.prune({ keep: 1 }), 3);
    assert.ok(newest);
    assert.equal((await stage.record(newest)).status, "success");
  },

  "forgets only tasks of the statuses asked for": async (stage) => {
    const done = await stage.finished(SUCCESS);
    const failed = await stage.finished(ERROR);
    const cancelled = await stage.finished({ status: "cancel", reason: "enough" });
    assert.equal(await stage.broker.prune({ statuses: [] }), 0);
    assert.equal(await stage.broker.prune({ statuses: ["error", "cancel"] }), 2);
    const records = await stage.broker.getMany([done.uuid, failed.uuid, cancelled.uuid]);
    assert.deepEqual(
      records.map((record) => record !== undefined),
      [true, false, false],
    );
  },

  "forgets the longest finished first when it may forget only so many": async (stage) => {
    const uuids = await fourFinished(stage);
    assert.equal(await stage.broker.prune({ limit: 1 }), 1);
    assert.deepEqual(await left(stage), [uuids[3], uuids[2], uuids[1]]);
    assert.equal(await stage.broker.prune({ limit: 2, keep: 1 }), 2);
    assert.deepEqual(await left(stage), [uuids[3]]);
  },

  "forgets only what matches all that is given": async (stage) => {
    const { wallMs } = stage.now;
    const uuids = await fourFinished(stage);
    assert.equal(await stage.broker.prune({ finishedBeforeMs: wallMs + 2001, keep: 3 }), 1);
    assert.deepEqual(await left(stage), [uuids[3], uuids[2], uuids[1]]);
    assert.equal(await stage.broker.prune({ finishedBeforeMs: wallMs + 1001, statuses: ["error"] }), 0);
    assert.equal(await stage.broker.prune({ finishedBeforeMs: wallMs + 1001, keep: 0 }), 1);
    assert.deepEqual(await left(stage), [uuids[3], uuids[2]]);
  },

  "says no to every lease on a task that it forgot, also when its uuid is queued again": async (stage) => {
    const { lease } = await stage.running();
    await stage.settle(lease, SUCCESS);
    await stage.broker.prune({});
    await stage.queued({ uuid: lease.uuid });
    assert.equal(await stage.settle(lease, ERROR), false);
    const second = await stage.claimOne();
    assert.ok(second.lease.fence > lease.fence);
    assert.equal(await stage.settle(lease, ERROR), false);
    assert.deepEqual((await stage.record(lease.uuid)).history, []);
  },
});

/** Finishes four tasks, a second apart: the first now. */
async function fourFinished(stage: Stage): Promise<readonly string[]> {
  const uuids: string[] = [];
  for (let turn = 0; turn < 4; turn++) {
    uuids.push((await stage.finished()).uuid);
    stage.advance(1000);
  }
  return uuids;
}

async function left(stage: Stage): Promise<readonly string[]> {
  return (await stage.broker.list({ limit: 100 })).map(({ uuid }) => uuid);
}
