import assert from "node:assert/strict";
import type { NewTask } from "../../core/record.js";
import { ERROR, retryAt, SUCCESS } from "../samples.js";
import { type Stage, theme } from "../stage.js";

const EXISTS: Partial<NewTask> = { unique: { key: "once", until: "exists" } };
const FINISHED: Partial<NewTask> = { unique: { key: "once", until: "finished" } };

export const uniqueKeys = theme({
  "gives the earlier task's uuid for a repeat of its unique key, and stores no second one": async (stage) => {
    const first = await stage.queued({ ...EXISTS, args: "[1]" });
    const repeat = stage.task({ ...EXISTS, args: "[2]" });
    assert.deepEqual(await stage.broker.enqueue([repeat]), [{ uuid: first.uuid, deduplicated: true }]);
    assert.equal(await stage.broker.get(repeat.uuid), undefined);
    assert.equal((await stage.record(first.uuid)).args, "[1]");
    assert.equal((await stage.broker.list({ limit: 10 })).length, 1);
  },

  "sees a unique key that repeats within one batch": async (stage) => {
    const [first, other, repeat] = [stage.task(EXISTS), stage.task(), stage.task(EXISTS)];
    assert.deepEqual(await stage.broker.enqueue([first, other, repeat]), [
      { uuid: first.uuid, deduplicated: false },
      { uuid: other.uuid, deduplicated: false },
      { uuid: first.uuid, deduplicated: true },
    ]);
    assert.deepEqual(await stage.claimedUuids(), [first.uuid, other.uuid]);
  },

  "binds a unique key within the tasks of one name": async (stage) => {
    await stage.queued(EXISTS);
    assert.equal(await isStored(stage, { ...EXISTS, taskName: "report.build" }), true);
  },

  "binds different unique keys apart, also such as differ only by case or by a blank": async (stage) => {
    for (const key of ["once", "Once", "once ", "", "ünïqué", "__proto__"]) {
      assert.equal(await isStored(stage, { unique: { key, until: "exists" } }), true, JSON.stringify(key));
    }
  },

  "keeps a key bound that is unique among what exists, whatever becomes of its task": async (stage) => {
    const { uuid } = await stage.finished(SUCCESS, EXISTS);
    assert.equal(await isStored(stage, EXISTS), false);
    await stage.broker.requeue(uuid, stage.now);
    assert.equal(await isStored(stage, EXISTS), false);
    await stage.broker.cancel(uuid, null, stage.now);
    assert.equal(await isStored(stage, EXISTS), false);
  },

  "keeps a key bound that is unique until finished while its task waits, runs and is tried again": async (
    stage,
  ) => {
    await stage.queued(FINISHED);
    assert.equal(await isStored(stage, FINISHED), false);
    const { lease } = await stage.claimOne();
    assert.equal(await isStored(stage, FINISHED), false);
    await stage.settle(lease, retryAt(stage.now.wallMs + 1000));
    assert.equal(await isStored(stage, FINISHED), false);
  },

  "frees a key that is unique until finished at each end status": async (stage) => {
    await stage.finished(SUCCESS, FINISHED);
    await stage.finished(ERROR, FINISHED);
    await stage.finished({ status: "cancel", reason: "enough" }, FINISHED);
    const waiting = await stage.queued(FINISHED);
    await stage.broker.cancel(waiting.uuid, null, stage.now);
    assert.equal(await isStored(stage, FINISHED), true);
    assert.equal((await stage.broker.list({ limit: 10 })).length, 5);
  },

  "leaves the life of a unique key to the task that holds it": async (stage) => {
    const { uuid } = await stage.queued(FINISHED);
    assert.equal(await isStored(stage, EXISTS), false);
    await stage.broker.cancel(uuid, null, stage.now);
    assert.equal(await isStored(stage, EXISTS), true);
  },

  "does not bind a key again when a finished task is put back in line": async (stage) => {
    const first = await stage.finished(SUCCESS, FINISHED);
    await stage.broker.requeue(first.uuid, stage.now);
    assert.equal(await isStored(stage, FINISHED), true);
  },

  "does not free a key that a later task has bound": async (stage) => {
    const first = await stage.finished(SUCCESS, FINISHED);
    const second = await stage.queued(FINISHED);
    await stage.broker.requeue(first.uuid, stage.now);
    await stage.broker.cancel(first.uuid, null, stage.now);
    await stage.broker.prune({});
    assert.equal(await stage.broker.get(first.uuid), undefined);
    assert.deepEqual(await stage.broker.enqueue([stage.task(FINISHED)]), [
      { uuid: second.uuid, deduplicated: true },
    ]);
  },

  "frees a unique key together with the record that held it": async (stage) => {
    await stage.finished(SUCCESS, EXISTS);
    assert.equal(await stage.broker.prune({}), 1);
    assert.equal(await isStored(stage, EXISTS), true);
  },

  "lets one of two connections win a unique key that both queue at once": async (stage) => {
    const brokers = [stage.broker, await stage.secondBroker()];
    const batches = await Promise.all(
      Array.from({ length: 20 }, (_, turn) => brokers[turn % 2]?.enqueue([stage.task(EXISTS)])),
    );
    const outcomes = batches.flatMap((batch) => batch ?? []);
    assert.equal(outcomes.length, 20);
    assert.equal(outcomes.filter(({ deduplicated }) => !deduplicated).length, 1);
    assert.equal(new Set(outcomes.map(({ uuid }) => uuid)).size, 1);
    assert.equal((await stage.broker.list({ limit: 30 })).length, 1);
  },
});

/** Queues a further task; false when an earlier one held its key. */
async function isStored(stage: Stage, fields: Partial<NewTask>): Promise<boolean> {
  const [outcome] = await stage.broker.enqueue([stage.task(fields)]);
  assert.ok(outcome);
  return !outcome.deduplicated;
}
