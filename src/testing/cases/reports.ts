import assert from "node:assert/strict";
import type { LogLine } from "../../ports/broker.js";
import { ERROR, retryAt, SUCCESS } from "../samples.js";
import { LEASE_MS, theme } from "../stage.js";

export const reports = theme({
  "shows the latest progress of a running task": async (stage) => {
    const { lease } = await stage.running();
    const first = { done: 1, total: 10, message: "reading" };
    const latest = { done: 2.5, total: null, message: null };
    const { wallMs } = stage.advance(100);
    assert.deepEqual(await stage.broker.report([{ lease, progress: first }], stage.now), [true]);
    assert.deepEqual((await stage.record(lease.uuid)).progress, first);
    assert.equal((await stage.record(lease.uuid)).updatedAtMs, wallMs);
    assert.deepEqual(await stage.broker.report([{ lease, progress: latest }], stage.now), [true]);
    assert.deepEqual((await stage.record(lease.uuid)).progress, latest);
  },

  "keeps the last progress of a finished task": async (stage) => {
    const { lease } = await stage.running();
    const progress = { done: 9, total: 10, message: null };
    await stage.broker.report([{ lease, progress }], stage.now);
    await stage.settle(lease, ERROR);
    assert.deepEqual((await stage.record(lease.uuid)).progress, progress);
  },

  "starts each run without the progress of the run before": async (stage) => {
    const first = await stage.running();
    const progress = { done: 9, total: 10, message: null };
    await stage.broker.report([{ lease: first.lease, progress }], stage.now);
    await stage.settle(first.lease, retryAt(stage.now.wallMs));
    assert.equal((await stage.record(first.lease.uuid)).progress, null);
    const second = await stage.claimOne();
    await stage.broker.report([{ lease: second.lease, progress }], stage.now);
    stage.advance(LEASE_MS + 1);
    await stage.claimOne();
    assert.equal((await stage.record(first.lease.uuid)).progress, null);
  },

  "adds lines to a task's log, oldest first, over all its attempts": async (stage) => {
    const { lease } = await stage.running();
    const [one, two, three, four] = [
      line(1, "stdout", "one"),
      line(1, "stderr", "two"),
      line(1, "log", "three"),
      line(2, "stdout", ""),
    ];
    await stage.broker.report([{ lease, lines: [one, two] }], stage.now);
    await stage.broker.report([{ lease, lines: [three] }], stage.now);
    await stage.settle(lease, retryAt(stage.now.wallMs));
    const second = await stage.claimOne();
    await stage.broker.report([{ lease: second.lease, lines: [four] }], stage.now);
    await stage.settle(second.lease, SUCCESS);
    assert.deepEqual(await stage.broker.logs(lease.uuid), [one, two, three, four]);
  },

  "gives whoever follows a log only the lines after those that were read": async (stage) => {
    const { lease } = await stage.running();
    const [one, two, three] = [line(1, "stdout", "one"), line(1, "log", "two"), line(2, "stderr", "three")];
    await stage.broker.report([{ lease, lines: [one, two] }], stage.now);
    assert.deepEqual(await stage.broker.logs(lease.uuid, 0), [one, two]);
    assert.deepEqual(await stage.broker.logs(lease.uuid, 1), [two]);
    assert.deepEqual(await stage.broker.logs(lease.uuid, 2), []);
    await stage.settle(lease, retryAt(stage.now.wallMs));
    const second = await stage.claimOne();
    await stage.broker.report([{ lease: second.lease, lines: [three] }], stage.now);
    assert.deepEqual(await stage.broker.logs(lease.uuid, 2), [three]);
    assert.deepEqual(await stage.broker.logs(lease.uuid, 9), []);
  },

  "keeps progress and lines apart: either may come without the other": async (stage) => {
    const { lease } = await stage.running();
    const progress = { done: 1, total: 2, message: null };
    const said = line(1, "log", "hello");
    await stage.broker.report([{ lease, progress }], stage.now);
    await stage.broker.report([{ lease, lines: [said] }], stage.now);
    await stage.broker.report([{ lease, progress: undefined, lines: undefined }], stage.now);
    assert.deepEqual((await stage.record(lease.uuid)).progress, progress);
    assert.deepEqual(await stage.broker.logs(lease.uuid), [said]);
  },

  "says of each report in a batch whether it was written": async (stage) => {
    const held = (await stage.running()).lease;
    const ended = (await stage.running()).lease;
    await stage.settle(ended, SUCCESS);
    const stranger = { uuid: stage.task().uuid, fence: 1 };
    const said = line(1, "stdout", "hello");
    const batch = [ended, held, stranger, held].map((lease) => ({ lease, lines: [said] }));
    assert.deepEqual(await stage.broker.report(batch, stage.now), [false, true, false, true]);
    assert.deepEqual(await stage.broker.logs(held.uuid), [said, said]);
    assert.deepEqual(await stage.broker.logs(ended.uuid), []);
  },

  "has no lines of a task that printed nothing or does not exist": async (stage) => {
    const { uuid } = await stage.queued();
    assert.deepEqual(await stage.broker.logs(uuid), []);
    assert.deepEqual(await stage.broker.logs(stage.task().uuid), []);
  },

  "forgets the log together with its task": async (stage) => {
    const { lease } = await stage.running();
    await stage.broker.report([{ lease, lines: [line(1, "stdout", "secret")] }], stage.now);
    await stage.settle(lease, SUCCESS);
    await stage.broker.prune({});
    assert.deepEqual(await stage.broker.logs(lease.uuid), []);
    await stage.queued({ uuid: lease.uuid });
    assert.deepEqual(await stage.broker.logs(lease.uuid), []);
  },
});

let lastMs = Date.UTC(2026, 0, 1);

/** A line, a millisecond after the one before. */
function line(attempt: number, stream: LogLine["stream"], text: string): LogLine {
  lastMs += 1;
  return { attempt, timeMs: lastMs, stream, text };
}
