import assert from "node:assert/strict";
import type { NewTask } from "../../core/record.js";
import type {
  Departing,
  DepartRequest,
  LogLine,
  MovingTask,
  Transfer,
  TransferStep,
} from "../../ports/broker.js";
import { ERROR, interruptedAt, retryAt, SUCCESS } from "../samples.js";
import { type Stage, theme } from "../stage.js";
import { wakes } from "../wakes.js";

const EXISTS: Partial<NewTask> = { unique: { key: "once", until: "exists" } };
const LINE: LogLine = {
  attempt: 1,
  timeMs: Date.UTC(2026, 0, 1),
  stream: "stdout",
  text: "h\u0000i \ud800 ünïcode 😀",
};

export const transfer = theme({
  "keeps all of a waiting task that moves": async (stage) => {
    const { wallMs } = stage.now;
    const { uuid } = await stage.queued({
      ...EXISTS,
      args: '["a\\u0000\\ud800",{"__proto__":1.5e300}]',
      priority: -3,
      tags: ["mail", 'a "b"', "\u0000"],
      retry: 4,
      maxTimeMs: 1500.5,
    });
    const { lease } = await stage.claimOne();
    await stage.broker.report([{ lease, lines: [LINE, { ...LINE, stream: "log" }] }], stage.now);
    await stage.settle(lease, { ...retryAt(wallMs + 5000), crashed: true, alone: true });
    const before = await stage.record(uuid);

    const [moved] = await moveAll(stage);
    assert.deepEqual(moved?.record, before);
    assert.deepEqual(await stage.record(uuid), before);
    assert.deepEqual(await stage.broker.logs(uuid), [LINE, { ...LINE, stream: "log" }]);
    assert.deepEqual(await stage.broker.enqueue([stage.task(EXISTS)]), [{ uuid, deduplicated: true }]);
    assert.deepEqual(await listed(stage, { tag: 'a "b"' }), [uuid]);
    assert.deepEqual(await stage.claim(), []);
    stage.advance(5000);
    const claim = await stage.claimOne();
    assert.deepEqual([claim.attempt, claim.crashes, claim.alone, claim.retry], [2, 1, true, 4]);
    assert.ok(claim.lease.fence > lease.fence);
  },

  "keeps all of finished tasks that move": async (stage) => {
    const uuids = [(await stage.finished(SUCCESS)).uuid, (await stage.finished(ERROR)).uuid];
    const running = await stage.running();
    const progress = { done: 1, total: 2, message: "half" };
    await stage.broker.report([{ lease: running.lease, progress, lines: [LINE] }], stage.now);
    await stage.settle(running.lease, { status: "cancel", reason: "enough" });
    const retried = await stage.running();
    await stage.settle(retried.lease, retryAt(stage.advance(10).wallMs + 1000));
    await stage.broker.cancel(retried.lease.uuid, null, stage.now);
    const never = await stage.queued();
    await stage.broker.cancel(never.uuid, "unwanted", stage.advance(10));
    uuids.push(running.lease.uuid, retried.lease.uuid, never.uuid);
    const before = await stage.broker.getMany(uuids);

    await moveAll(stage, { which: "finished" });
    assert.deepEqual(await stage.broker.getMany(uuids), before);
    assert.deepEqual(await stage.broker.logs(running.lease.uuid), [LINE]);
    const [counts] = await stage.broker.counts();
    assert.deepEqual(counts, { name: "mail.send", new: 0, process: 0, success: 1, error: 1, cancel: 3 });
    assert.equal(await stage.broker.requeue(retried.lease.uuid, stage.now), true);
    assert.deepEqual(await stage.claimedUuids(), [retried.lease.uuid]);
    assert.equal(await stage.broker.prune({ keep: 1 }), 3);
    assert.deepEqual(await listed(stage, { statuses: ["cancel"] }), [never.uuid]);
  },

  "lets depart what waits in the order of arrival, a part at a time, and nothing that runs or has finished":
    async (stage) => {
      await stage.finished(SUCCESS);
      await stage.running();
      const later = await stage.queued({ runAtMs: stage.now.wallMs + 1000, taskName: "z" });
      const first = await stage.queued({ priority: 5 });
      const second = await stage.queued({ priority: 1, taskName: "a" });
      const third = await stage.queued({ priority: -1 });
      assert.deepEqual(await departed(stage, { limit: 3 }), [later.uuid, first.uuid, second.uuid]);
      await step(stage, [later.uuid, first.uuid, second.uuid], "leave", "forget");
      assert.deepEqual(await departed(stage, { limit: 3 }), [third.uuid]);
      await step(stage, [third.uuid], "leave", "forget");
      assert.deepEqual(await departed(stage), []);
      assert.deepEqual(
        (await stage.broker.counts()).map((row) => [row.new, row.process, row.success]),
        [[0, 1, 1]],
      );
    },

  "lets depart what has finished, the longest finished first": async (stage) => {
    const uuids: string[] = [];
    for (const verdict of [SUCCESS, ERROR, { status: "cancel", reason: "x" } as const, SUCCESS]) {
      uuids.push((await stage.finished(verdict)).uuid);
      stage.advance(1000);
    }
    await stage.queued();
    assert.deepEqual(await departed(stage, { which: "finished" }), uuids);
  },

  "lets no more depart at once than the texts of so many characters": async (stage) => {
    const args = JSON.stringify(["x".repeat(1000)]);
    for (let turn = 0; turn < 4; turn++) await stage.queued({ args });
    assert.equal((await departed(stage, { most: 1500 })).length, 2);
  },

  "shows a task under way to nobody, and lets its key go": async (stage) => {
    const { uuid } = await stage.queued({ ...EXISTS, tags: ["mail"] });
    const { uuid: arrived } = stage.task();
    const [departing] = await depart(stage);
    assert.ok(departing);
    const { task } = departing;
    await transferOf(stage).arrive([{ ...task, record: { ...task.record, uuid: arrived } }]);
    for (const each of [uuid, arrived]) {
      assert.equal(await stage.broker.get(each), undefined);
      assert.equal(await stage.broker.cancel(each, null, stage.now), undefined);
      assert.equal(await stage.broker.requeue(each, stage.now), undefined);
    }
    assert.deepEqual(await stage.claim(), []);
    assert.deepEqual(await stage.broker.counts(), []);
    assert.deepEqual(await listed(stage), []);
    assert.equal(await stage.broker.oldestWaiting(), null);
    assert.equal(await stage.broker.purge(), 0);
    assert.equal((await stage.broker.enqueue([stage.task(EXISTS)]))[0]?.deduplicated, false);
  },

  "gives what a move that was cut off has under way before anything else, and says what has left": async (
    stage,
  ) => {
    const [one, two] = [await stage.queued(), await stage.queued()];
    await depart(stage);
    await step(stage, [one.uuid], "leave");
    await stage.queued();
    await stage.finished(SUCCESS);
    const again = await transferOf(await other(stage)).depart({
      ...REQUEST,
      to: "elsewhere",
      which: "finished",
    });
    assert.deepEqual(
      again.map(({ to, hasLeft, task }) => [to, hasLeft, task.record.uuid]),
      [
        ["there", true, one.uuid],
        ["there", false, two.uuid],
      ],
    );
    assert.deepEqual(await transferOf(stage).underWay(), [{ to: "there", count: 2 }]);
  },

  "takes each step only when it is the next, and any of them from another process": async (stage) => {
    const { uuid } = await stage.queued();
    assert.deepEqual(await step(stage, [uuid], "leave", "enter", "forget"), [false, false, false]);
    const [departing] = await depart(stage);
    assert.deepEqual(await step(stage, [uuid], "forget"), [false]);
    assert.deepEqual(await step(await other(stage), [uuid, uuid], "leave"), [true, true]);
    assert.deepEqual(await step(stage, [uuid], "enter"), [false]);
    assert.deepEqual(await step(stage, [uuid], "forget", "forget", "leave"), [true, false, false]);

    assert.ok(departing);
    for (let turn = 0; turn < 2; turn++) await transferOf(stage).arrive([departing.task]);
    assert.deepEqual(await transferOf(stage).underWay(), []);
    assert.deepEqual(await step(stage, [uuid], "leave"), [false]);
    assert.deepEqual(await step(stage, [uuid], "forget", "enter"), [true, false]);
    await transferOf(stage).arrive([departing.task]);
    assert.deepEqual(await step(await other(stage), [uuid], "enter", "enter", "forget"), [
      true,
      false,
      false,
    ]);
    assert.deepEqual(await stage.claimedUuids(), [uuid]);
  },

  "leaves a task alone that arrives once more after it has entered": async (stage) => {
    const { uuid } = await stage.queued();
    const [moved] = await moveAll(stage);
    assert.ok(moved);
    const { lease } = await stage.claimOne();
    await transferOf(stage).arrive([moved]);
    assert.deepEqual(await step(stage, [uuid], "enter", "forget"), [false, false]);
    assert.equal(await stage.settle(lease, SUCCESS), true);
  },

  "takes back what has departed and not left": async (stage) => {
    const { uuid } = await stage.queued(EXISTS);
    const before = await stage.record(uuid);
    await depart(stage);
    assert.deepEqual(await step(stage, [uuid], "enter", "leave"), [true, false]);
    assert.deepEqual(await stage.record(uuid), before);
    assert.deepEqual(await stage.broker.enqueue([stage.task(EXISTS)]), [{ uuid, deduplicated: true }]);
    assert.deepEqual(await stage.claimedUuids(), [uuid]);
  },

  "puts what enters in line by priority and due time, behind those of its rank": async (stage) => {
    const { wallMs } = stage.now;
    const soon = await stage.queued({ runAtMs: wallMs + 1000 });
    const [first, urgent, second] = [
      await stage.queued(),
      await stage.queued({ priority: -1 }),
      await stage.queued(),
    ];
    await departed(stage);
    const here = await stage.queued();
    await step(stage, [soon.uuid, first.uuid, urgent.uuid, second.uuid], "enter");
    const expected = [urgent, here, first, second].map(({ uuid }) => uuid);
    assert.deepEqual(await stage.claimedUuids(), expected);
    const { claims, nextDueAtMs } = await stage.broker.claim(stage.request());
    assert.deepEqual([claims, nextDueAtMs], [[], wallMs + 1000]);
    stage.advance(1000);
    assert.deepEqual(await stage.claimedUuids(), [soon.uuid]);
  },

  "leaves a unique key with the task that has it by now": async (stage) => {
    const moved = await stage.queued(EXISTS);
    await depart(stage);
    const holder = await stage.queued(EXISTS);
    assert.deepEqual(await step(stage, [moved.uuid], "enter"), [true]);
    assert.deepEqual(await stage.broker.enqueue([stage.task(EXISTS)]), [
      { uuid: holder.uuid, deduplicated: true },
    ]);
    assert.deepEqual(await stage.claimedUuids(), [holder.uuid, moved.uuid]);
  },

  "binds no key of a finished task that was bound until then": async (stage) => {
    const unique = { key: "once", until: "finished" } as const;
    await stage.finished(SUCCESS, { unique });
    await moveAll(stage, { which: "finished" });
    assert.equal((await stage.broker.enqueue([stage.task({ unique })]))[0]?.deduplicated, false);
  },

  "lets claim numbers go on above those of where a task comes from": async (stage) => {
    await stage.queued();
    const [moved] = await moveAll(stage);
    assert.ok(moved);
    const far = { ...moved, record: { ...moved.record, uuid: stage.task().uuid }, fence: 1_000_000 };
    await transferOf(stage).arrive([far]);
    assert.ok((await stage.claimOne()).lease.fence > 1_000_000);
  },

  "tells who waits for work, or for a result, of a task that enters": async (stage) => {
    const subscriber = await stage.secondBroker();
    const { uuid } = await stage.finished(SUCCESS);
    await depart(stage, { which: "finished" });
    await wakes(subscriber, "settled", uuid, () => step(stage, [uuid], "enter"));
    const { lease } = await stage.running();
    await stage.settle(lease, interruptedAt(stage.now.wallMs));
    await depart(stage);
    await wakes(subscriber, "queued", lease.uuid, () => step(stage, [lease.uuid], "enter"));
  },
});

