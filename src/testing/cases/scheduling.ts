import assert from "node:assert/strict";
import { retryAt, SUCCESS } from "../samples.js";
import { theme } from "../stage.js";

export const scheduling = theme({
  "does not hand out a scheduled task before its time, and does at its time": async (stage) => {
    const { uuid } = await stage.queued({ runAtMs: stage.now.wallMs + 1000 });
    assert.deepEqual(await stage.claim(), []);
    stage.advance(999);
    assert.deepEqual(await stage.claim(), []);
    stage.advance(1);
    assert.deepEqual(await stage.claimedUuids(), [uuid]);
  },

  "says when the next scheduled task becomes due": async (stage) => {
    const { wallMs } = stage.now;
    await stage.queued({ runAtMs: wallMs + 9000 });
    await stage.queued({ runAtMs: wallMs + 3000, priority: 5 });
    await stage.queued({ runAtMs: wallMs + 1000, taskName: "report.build" });
    assert.equal((await stage.broker.claim(stage.request())).nextDueAtMs, wallMs + 3000);
    const both = stage.request({ names: ["mail.send", "report.build"] });
    assert.equal((await stage.broker.claim(both)).nextDueAtMs, wallMs + 1000);
  },

  "says so also when it has handed something out": async (stage) => {
    const { wallMs } = stage.now;
    await stage.queued();
    await stage.queued({ runAtMs: wallMs + 1 });
    const { claims, nextDueAtMs } = await stage.broker.claim(stage.request());
    assert.equal(claims.length, 1);
    assert.equal(nextDueAtMs, wallMs + 1);
  },

  "says null when none of these names is scheduled": async (stage) => {
    const { wallMs } = stage.now;
    await stage.queued();
    await stage.finished(SUCCESS);
    await stage.queued({ runAtMs: wallMs + 1000, taskName: "report.build" });
    assert.equal((await stage.broker.claim(stage.request())).nextDueAtMs, null);
    assert.equal((await stage.broker.claim(stage.request({ names: [] }))).nextDueAtMs, null);
  },

  "counts a retry that waits as scheduled": async (stage) => {
    const { lease } = await stage.running();
    const runAtMs = stage.now.wallMs + 5000;
    await stage.settle(lease, retryAt(runAtMs));
    const early = await stage.broker.claim(stage.request());
    assert.deepEqual(early, { claims: [], nextDueAtMs: runAtMs });
    stage.advance(5000);
    assert.deepEqual(await stage.claimedUuids(), [lease.uuid]);
  },

  "does not let scheduled tasks of better priority hide those that are due": async (stage) => {
    const later = stage.now.wallMs + 3_600_000;
    const hiding = Array.from({ length: 5000 }, () => stage.task({ priority: -100, runAtMs: later }));
    await stage.broker.enqueue(hiding);
    const due = await stage.queued({ priority: 100 });
    assert.deepEqual(await stage.claimedUuids({ limit: 3 }), [due.uuid]);
  },

  "puts tasks that became due while nobody asked into their place in line": async (stage) => {
    const { wallMs } = stage.now;
    const waiting = await stage.queued({ priority: 1 });
    const scheduled = [3, 1, 2].map((priority) => stage.task({ priority, runAtMs: wallMs + 10 * priority }));
    await stage.broker.enqueue(scheduled);
    stage.advance(1000);
    const [three, one, two] = scheduled;
    assert.deepEqual(
      await stage.claimedUuids(),
      [waiting, one, two, three].map((task) => task?.uuid),
    );
  },

  "takes a due time in the past as now, and as its place in line": async (stage) => {
    const second = await stage.queued();
    const first = await stage.queued({ runAtMs: stage.now.wallMs - 5000 });
    assert.deepEqual(await stage.claimedUuids(), [first.uuid, second.uuid]);
  },

  "hands out a task that was due when queued although the wall clock has jumped back": async (stage) => {
    const { uuid } = await stage.queued();
    stage.jumpWallClock(-3_600_000);
    assert.deepEqual(await stage.claimedUuids(), [uuid]);
  },
});
