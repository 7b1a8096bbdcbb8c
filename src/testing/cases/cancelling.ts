import assert from "node:assert/strict";
import { ERROR, interruptedAt, retryAt, SUCCESS } from "../samples.js";
import { LEASE_MS, theme } from "../stage.js";

export const cancelling = theme({
  "cancels a queued task at once: it never starts": async (stage) => {
    const { uuid } = await stage.queued();
    const before = await stage.record(uuid);
    const { wallMs } = stage.advance(100);
    assert.equal(await stage.broker.cancel(uuid, "changed my mind", stage.now), "cancelled");
    assert.deepEqual(await stage.record(uuid), {
      ...before,
      status: "cancel",
      cancelReason: "changed my mind",
      updatedAtMs: wallMs,
      finishedAtMs: wallMs,
    });
    assert.deepEqual(await stage.claim(), []);
  },

  "cancels a scheduled task at once: it is not waited for any more": async (stage) => {
    const { uuid } = await stage.queued({ runAtMs: stage.now.wallMs + 1000 });
    assert.equal(await stage.broker.cancel(uuid, null, stage.now), "cancelled");
    assert.deepEqual(await stage.broker.claim(stage.request()), { claims: [], nextDueAtMs: null });
    stage.advance(2000);
    assert.deepEqual(await stage.claim(), []);
  },

  "cancels a task that waits for its next attempt, and keeps its history and its last start": async (
    stage,
  ) => {
    const { lease } = await stage.running();
    const { startedAtMs } = await stage.record(lease.uuid);
    const { wallMs } = stage.advance(100);
    await stage.settle(lease, retryAt(wallMs + 1000));
    const before = await stage.record(lease.uuid);
    assert.equal(await stage.broker.cancel(lease.uuid, "enough", stage.now), "cancelled");
    assert.deepEqual(await stage.record(lease.uuid), {
      ...before,
      status: "cancel",
      cancelReason: "enough",
      startedAtMs,
      finishedAtMs: wallMs,
    });
  },

  "names the task in the reason when none is given, and keeps an empty one": async (stage) => {
    const none = await stage.queued();
    const empty = await stage.queued();
    await stage.broker.cancel(none.uuid, null, stage.now);
    await stage.broker.cancel(empty.uuid, "", stage.now);
    assert.equal((await stage.record(none.uuid)).cancelReason, "mail.send.cancel");
    assert.equal((await stage.record(empty.uuid)).cancelReason, "");
  },

  "tells the worker when it is to leave no grace, and keeps the first reason": async (stage) => {
    const { lease } = await stage.running();
    await stage.broker.cancel(lease.uuid, "first", stage.now);
    await stage.broker.cancel(lease.uuid, "second", stage.now, true);
    await stage.broker.cancel(lease.uuid, "third", stage.now);
    const states = await stage.broker.extend([lease], LEASE_MS, stage.now);
    assert.deepEqual(states, [{ state: "cancelling", reason: "first", urgent: true }]);
  },

  "tells the worker of a running task, which keeps its lease until it settles": async (stage) => {
    const { lease } = await stage.running();
    assert.equal(await stage.broker.cancel(lease.uuid, null, stage.now), "cancelling");
    assert.equal((await stage.record(lease.uuid)).status, "process");
    assert.deepEqual(await stage.claim(), []);
    const cancelling = { state: "cancelling", reason: "mail.send.cancel" };
    assert.deepEqual(await stage.extend(lease), cancelling);
    stage.advance(LEASE_MS - 1);
    assert.deepEqual(await stage.extend(lease), cancelling);
    assert.equal(await stage.settle(lease, { status: "cancel", reason: "mail.send.cancel" }), true);
    const record = await stage.record(lease.uuid);
    assert.deepEqual([record.status, record.cancelReason], ["cancel", "mail.send.cancel"]);
  },

  "lets a run that finished first win over its cancellation": async (stage) => {
    const success = (await stage.running()).lease;
    const failure = (await stage.running()).lease;
    for (const { uuid } of [success, failure]) await stage.broker.cancel(uuid, "too late", stage.now);
    assert.equal(await stage.settle(success, SUCCESS), true);
    assert.equal(await stage.settle(failure, ERROR), true);
    const records = await stage.broker.getMany([success.uuid, failure.uuid]);
    assert.deepEqual(
      records.map((record) => [record?.status, record?.cancelReason]),
      [
        ["success", null],
        ["error", null],
      ],
    );
  },

  "grants no further attempt to a task that is being cancelled": async (stage) => {
    const { wallMs } = stage.now;
    for (const verdict of [retryAt(wallMs), retryAt(wallMs + 1000), interruptedAt(wallMs)]) {
      const { lease } = await stage.running();
      await stage.broker.cancel(lease.uuid, "enough", stage.now);
      assert.equal(await stage.settle(lease, verdict), true);
      const record = await stage.record(lease.uuid);
      assert.deepEqual([record.status, record.cancelReason, record.error], ["cancel", "enough", null]);
      assert.equal(record.finishedAtMs, wallMs);
      assert.equal(record.history.length, 1);
    }
    stage.advance(10_000);
    assert.deepEqual(await stage.claim(), []);
  },

  "ends a task that was being cancelled when its worker was lost": async (stage) => {
    const { lease } = await stage.running();
    await stage.broker.cancel(lease.uuid, "enough", stage.now);
    const { wallMs } = stage.advance(LEASE_MS + 1);
    assert.deepEqual(await stage.claim(), []);
    const record = await stage.record(lease.uuid);
    assert.deepEqual([record.status, record.cancelReason], ["cancel", "enough"]);
    assert.deepEqual([record.finishedAtMs, record.updatedAtMs], [wallMs, wallMs]);
    assert.deepEqual(
      record.history.map((run) => [run.status, run.finishedAtMs, run.worker]),
      [["lost", wallMs, "worker-1"]],
    );
    assert.equal(await stage.settle(lease, SUCCESS), false);
  },

  "claims others past a task that was being cancelled when its worker was lost": async (stage) => {
    const { lease } = await stage.running({ priority: -1 });
    await stage.broker.cancel(lease.uuid, null, stage.now);
    stage.advance(LEASE_MS + 1);
    const waiting = await stage.queued();
    assert.deepEqual(await stage.claimedUuids({ limit: 1 }), [waiting.uuid]);
  },

  "is too late for a finished task, which stays as it is": async (stage) => {
    const { uuid } = await stage.finished();
    const before = await stage.record(uuid);
    stage.advance(1000);
    assert.equal(await stage.broker.cancel(uuid, "too late", stage.now), "finished");
    assert.deepEqual(await stage.record(uuid), before);
  },

  "may be asked for twice": async (stage) => {
    const waiting = await stage.queued();
    const { lease } = await stage.running({ taskName: "report.build" });
    assert.equal(await stage.broker.cancel(waiting.uuid, "first", stage.now), "cancelled");
    assert.equal(await stage.broker.cancel(waiting.uuid, "second", stage.now), "finished");
    assert.equal((await stage.record(waiting.uuid)).cancelReason, "first");
    assert.equal(await stage.broker.cancel(lease.uuid, null, stage.now), "cancelling");
    assert.equal(await stage.broker.cancel(lease.uuid, null, stage.now), "cancelling");
  },

  "knows of no cancellation of a task that does not exist": async (stage) => {
    assert.equal(await stage.broker.cancel(stage.task().uuid, null, stage.now), undefined);
  },

  "forgets that a task was being cancelled once it is put back in line": async (stage) => {
    const { lease } = await stage.running();
    await stage.broker.cancel(lease.uuid, "enough", stage.now);
    await stage.settle(lease, { status: "cancel", reason: "enough" });
    await stage.broker.requeue(lease.uuid, stage.now);
    const second = await stage.claimOne();
    assert.deepEqual(await stage.extend(second.lease), { state: "held" });
    await stage.settle(second.lease, retryAt(stage.now.wallMs));
    assert.equal((await stage.record(lease.uuid)).status, "new");
  },
});
