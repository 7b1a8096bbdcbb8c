import assert from "node:assert/strict";
import { freshRecord } from "../../core/record.js";
import { theme } from "../stage.js";

export const enqueueing = theme({
  "gives back the uuids of what it stored, in the order given": async (stage) => {
    const tasks = [stage.task(), stage.task({ taskName: "report.build" }), stage.task()];
    assert.deepEqual(
      await stage.broker.enqueue(tasks),
      tasks.map(({ uuid }) => ({ uuid, deduplicated: false })),
    );
  },

  "shows a queued task at once, as a record that nothing has happened to": async (stage) => {
    const task = await stage.queued({
      priority: -3,
      args: '["ada",{"n":1}]',
      tags: ["mail", "night"],
      retry: 2,
      maxTimeMs: 1500,
      runAtMs: stage.now.wallMs + 60_000,
    });
    assert.deepEqual(await stage.broker.get(task.uuid), freshRecord(task));
  },

  "keeps apart what is not given and what is zero": async (stage) => {
    const zero = await stage.queued({ retry: 0, maxTimeMs: 0 });
    const none = await stage.queued({ retry: null, maxTimeMs: null });
    const [first, second] = await stage.broker.getMany([zero.uuid, none.uuid]);
    assert.deepEqual([first?.retry, first?.maxTimeMs], [0, 0]);
    assert.deepEqual([second?.retry, second?.maxTimeMs], [null, null]);
  },

  "stores nothing of a batch that holds a uuid twice": async (stage) => {
    const first = stage.task();
    const twin = stage.task({ uuid: first.uuid, args: "[2]" });
    await assert.rejects(stage.broker.enqueue([first, stage.task(), twin]));
    assert.deepEqual(await stage.broker.list({ limit: 10 }), []);
    assert.deepEqual(await stage.claim(), []);
  },

  "stores nothing of a batch that holds the uuid of a stored task, which stays as it is": async (stage) => {
    const stored = await stage.queued({ args: "[1]" });
    const twin = stage.task({ uuid: stored.uuid, args: "[2]" });
    await assert.rejects(stage.broker.enqueue([stage.task(), twin]));
    assert.deepEqual(await stage.broker.list({ limit: 10 }), [freshRecord(stored)]);
  },

  "binds no unique key for a batch that was refused": async (stage) => {
    const unique = { key: "once", until: "exists" } as const;
    const first = stage.task({ unique });
    const twins = [stage.task({ uuid: first.uuid }), stage.task({ uuid: first.uuid })];
    await assert.rejects(stage.broker.enqueue([first, ...twins]));
    const again = stage.task({ unique });
    assert.deepEqual(await stage.broker.enqueue([again]), [{ uuid: again.uuid, deduplicated: false }]);
  },

  "takes an empty batch as nothing to do": async (stage) => {
    assert.deepEqual(await stage.broker.enqueue([]), []);
  },

  "queues in the blocking form just the same, where it has one": async (stage) => {
    if (stage.broker.enqueueSync === undefined) return;
    const unique = { key: "once", until: "exists" } as const;
    const [first, repeat] = [stage.task({ unique }), stage.task({ unique })];
    assert.deepEqual(stage.broker.enqueueSync([first, repeat]), [
      { uuid: first.uuid, deduplicated: false },
      { uuid: first.uuid, deduplicated: true },
    ]);
    assert.deepEqual(await stage.broker.list({ limit: 10 }), [freshRecord(first)]);
    assert.throws(() => stage.broker.enqueueSync?.([stage.task(), stage.task({ uuid: first.uuid })]));
    assert.deepEqual(await stage.claimedUuids(), [first.uuid]);
  },
});