const REQUEST: DepartRequest = { to: "there", which: "waiting", limit: 100, most: 1_000_000 };

function transferOf({ broker }: Pick<Stage, "broker">): Transfer {
  assert.ok(broker.transfer, "tasks can move from and to the broker");
  return broker.transfer;
}

/** The same storage, seen from another process. */
async function other(stage: Stage): Promise<Pick<Stage, "broker" | "now">> {
  return { broker: await stage.secondBroker(), now: stage.now };
}

function depart(stage: Stage, request: Partial<DepartRequest> = {}): Promise<readonly Departing[]> {
  return transferOf(stage).depart({ ...REQUEST, ...request });
}

async function departed(stage: Stage, request: Partial<DepartRequest> = {}): Promise<readonly string[]> {
  return (await depart(stage, request)).map(({ task }) => task.record.uuid);
}

/** Takes one step after the other; resolves to the answers of all. */
async function step(
  stage: Pick<Stage, "broker" | "now">,
  uuids: readonly string[],
  ...steps: readonly TransferStep[]
): Promise<readonly boolean[]> {
  const answers: boolean[] = [];
  for (const each of steps) answers.push(...(await transferOf(stage).step(uuids, each, stage.now)));
  return answers;
}

/** Moves all there is from the broker to itself. */
async function moveAll(stage: Stage, request: Partial<DepartRequest> = {}): Promise<readonly MovingTask[]> {
  const tasks = (await depart(stage, request)).map(({ task }) => task);
  const uuids = tasks.map(({ record }) => record.uuid);
  assert.deepEqual(new Set(await step(stage, uuids, "leave", "forget")), new Set([true]));
  await transferOf(stage).arrive(tasks);
  assert.deepEqual(new Set(await step(stage, uuids, "enter")), new Set([true]));
  return tasks;
}

async function listed(
  stage: Stage,
  query: Partial<Parameters<Stage["broker"]["list"]>[0]> = {},
): Promise<readonly string[]> {
  return (await stage.broker.list({ limit: 100, ...query })).map(({ uuid }) => uuid);
}
