import assert from "node:assert/strict";
import { SUCCESS, workerInfo } from "../samples.js";
import { LEASE_MS, theme } from "../stage.js";

export const workers = theme({
  "shows a worker as it described itself, to every connection": async (stage) => {
    const info = workerInfo({ name: "mole", busy: 3, tasks: ["a", "b"] });
    await stage.broker.beat(info, LEASE_MS, stage.now);
    assert.deepEqual(await stage.broker.workers(stage.now), [info]);
    assert.deepEqual(await (await stage.secondBroker()).workers(stage.now), [info]);
  },

  "shows workers in the order of their start": async (stage) => {
    const { sinceMs } = workerInfo();
    const [first, second, third] = [1, 2, 3].map((place) =>
      workerInfo({ id: `id-${9 - place}`, sinceMs: sinceMs + place }),
    );
    for (const info of [second, third, first]) {
      assert.ok(info);
      await stage.broker.beat(info, LEASE_MS, stage.now);
    }
    assert.deepEqual(await stage.broker.workers(stage.now), [first, second, third]);
  },

  "renews a worker's entry with each beat, and what it says": async (stage) => {
    await stage.broker.beat(workerInfo({ busy: 0 }), LEASE_MS, stage.now);
    stage.advance(LEASE_MS - 1000);
    await stage.broker.beat(workerInfo({ busy: 7 }), LEASE_MS, stage.now);
    stage.advance(LEASE_MS - 1000);
    assert.deepEqual(await stage.broker.workers(stage.now), [workerInfo({ busy: 7 })]);
  },

  "does not show a worker that has not beaten in time, or not in this boot": async (stage) => {
    await stage.broker.beat(workerInfo(), LEASE_MS, stage.now);
    assert.deepEqual(await stage.broker.workers({ ...stage.now, bootId: "boot-2" }), []);
    stage.jumpWallClock(86_400_000);
    assert.equal((await stage.broker.workers(stage.now)).length, 1);
    stage.advance(LEASE_MS + 1);
    assert.deepEqual(await stage.broker.workers(stage.now), []);
  },

  "does not show a worker that has left, and lets it leave twice": async (stage) => {
    const stays = workerInfo({ id: "stays" });
    await stage.broker.beat(workerInfo(), LEASE_MS, stage.now);
    await stage.broker.beat(stays, LEASE_MS, stage.now);
    await stage.broker.leave(workerInfo().id);
    await stage.broker.leave(workerInfo().id);
    await stage.broker.leave("nobody");
    assert.deepEqual(await stage.broker.workers(stage.now), [stays]);
  },

  "leaves what a worker holds leased when it leaves": async (stage) => {
    const { id, name } = workerInfo();
    await stage.broker.beat(workerInfo(), LEASE_MS, stage.now);
    await stage.queued();
    const { lease } = await stage.claimOne({ workerId: id, workerName: name });
    await stage.broker.leave(id);
    assert.deepEqual(await stage.claim({ workerId: "worker-2-once" }), []);
    assert.equal(await stage.settle(lease, SUCCESS), true);
  },
});
