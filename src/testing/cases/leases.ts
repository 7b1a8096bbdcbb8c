import assert from "node:assert/strict";
import { ERROR, retryAt, SUCCESS } from "../samples.js";
import { LEASE_MS, theme } from "../stage.js";

export const leases = theme({
  "takes back a task whose lease has run out: a worker more has died with it, an attempt is not used up":
    async (stage) => {
      const first = await stage.running();
      const running = await stage.record(first.lease.uuid);
      const { wallMs } = stage.advance(LEASE_MS + 1);
      const second = await stage.claimOne({ workerId: "worker-2-once", workerName: "worker-2" });
      assert.ok(second.lease.fence > first.lease.fence);
      assert.deepEqual([second.lease.uuid, second.attempt, second.deaths], [first.lease.uuid, 1, 1]);
      assert.deepEqual(await stage.record(first.lease.uuid), {
        ...running,
        deaths: 1,
        updatedAtMs: wallMs,
        startedAtMs: wallMs,
        worker: "worker-2",
        history: [
          {
            attempt: 1,
            startedAtMs: running.startedAtMs,
            finishedAtMs: wallMs,
            status: "lost",
            error: null,
            worker: "worker-1",
          },
        ],
      });
    },

  "counts every worker that died with a task": async (stage) => {
    await stage.queued();
    const deaths: number[] = [];
    for (let turn = 0; turn < 4; turn++) {
      deaths.push((await stage.claimOne()).deaths);
      stage.advance(LEASE_MS + 1);
    }
    assert.deepEqual(deaths, [0, 1, 2, 3]);
  },

  "keeps a running task with its worker as long as the lease lasts": async (stage) => {
    const { lease } = await stage.running();
    stage.advance(LEASE_MS - 1);
    assert.deepEqual(await stage.claim(), []);
    assert.equal(await stage.settle(lease, SUCCESS), true);
  },

  "gives a task whose lease has run out its place in line by priority": async (stage) => {
    const lost = await stage.running({ priority: 5 });
    stage.advance(LEASE_MS + 1);
    const better = await stage.queued({ priority: 4 });
    const worse = await stage.queued({ priority: 6 });
    assert.deepEqual(await stage.claimedUuids({ limit: 2 }), [better.uuid, lost.lease.uuid]);
    assert.deepEqual(await stage.claimedUuids(), [worse.uuid]);
  },

  "takes back only tasks of the names and uuids asked for": async (stage) => {
    const first = await stage.running();
    const second = await stage.running();
    await stage.running({ taskName: "report.build" });
    stage.advance(LEASE_MS + 1);
    assert.deepEqual(await stage.claimedUuids({ names: ["no.such"] }), []);
    assert.deepEqual(await stage.claimedUuids({ uuids: [second.lease.uuid] }), [second.lease.uuid]);
    assert.deepEqual(await stage.claimedUuids(), [first.lease.uuid]);
  },

  "lengthens a lease from the instant given": async (stage) => {
    const { lease } = await stage.running();
    stage.advance(LEASE_MS - 1000);
    assert.deepEqual(await stage.extend(lease), { state: "held" });
    stage.advance(LEASE_MS - 1000);
    assert.deepEqual(await stage.claim(), []);
    stage.advance(2000);
    assert.equal((await stage.claimOne()).lease.uuid, lease.uuid);
  },

  "lets no wall clock end a lease, however far it jumps": async (stage) => {
    const { lease } = await stage.running();
    stage.jumpWallClock(365 * 86_400_000);
    assert.deepEqual(await stage.claim(), []);
    stage.jumpWallClock(-2 * 365 * 86_400_000);
    assert.deepEqual(await stage.claim(), []);
    assert.equal(await stage.settle(lease, SUCCESS), true);
  },

  "ends a lease by the monotonic clock although the wall clock stands still or goes back": async (stage) => {
    const { lease } = await stage.running();
    stage.advance(LEASE_MS + 1);
    stage.jumpWallClock(-3_600_000);
    assert.equal((await stage.claimOne()).lease.uuid, lease.uuid);
  },

  "takes a lease of another boot as run out, whatever its clock says": async (stage) => {
    const { lease } = await stage.running();
    stage.now = { wallMs: stage.now.wallMs + 60_000, monoMs: 5, bootId: "boot-2" };
    const second = await stage.claimOne();
    assert.deepEqual([second.lease.uuid, second.deaths], [lease.uuid, 1]);
    assert.deepEqual(await stage.claim(), []);
  },

  "leaves a task with its worker after the lease ran out, until another claim takes it": async (stage) => {
    const { lease } = await stage.running();
    stage.advance(LEASE_MS + 1);
    assert.deepEqual(await stage.extend(lease), { state: "held" });
    assert.deepEqual(await stage.claim(), []);
    stage.advance(LEASE_MS + 1);
    assert.equal(await stage.settle(lease, SUCCESS), true);
    assert.deepEqual(await stage.claim(), []);
    assert.equal((await stage.record(lease.uuid)).deaths, 0);
  },

  "says no once another worker holds the task: nothing of the stale run is written": async (stage) => {
    const stale = (await stage.running()).lease;
    stage.advance(LEASE_MS + 1);
    const held = (await stage.claimOne({ workerId: "worker-2-once", workerName: "worker-2" })).lease;
    const before = await stage.record(stale.uuid);
    stage.advance(1000);
    for (const verdict of [SUCCESS, ERROR, retryAt(stage.now.wallMs)]) {
      assert.equal(await stage.settle(stale, verdict), false);
    }
    assert.deepEqual(await stage.extend(stale), { state: "lost" });
    const progress = { done: 1, total: null, message: null };
    const lines = [{ attempt: 1, timeMs: stage.now.wallMs, stream: "stdout" as const, text: "late" }];
    assert.deepEqual(await stage.broker.report([{ lease: stale, progress, lines }], stage.now), [false]);
    assert.deepEqual(await stage.record(stale.uuid), before);
    assert.deepEqual(await stage.broker.logs(stale.uuid), []);
    assert.equal(await stage.settle(held, SUCCESS), true);
  },

  "says no to a lease that was given back, also while the task waits": async (stage) => {
    const { lease } = await stage.running();
    await stage.settle(lease, retryAt(stage.now.wallMs + 1000));
    assert.equal(await stage.settle(lease, SUCCESS), false);
    assert.deepEqual(await stage.extend(lease), { state: "lost" });
    assert.equal((await stage.record(lease.uuid)).status, "new");
  },

  "tells of each lease what has become of it": async (stage) => {
    const held = (await stage.running()).lease;
    const finished = (await stage.running()).lease;
    const cancelled = (await stage.running()).lease;
    const pruned = (await stage.running()).lease;
    await stage.settle(pruned, SUCCESS);
    await stage.broker.prune({});
    await stage.settle(finished, SUCCESS);
    await stage.broker.cancel(cancelled.uuid, "enough", stage.now);
    const unclaimed = { uuid: (await stage.queued()).uuid, fence: held.fence };
    const leases = [finished, held, unclaimed, cancelled, pruned];
    assert.deepEqual(await stage.broker.extend(leases, LEASE_MS, stage.now), [
      { state: "lost" },
      { state: "held" },
      { state: "lost" },
      { state: "cancelling", reason: "enough" },
      { state: "lost" },
    ]);
  },

  "says no to a claim number that was never given": async (stage) => {
    const { lease } = await stage.running();
    for (const fence of [lease.fence + 1, lease.fence - 1, 0]) {
      assert.equal(await stage.settle({ uuid: lease.uuid, fence }, SUCCESS), false);
    }
    assert.equal(await stage.settle(lease, SUCCESS), true);
  },

  "says no to a lease of before the task was put back in line": async (stage) => {
    const stale = (await stage.running()).lease;
    await stage.settle(stale, ERROR);
    await stage.broker.requeue(stale.uuid, stage.now);
    assert.equal(await stage.settle(stale, SUCCESS), false);
    const { lease } = await stage.claimOne();
    assert.ok(lease.fence > stale.fence);
    assert.equal(await stage.settle(stale, SUCCESS), false);
    assert.equal(await stage.settle(lease, SUCCESS), true);
  },
});
