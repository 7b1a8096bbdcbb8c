import assert from "node:assert/strict";
import { SUCCESS } from "../samples.js";
import { theme } from "../stage.js";

export const connections = theme({
  "has a name for people": async (stage) => {
    assert.match(stage.broker.name, /\S/);
  },

  "may be opened twice, which changes nothing": async (stage) => {
    const { uuid } = await stage.queued();
    await stage.broker.open();
    assert.deepEqual(await stage.claimedUuids(), [uuid]);
  },

  "may be closed twice": async (stage) => {
    await stage.queued();
    await stage.broker.close();
    await stage.broker.close();
  },

  "commits what is under way when it is closed; tasks stay": async (stage) => {
    const tasks = [stage.task(), stage.task()];
    const other = await stage.secondBroker();
    const underWay = Promise.all(tasks.map((task) => stage.broker.enqueue([task])));
    await stage.broker.close();
    assert.equal((await underWay).length, 2);
    // Where there is only one connection, it is opened again.
    if (other === stage.broker) await other.open();
    const records = await other.getMany(tasks.map(({ uuid }) => uuid));
    assert.deepEqual(
      records.map((record) => record?.status),
      ["new", "new"],
    );
  },

  "shows every change to another connection at once": async (stage) => {
    const other = await stage.secondBroker();
    const { uuid } = await stage.queued();
    assert.equal((await other.get(uuid))?.status, "new");
    const { claims } = await other.claim(stage.request());
    assert.equal((await stage.record(uuid)).status, "process");
    const [claim] = claims;
    assert.ok(claim);
    assert.equal(await stage.settle(claim.lease, SUCCESS), true);
    assert.equal((await other.get(uuid))?.status, "success");
  },

  "applies the verbs of one turn in the order of their calls": async (stage) => {
    const task = stage.task();
    const { broker, now } = stage;
    const outcomes = await Promise.all([
      broker.enqueue([task]),
      broker.get(task.uuid),
      broker.cancel(task.uuid, "enough", now),
      broker.get(task.uuid),
      broker.requeue(task.uuid, now),
      broker.claim(stage.request()),
      broker.cancel(task.uuid, null, now),
      broker.requeue(task.uuid, now),
    ]);
    assert.deepEqual(
      [outcomes[1]?.status, outcomes[2], outcomes[3]?.status, outcomes[4]],
      ["new", "cancelled", "cancel", true],
    );
    assert.equal(outcomes[5].claims.length, 1);
    assert.deepEqual([outcomes[6], outcomes[7]], ["cancelling", false]);
  },

  "gives nobody else what is queued and claimed in one turn": async (stage) => {
    const { broker } = stage;
    const other = await stage.secondBroker();
    let isOver = false;
    const take = async () => {
      const taken: string[] = [];
      while (!isOver) {
        const { claims } = await other.claim(stage.request({ workerId: "another" }));
        taken.push(...claims.map(({ lease }) => lease.uuid));
      }
      return taken;
    };
    const others = take();
    const tasks = Array.from({ length: 50 }, () => stage.task());
    const own: string[] = [];
    for (const task of tasks) {
      const [, { claims }] = await Promise.all([
        broker.enqueue([task]),
        broker.claim(stage.request({ uuids: [task.uuid] })),
      ]);
      own.push(...claims.map(({ lease }) => lease.uuid));
    }
    isOver = true;
    assert.deepEqual(await others, []);
    assert.deepEqual(
      own,
      tasks.map(({ uuid }) => uuid),
    );
  },

  "commits the other verbs of a turn when one of them fails": async (stage) => {
    const [first, second] = [stage.task(), stage.task()];
    const outcomes = await Promise.allSettled([
      stage.broker.enqueue([first]),
      stage.broker.enqueue([stage.task(), stage.task({ uuid: first.uuid })]),
      stage.broker.enqueue([second]),
    ]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled"],
    );
    assert.deepEqual(await stage.claimedUuids(), [first.uuid, second.uuid]);
  },

  "gives each of five hundred tasks to one of two connections that claim at once": async (stage) => {
    const brokers = [stage.broker, await stage.secondBroker()];
    const tasks = Array.from({ length: 500 }, () => stage.task());
    await stage.broker.enqueue(tasks);
    const claimed: string[] = [];
    for (;;) {
      const round = await Promise.all(
        Array.from({ length: 6 }, (_, turn) => {
          const request = stage.request({ workerId: `worker-${turn % 2}`, limit: 7 });
          return brokers[turn % 2]?.claim(request);
        }),
      );
      const uuids = round.flatMap((part) => part?.claims ?? []).map(({ lease }) => lease.uuid);
      claimed.push(...uuids);
      if (uuids.length === 0) break;
    }
    assert.equal(claimed.length, 500);
    assert.deepEqual(new Set(claimed), new Set(tasks.map(({ uuid }) => uuid)));
  },

  "gives every claim a number of its own, whichever connection makes it": async (stage) => {
    const brokers = [stage.broker, await stage.secondBroker()];
    const { uuid } = await stage.queued();
    const fences: number[] = [];
    for (let turn = 0; turn < 6; turn++) {
      const broker = brokers[turn % 2];
      const [claim] = (await broker?.claim(stage.request()))?.claims ?? [];
      assert.ok(claim);
      fences.push(claim.lease.fence);
      stage.advance(stage.request().leaseMs + 1);
    }
    assert.ok(
      fences.every((fence, turn) => turn === 0 || fence > (fences[turn - 1] ?? fence)),
      `${fences.join(", ")} rises`,
    );
    assert.equal((await stage.record(uuid)).deaths, 5);
  },

  "lets one of several verdicts win that come at once for one run": async (stage) => {
    const brokers = [stage.broker, await stage.secondBroker()];
    const { lease } = await stage.running();
    const settled = await Promise.all(
      Array.from({ length: 8 }, (_, turn) => {
        const verdict = { ...SUCCESS, returning: String(turn) };
        return brokers[turn % 2]?.settle([{ lease, verdict }], stage.now);
      }),
    );
    const winners = settled.flatMap((part, turn) => (part?.[0] === true ? [String(turn)] : []));
    const { returning, history } = await stage.record(lease.uuid);
    assert.deepEqual(winners, [returning]);
    assert.equal(history.length, 1);
  },
});
