import assert from "node:assert/strict";
import { ERROR, retryAt, SUCCESS } from "../samples.js";
import { type Stage, theme } from "../stage.js";

export const reading = theme({
  "finds nothing in an empty queue": async (stage) => {
    const { uuid } = stage.task();
    assert.equal(await stage.broker.get(uuid), undefined);
    assert.deepEqual(await stage.broker.getMany([uuid]), [undefined]);
    assert.deepEqual(await stage.broker.list({ limit: 10 }), []);
    assert.deepEqual(await stage.broker.counts(), []);
    assert.deepEqual(await stage.broker.claim(stage.request()), { claims: [], nextDueAtMs: null });
  },

  "gets many records in the order asked for, with gaps for those that are not there": async (stage) => {
    const [first, second] = [await stage.queued(), await stage.queued()];
    const missing = stage.task();
    const records = await stage.broker.getMany([second.uuid, missing.uuid, first.uuid, second.uuid]);
    assert.deepEqual(
      records.map((record) => record?.uuid),
      [second.uuid, undefined, first.uuid, second.uuid],
    );
    assert.deepEqual(await stage.broker.getMany([]), []);
  },

  "gets thousands of records in one look": async (stage) => {
    const tasks = Array.from({ length: 3000 }, () => stage.task());
    await stage.broker.enqueue(tasks);
    const uuids = tasks.map(({ uuid }) => uuid);
    const records = await stage.broker.getMany(uuids);
    assert.deepEqual(
      records.map((record) => record?.uuid),
      uuids,
    );
  },

  "does not change a record that was read before": async (stage) => {
    const { uuid } = await stage.queued();
    const before = await stage.record(uuid);
    const copy = structuredClone(before);
    const { lease } = await stage.claimOne();
    await stage.settle(lease, SUCCESS);
    assert.deepEqual(before, copy);
  },

  "lists the newest first, at most as many as asked for": async (stage) => {
    const uuids = await threeTasks(stage);
    assert.deepEqual(await listed(stage, {}), [...uuids].reverse());
    assert.deepEqual(await listed(stage, { limit: 2 }), [uuids[2], uuids[1]]);
  },

  "lists on from where one look ended": async (stage) => {
    const uuids = [...(await threeTasks(stage)), ...(await threeTasks(stage))].reverse();
    const done = await stage.finished(SUCCESS);
    assert.deepEqual(await listed(stage, { after: uuids[1], limit: 2 }), uuids.slice(2, 4));
    assert.deepEqual(await listed(stage, { after: uuids[3], statuses: ["new"] }), uuids.slice(4));
    assert.deepEqual(await listed(stage, { after: uuids[4], taskName: "mail.send" }), uuids.slice(5));
    assert.deepEqual(await listed(stage, { after: uuids[0], statuses: ["success"] }), []);
    assert.deepEqual(await listed(stage, { after: uuids[5] }), []);
    await stage.broker.prune({});
    assert.deepEqual(await listed(stage, { after: done.uuid }), []);
  },

  "lists by status": async (stage) => {
    const [waiting, running] = [await stage.queued({ taskName: "other" }), await stage.running()];
    const [done, failed] = [await stage.finished(SUCCESS), await stage.finished(ERROR)];
    assert.deepEqual(await listed(stage, { statuses: ["new"] }), [waiting.uuid]);
    assert.deepEqual(await listed(stage, { statuses: ["process"] }), [running.lease.uuid]);
    assert.deepEqual(
      new Set(await listed(stage, { statuses: ["success", "error"] })),
      new Set([done.uuid, failed.uuid]),
    );
    assert.deepEqual(await listed(stage, { statuses: ["cancel"] }), []);
    assert.deepEqual(await listed(stage, { statuses: [] }), []);
  },

  "lists by name, which must be equal": async (stage) => {
    const { uuid } = await stage.queued({ taskName: "mail.send" });
    await stage.queued({ taskName: "mail.send2" });
    await stage.queued({ taskName: "Mail.send" });
    assert.deepEqual(await listed(stage, { taskName: "mail.send" }), [uuid]);
    assert.deepEqual(await listed(stage, { taskName: "mail%" }), []);
  },

  "lists by tag, which must be equal": async (stage) => {
    const { uuid } = await stage.queued({ tags: ["night", "mail", "ünïcode 😀"] });
    await stage.queued({ tags: ["mailbox"] });
    await stage.queued({ tags: [] });
    assert.deepEqual(await listed(stage, { tag: "mail" }), [uuid]);
    assert.deepEqual(await listed(stage, { tag: "ünïcode 😀" }), [uuid]);
    assert.deepEqual(await listed(stage, { tag: "mai" }), []);
    assert.deepEqual(await listed(stage, { tag: "%" }), []);
    assert.deepEqual(await listed(stage, { tag: '","' }), []);
  },

  "lists what was created at or after a time": async (stage) => {
    const { wallMs } = stage.now;
    const uuids = await threeTasks(stage);
    assert.deepEqual(await listed(stage, { sinceMs: wallMs }), [...uuids].reverse());
    assert.deepEqual(await listed(stage, { sinceMs: wallMs + 1000 }), [uuids[2], uuids[1]]);
    assert.deepEqual(await listed(stage, { sinceMs: wallMs + 1001 }), [uuids[2]]);
    assert.deepEqual(await listed(stage, { sinceMs: wallMs + 9999 }), []);
  },

  "lists by the beginning of the uuid": async (stage) => {
    const [one, two] = ["018f0000-0000-7000-8000-000000000001", "018f0000-0000-7000-8000-0000000000ff"];
    for (const uuid of [one, two, "018f1111-0000-7000-8000-000000000001"]) await stage.queued({ uuid });
    assert.deepEqual(new Set(await listed(stage, { uuidPrefix: "018f0000" })), new Set([one, two]));
    assert.deepEqual(await listed(stage, { uuidPrefix: two }), [two]);
    assert.equal((await listed(stage, { uuidPrefix: "" })).length, 3);
    for (const nothing of ["8f0000", "018f____", "018f%", `${two}0`]) {
      assert.deepEqual(await listed(stage, { uuidPrefix: nothing }), []);
    }
  },

  "lists what matches everything asked for": async (stage) => {
    const { uuid } = await stage.queued({ tags: ["mail"] });
    await stage.queued({ tags: ["mail"], taskName: "other" });
    await stage.queued({ tags: [] });
    await stage.finished(SUCCESS, { tags: ["mail"] });
    const query = { taskName: "mail.send", tag: "mail", uuidPrefix: uuid.slice(0, 8) };
    assert.deepEqual(await listed(stage, { ...query, statuses: ["new"] }), [uuid]);
  },

  "counts tasks by name and status, sorted by name": async (stage) => {
    await stage.finished(SUCCESS, { taskName: "b" });
    await stage.finished(ERROR, { taskName: "b" });
    await stage.running({ taskName: "b" });
    await stage.queued({ taskName: "b", runAtMs: stage.now.wallMs + 1000 });
    await stage.queued({ taskName: "b" });
    await stage.queued({ taskName: "a" });
    const { uuid } = await stage.queued({ taskName: "B" });
    await stage.broker.cancel(uuid, null, stage.now);
    assert.deepEqual(await stage.broker.counts(), [
      { name: "B", new: 0, process: 0, success: 0, error: 0, cancel: 1 },
      { name: "a", new: 1, process: 0, success: 0, error: 0, cancel: 0 },
      { name: "b", new: 2, process: 1, success: 1, error: 1, cancel: 0 },
    ]);
  },

  "tells since when the task that has waited longest has waited": async (stage) => {
    assert.equal(await stage.broker.oldestWaiting(), null);
    await stage.finished(SUCCESS, { createdAtMs: stage.now.wallMs - 3000 });
    await stage.queued({ createdAtMs: stage.now.wallMs - 1000, runAtMs: stage.now.wallMs + 60_000 });
    await stage.queued({ createdAtMs: stage.now.wallMs });
    assert.equal(await stage.broker.oldestWaiting(), stage.now.wallMs - 1000);
  },

  "tells of each name what waits: whether some of it is due, and when the next of the rest is": async (
    stage,
  ) => {
    const { wallMs } = stage.now;
    assert.deepEqual(await stage.broker.waiting(stage.now), []);
    await stage.finished(SUCCESS, { taskName: "done" });
    await stage.running({ taskName: "running" });
    for (const inMs of [9000, 5000]) await stage.queued({ taskName: "later", runAtMs: wallMs + inMs });
    await stage.queued({ taskName: "both", runAtMs: wallMs + 7000 });
    await stage.queued({ taskName: "both" });
    await stage.queued({ taskName: "due" });
    const [both, due, later] = [
      { name: "both", isDue: true, nextDueAtMs: wallMs + 7000, nextIsRetry: false },
      { name: "due", isDue: true, nextDueAtMs: null, nextIsRetry: false },
      { name: "later", isDue: false, nextDueAtMs: wallMs + 5000, nextIsRetry: false },
    ];
    assert.deepEqual(await stage.broker.waiting(stage.now), [both, due, later]);
    // Their time has come, and no claim has looked since.
    assert.deepEqual(await stage.broker.waiting(stage.advance(7000)), [
      { ...both, nextDueAtMs: null },
      due,
      { ...later, isDue: true, nextDueAtMs: wallMs + 9000 },
    ]);
  },

  "tells that what waits for a later time is a further attempt": async (stage) => {
    const { lease } = await stage.running();
    await stage.settle(lease, retryAt(stage.now.wallMs + 30_000));
    assert.deepEqual(await stage.broker.waiting(stage.now), [
      { name: "mail.send", isDue: false, nextDueAtMs: stage.now.wallMs + 30_000, nextIsRetry: true },
    ]);
    await stage.broker.cancel(lease.uuid, null, stage.now);
    assert.deepEqual(await stage.broker.waiting(stage.now), []);
  },

  "counts no name whose records are all gone": async (stage) => {
    await stage.finished(SUCCESS, { taskName: "gone" });
    await stage.queued({ taskName: "here" });
    await stage.broker.prune({});
    assert.deepEqual(
      (await stage.broker.counts()).map(({ name }) => name),
      ["here"],
    );
  },
});

async function listed(
  stage: Stage,
  query: Partial<Parameters<Stage["broker"]["list"]>[0]>,
): Promise<readonly string[]> {
  return (await stage.broker.list({ limit: 100, ...query })).map(({ uuid }) => uuid);
}

/** Queues three tasks, a second apart. */
async function threeTasks(stage: Stage): Promise<readonly string[]> {
  const uuids: string[] = [];
  for (let turn = 0; turn < 3; turn++) {
    uuids.push((await stage.queued()).uuid);
    stage.advance(1000);
  }
  return uuids;
}
