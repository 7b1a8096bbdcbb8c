import assert from "node:assert/strict";
import { ERROR, retryAt, SUCCESS } from "../samples.js";
import { LEASE_MS, theme } from "../stage.js";
import { wakes } from "../wakes.js";

export const wakeUps = theme({
  "wakes who waits for work when a task is queued, also through another connection": async (stage) => {
    const other = await stage.secondBroker();
    for (const [subscriber, actor] of [
      [stage.broker, stage.broker],
      [other, stage.broker],
      [stage.broker, other],
    ] as const) {
      const task = stage.task();
      await wakes(subscriber, "queued", task.uuid, () => actor.enqueue([task]));
    }
  },

  "wakes who waits for work when a scheduled task is queued, which may be due before all others": async (
    stage,
  ) => {
    const task = stage.task({ runAtMs: stage.now.wallMs + 1000 });
    const other = await stage.secondBroker();
    await wakes(other, "queued", task.uuid, () => stage.broker.enqueue([task]));
  },

  "wakes who waits for work when a task goes back in line": async (stage) => {
    const other = await stage.secondBroker();
    const { lease } = await stage.running();
    await wakes(other, "queued", lease.uuid, () => stage.settle(lease, retryAt(stage.now.wallMs)));
    const { uuid } = await stage.finished();
    await wakes(other, "queued", uuid, () => stage.broker.requeue(uuid, stage.now));
  },

  "wakes who waits for a result when a run ends a task, also through another connection": async (stage) => {
    const other = await stage.secondBroker();
    const [first, second, third] = [await stage.running(), await stage.running(), await stage.running()];
    await wakes(stage.broker, "settled", first.lease.uuid, () => stage.settle(first.lease, SUCCESS));
    await wakes(other, "settled", second.lease.uuid, () => stage.settle(second.lease, ERROR));
    const settlement = { lease: third.lease, verdict: SUCCESS };
    await wakes(stage.broker, "settled", third.lease.uuid, () => other.settle([settlement], stage.now));
  },

  "wakes who waits for a result when a task is cancelled in line": async (stage) => {
    const other = await stage.secondBroker();
    const { uuid } = await stage.queued();
    await wakes(other, "settled", uuid, () => stage.broker.cancel(uuid, null, stage.now));
  },

  "wakes who waits for a result when a lost task turns out to be cancelled": async (stage) => {
    const other = await stage.secondBroker();
    const { lease } = await stage.running();
    await stage.broker.cancel(lease.uuid, null, stage.now);
    stage.advance(LEASE_MS + 1);
    await wakes(other, "settled", lease.uuid, () => stage.claim());
  },

  "wakes the worker of a running task that is to be cancelled, also through another connection": async (
    stage,
  ) => {
    const other = await stage.secondBroker();
    const [first, second] = [await stage.running(), await stage.running()];
    for (const [actor, { lease }] of [
      [stage.broker, first],
      [other, second],
    ] as const) {
      const { uuid } = lease;
      await wakes(stage.broker, "cancelling", uuid, () => actor.cancel(uuid, null, stage.now));
    }
  },

  "wakes everyone who listens, and nobody who has stopped listening": async (stage) => {
    let calls = 0;
    const count = () => {
      calls += 1;
    };
    const stop = await stage.broker.subscribe({ queued: count, settled: count, cancelling: count });
    stop();
    stop();
    const silent = await stage.broker.subscribe({});
    const { lease } = await stage.running();
    await wakes(stage.broker, "queued", lease.uuid, () => stage.queued());
    await wakes(stage.broker, "settled", lease.uuid, () => stage.settle(lease, SUCCESS));
    silent();
    assert.equal(calls, 0);
  },

  "shows a listener what it was woken for": async (stage) => {
    const other = await stage.secondBroker();
    const { lease } = await stage.running();
    const isSeen = async () => (await other.get(lease.uuid))?.status === "success";
    await wakes(other, "settled", lease.uuid, () => stage.settle(lease, SUCCESS), isSeen);
  },
});
