import assert from "node:assert/strict";
import { ERROR, FAILURE, interruptedAt, retryAt, SUCCESS } from "../samples.js";
import { theme } from "../stage.js";

export const settling = theme({
  "stores a success with its result, its end and its run": async (stage) => {
    const { lease } = await stage.running();
    const running = await stage.record(lease.uuid);
    const { wallMs } = stage.advance(250);
    assert.equal(await stage.settle(lease, SUCCESS), true);
    assert.deepEqual(await stage.record(lease.uuid), {
      ...running,
      status: "success",
      returning: '{"accepted":true}',
      updatedAtMs: wallMs,
      finishedAtMs: wallMs,
      history: [
        {
          attempt: 1,
          startedAtMs: running.startedAtMs,
          finishedAtMs: wallMs,
          status: "success",
          error: null,
          worker: "worker-1",
        },
      ],
    });
  },

  "stores an error with its traceback, its end and its run": async (stage) => {
    const { lease } = await stage.running();
    const running = await stage.record(lease.uuid);
    const { wallMs } = stage.advance(250);
    assert.equal(await stage.settle(lease, ERROR), true);
    assert.deepEqual(await stage.record(lease.uuid), {
      ...running,
      status: "error",
      error: FAILURE,
      traceback: "Traceback: mail.ts:3",
      updatedAtMs: wallMs,
      finishedAtMs: wallMs,
      history: [
        {
          attempt: 1,
          startedAtMs: running.startedAtMs,
          finishedAtMs: wallMs,
          status: "error",
          error: FAILURE,
          worker: "worker-1",
        },
      ],
    });
  },

  "stores a cancellation with its reason, its end and its run": async (stage) => {
    const { lease } = await stage.running();
    const running = await stage.record(lease.uuid);
    const { wallMs } = stage.advance(250);
    assert.equal(await stage.settle(lease, { status: "cancel", reason: "no longer wanted" }), true);
    assert.deepEqual(await stage.record(lease.uuid), {
      ...running,
      status: "cancel",
      cancelReason: "no longer wanted",
      updatedAtMs: wallMs,
      finishedAtMs: wallMs,
      history: [
        {
          attempt: 1,
          startedAtMs: running.startedAtMs,
          finishedAtMs: wallMs,
          status: "cancel",
          error: null,
          worker: "worker-1",
        },
      ],
    });
  },

  "puts a failed run back in line, its error in the history only": async (stage) => {
    const { lease } = await stage.running({ retry: 3 });
    const running = await stage.record(lease.uuid);
    const { wallMs } = stage.advance(250);
    assert.equal(await stage.settle(lease, retryAt(wallMs + 5000)), true);
    assert.deepEqual(await stage.record(lease.uuid), {
      ...running,
      status: "new",
      attempt: 1,
      runAtMs: wallMs + 5000,
      updatedAtMs: wallMs,
      startedAtMs: null,
      history: [
        {
          attempt: 1,
          startedAtMs: running.startedAtMs,
          finishedAtMs: wallMs,
          status: "error",
          error: FAILURE,
          worker: "worker-1",
        },
      ],
    });
  },

  "gives the attempt of an interrupted run back, and keeps the run in the history": async (stage) => {
    const { lease } = await stage.running();
    const running = await stage.record(lease.uuid);
    const { wallMs } = stage.advance(250);
    assert.equal(await stage.settle(lease, interruptedAt(wallMs)), true);
    assert.deepEqual(await stage.record(lease.uuid), {
      ...running,
      status: "new",
      attempt: 0,
      runAtMs: wallMs,
      updatedAtMs: wallMs,
      startedAtMs: null,
      history: [
        {
          attempt: 1,
          startedAtMs: running.startedAtMs,
          finishedAtMs: wallMs,
          status: "interrupted",
          error: null,
          worker: "worker-1",
        },
      ],
    });
    assert.equal((await stage.claimOne()).attempt, 1);
  },

  "counts attempts that were spent, and only those": async (stage) => {
    const { uuid } = await stage.queued();
    const { wallMs } = stage.now;
    const attempts: number[] = [];
    for (const verdict of [retryAt(wallMs), interruptedAt(wallMs), interruptedAt(wallMs), retryAt(wallMs)]) {
      const { lease, attempt } = await stage.claimOne();
      attempts.push(attempt);
      await stage.settle(lease, verdict);
    }
    const { lease, attempt } = await stage.claimOne();
    await stage.settle(lease, SUCCESS);
    assert.deepEqual([...attempts, attempt], [1, 2, 2, 2, 3]);
    const record = await stage.record(uuid);
    assert.equal(record.attempt, 3);
    assert.equal(record.deaths, 0);
    assert.deepEqual(
      record.history.map((run) => [run.attempt, run.status]),
      [
        [1, "error"],
        [2, "interrupted"],
        [2, "interrupted"],
        [2, "error"],
        [3, "success"],
      ],
    );
  },

  "shows nothing of an earlier failure in the record of a later success": async (stage) => {
    const { lease } = await stage.running();
    await stage.settle(lease, retryAt(stage.now.wallMs));
    const second = await stage.claimOne({ workerName: "worker-2" });
    await stage.settle(second.lease, SUCCESS);
    const record = await stage.record(lease.uuid);
    assert.deepEqual([record.status, record.error, record.traceback], ["success", null, null]);
    assert.deepEqual([record.worker, record.cancelReason], ["worker-2", null]);
    assert.deepEqual(
      record.history.map((run) => run.worker),
      ["worker-1", "worker-2"],
    );
  },

  "remembers crashes, one for each verdict that says so": async (stage) => {
    await stage.queued();
    const verdict = { ...retryAt(stage.now.wallMs), crashed: true };
    const crashes: number[] = [];
    for (const next of [verdict, verdict, retryAt(stage.now.wallMs), verdict]) {
      const claim = await stage.claimOne();
      crashes.push(claim.crashes);
      await stage.settle(claim.lease, next);
    }
    crashes.push((await stage.claimOne()).crashes);
    assert.deepEqual(crashes, [0, 1, 2, 2, 3]);
  },

  "remembers that a task must run alone, whatever later verdicts say": async (stage) => {
    const { lease } = await stage.running();
    await stage.settle(lease, { ...interruptedAt(stage.now.wallMs), alone: true });
    const second = await stage.claimOne();
    assert.equal(second.alone, true);
    await stage.settle(second.lease, retryAt(stage.now.wallMs));
    assert.equal((await stage.claimOne()).alone, true);
  },

  "puts a task that is due again into its place by its new due time": async (stage) => {
    const { lease } = await stage.running();
    stage.advance(1000);
    const waiting = await stage.queued();
    stage.advance(1000);
    await stage.settle(lease, retryAt(stage.now.wallMs));
    assert.deepEqual(await stage.claimedUuids(), [waiting.uuid, lease.uuid]);
  },

  "settles a run once: a second verdict changes nothing": async (stage) => {
    const { lease } = await stage.running();
    await stage.settle(lease, SUCCESS);
    const settled = await stage.record(lease.uuid);
    stage.advance(1000);
    assert.equal(await stage.settle(lease, ERROR), false);
    assert.equal(await stage.settle(lease, retryAt(stage.now.wallMs)), false);
    assert.deepEqual(await stage.record(lease.uuid), settled);
  },

  "settles a run once also within one batch": async (stage) => {
    const { lease } = await stage.running();
    const twice = [
      { lease, verdict: SUCCESS },
      { lease, verdict: ERROR },
    ];
    assert.deepEqual(await stage.broker.settle(twice, stage.now), [true, false]);
    assert.equal((await stage.record(lease.uuid)).status, "success");
  },

  "settles what it can of a batch, and says which it could not": async (stage) => {
    const first = await stage.running();
    const second = await stage.running();
    const third = await stage.running();
    await stage.settle(second.lease, retryAt(stage.now.wallMs));
    const newer = await stage.claimOne();
    const stranger = { uuid: stage.task().uuid, fence: 1 };
    const settlements = [first.lease, second.lease, stranger, third.lease].map((lease) => ({
      lease,
      verdict: SUCCESS,
    }));
    assert.deepEqual(await stage.broker.settle(settlements, stage.now), [true, false, false, true]);
    const uuids = [first, second, third].map(({ lease }) => lease.uuid);
    const records = await stage.broker.getMany(uuids);
    assert.deepEqual(
      records.map((record) => record?.status),
      ["success", "process", "success"],
    );
    assert.equal(await stage.settle(newer.lease, SUCCESS), true);
  },

  "takes an empty batch of verdicts, leases or reports as nothing to do": async (stage) => {
    assert.deepEqual(await stage.broker.settle([], stage.now), []);
    assert.deepEqual(await stage.broker.extend([], 1000, stage.now), []);
    assert.deepEqual(await stage.broker.report([], stage.now), []);
  },
});
