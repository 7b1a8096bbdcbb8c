import assert from "node:assert/strict";
import { ERROR, retryAt, SUCCESS } from "../samples.js";
import { LEASE_MS, theme } from "../stage.js";

export const requeueing = theme({
  "puts a finished task back in line with fresh counters, due now, its history kept": async (stage) => {
    const task = await stage.queued({ args: '["ada"]', priority: 3, tags: ["mail"], retry: 1 });
    await stage.claimOne();
    stage.advance(LEASE_MS + 1);
    const { lease } = await stage.claimOne();
    const progress = { done: 3, total: 10, message: "sending" };
    await stage.broker.report([{ lease, progress }], stage.now);
    await stage.settle(lease, ERROR);
    const failed = await stage.record(task.uuid);
    assert.deepEqual([failed.deaths, failed.attempt, failed.history.length], [1, 1, 2]);

    const { wallMs } = stage.advance(60_000);
    assert.equal(await stage.broker.requeue(task.uuid, stage.now), true);
    assert.deepEqual(await stage.record(task.uuid), {
      ...failed,
      status: "new",
      attempt: 0,
      deaths: 0,
      runAtMs: wallMs,
      updatedAtMs: wallMs,
      startedAtMs: null,
      finishedAtMs: null,
      returning: null,
      error: null,
      traceback: null,
      cancelReason: null,
      progress: null,
    });
    const claim = await stage.claimOne();
    assert.deepEqual([claim.attempt, claim.deaths, claim.crashes], [1, 0, 0]);
  },

  "forgets crashes when it puts a task back in line": async (stage) => {
    const { lease } = await stage.running();
    await stage.settle(lease, { ...retryAt(stage.now.wallMs), crashed: true });
    const second = await stage.claimOne();
    assert.equal(second.crashes, 1);
    await stage.settle(second.lease, ERROR);
    await stage.broker.requeue(lease.uuid, stage.now);
    assert.equal((await stage.claimOne()).crashes, 0);
  },

  "puts tasks of each end status back in line": async (stage) => {
    const verdicts = [SUCCESS, ERROR, { status: "cancel", reason: "enough" } as const];
    const uuids: string[] = [];
    for (const verdict of verdicts) uuids.push((await stage.finished(verdict)).uuid);
    const waiting = await stage.queued();
    await stage.broker.cancel(waiting.uuid, null, stage.now);
    uuids.push(waiting.uuid);
    for (const uuid of uuids) {
      assert.equal(await stage.broker.requeue(uuid, stage.now), true);
      const { returning, error, cancelReason } = await stage.record(uuid);
      assert.deepEqual([returning, error, cancelReason], [null, null, null]);
    }
    assert.deepEqual(new Set(await stage.claimedUuids()), new Set(uuids));
  },

  "keeps adding to the history after a task was put back in line": async (stage) => {
    const { uuid } = await stage.finished(ERROR);
    await stage.broker.requeue(uuid, stage.now);
    const { lease } = await stage.claimOne();
    await stage.settle(lease, SUCCESS);
    const record = await stage.record(uuid);
    assert.deepEqual(
      record.history.map((run) => [run.attempt, run.status]),
      [
        [1, "error"],
        [1, "success"],
      ],
    );
  },

  "puts a task that was scheduled back in line as due now": async (stage) => {
    const { uuid } = await stage.queued({ runAtMs: stage.now.wallMs + 3_600_000 });
    await stage.broker.cancel(uuid, null, stage.now);
    await stage.broker.requeue(uuid, stage.now);
    assert.deepEqual(await stage.claimedUuids(), [uuid]);
  },

  "leaves a task in peace that waits or runs": async (stage) => {
    const waiting = await stage.queued({ runAtMs: stage.now.wallMs + 1000 });
    const { lease } = await stage.running();
    const before = await stage.broker.getMany([waiting.uuid, lease.uuid]);
    stage.advance(10);
    assert.equal(await stage.broker.requeue(waiting.uuid, stage.now), false);
    assert.equal(await stage.broker.requeue(lease.uuid, stage.now), false);
    assert.deepEqual(await stage.broker.getMany([waiting.uuid, lease.uuid]), before);
    assert.equal(await stage.settle(lease, SUCCESS), true);
  },

  "puts nothing in line for a task that does not exist": async (stage) => {
    assert.equal(await stage.broker.requeue(stage.task().uuid, stage.now), undefined);
  },
});
