import assert from "node:assert/strict";
import { encodeJson } from "../../core/json.js";
import { theme } from "../stage.js";

/** What storages like to change: quoting, normalising, trimming, cutting at NUL, guessing at types. */
const TEXTS = [
  "",
  " leading and trailing ",
  'it\'s "quoted" \\ `ticked`; DROP TABLE tasks; --',
  "ünïcödé, 日本語, עברית, e\u0301 and \u00e9 apart",
  "😀 👩‍👩‍👧 \u{10FFFF}",
  "line\nbreak\r\ntab\tnul\u0000bell\u0007\u2028\u2029\ufeff",
  "__proto__",
  "null",
  "1e400",
  "%_%?$1{}[]",
];

export const fidelity = theme({
  "gives arguments and results back letter for letter": async (stage) => {
    const value = {
      texts: TEXTS,
      numbers: [0, -0, 1e21, 5e-324, Number.MAX_SAFE_INTEGER + 2, 0.1 + 0.2],
      nested: [[], {}, [null, [true, { a: { b: false } }]]],
      "a key with \u0000 and 😀": 1,
    };
    const args = encodeJson([value], "args");
    const returning = encodeJson(value, "result");
    const { lease, ...claim } = await stage.running({ args });
    assert.equal(claim.args, args);
    await stage.settle(lease, { status: "success", returning });
    const record = await stage.record(lease.uuid);
    assert.deepEqual([record.args, record.returning], [args, returning]);
    assert.deepEqual(JSON.parse(record.args), [value]);
  },

  "keeps `__proto__` keys as data": async (stage) => {
    const args = '[{"__proto__":{"admin":true},"constructor":1,"toString":null}]';
    const claim = await stage.running({ args });
    assert.equal(claim.args, args);
    assert.equal((await stage.record(claim.lease.uuid)).args, args);
    assert.equal(Reflect.get({}, "admin"), undefined);
  },

  "keeps a mebibyte of arguments, and of a result": async (stage) => {
    const text = "x".repeat(2 ** 20 - 4);
    const wide = "😀".repeat(2 ** 18 - 1);
    for (const large of [text, wide]) {
      const args = encodeJson([large], "args");
      const { lease } = await stage.running({ args });
      await stage.settle(lease, { status: "success", returning: encodeJson(large, "result") });
      const record = await stage.record(lease.uuid);
      assert.ok(record.args === args, "the arguments are the same");
      assert.ok(record.returning === JSON.stringify(large), "the result is the same");
    }
  },

  "keeps every text of a task's life as it is": async (stage) => {
    for (const text of TEXTS) {
      const tags = [text, `${text}, and more`];
      const { lease } = await stage.running({ tags });
      const error = { name: text, message: text, code: text, stack: text };
      const progress = { done: 1, total: 2, message: text };
      const printed = { attempt: 1, timeMs: stage.now.wallMs, stream: "stdout", text } as const;
      await stage.broker.report([{ lease, progress, lines: [printed] }], stage.now);
      await stage.settle(lease, { status: "error", error, traceback: text });
      const record = await stage.record(lease.uuid);
      assert.deepEqual(record.tags, tags);
      assert.deepEqual(record.progress, progress);
      assert.deepEqual([record.error, record.traceback], [error, text]);
      assert.deepEqual(record.history[0]?.error, error);
      assert.deepEqual(await stage.broker.logs(lease.uuid), [printed]);
    }
  },

  "keeps names of workers and reasons of cancellations as they are": async (stage) => {
    for (const text of TEXTS) {
      const { uuid } = await stage.queued();
      await stage.claimOne({ uuids: [uuid], workerName: text });
      assert.equal(await stage.broker.cancel(uuid, text, stage.now), "cancelling");
      assert.equal((await stage.record(uuid)).worker, text);
      const waiting = await stage.queued();
      await stage.broker.cancel(waiting.uuid, text, stage.now);
      assert.equal((await stage.record(waiting.uuid)).cancelReason, text);
    }
  },

  "keeps numbers exact: times up to the last date, limits up to a century": async (stage) => {
    const priority = -(2 ** 31);
    const runAtMs = 8_639_999_999_999_999;
    const maxTimeMs = 100 * 365 * 86_400_000 + 1;
    const { uuid } = await stage.queued({ priority, runAtMs, maxTimeMs, retry: 1_000_000 });
    const record = await stage.record(uuid);
    assert.deepEqual(
      [record.priority, record.runAtMs, record.maxTimeMs, record.retry],
      [priority, runAtMs, maxTimeMs, 1_000_000],
    );
    assert.equal((await stage.broker.claim(stage.request())).nextDueAtMs, runAtMs);
  },

  "keeps what was queued through all that happens to the task later": async (stage) => {
    const { unique: _, ...given } = await stage.queued({
      args: '["ada"]',
      priority: 7,
      tags: ["mail"],
      retry: 5,
      maxTimeMs: 700,
      unique: { key: "once", until: "exists" },
    });
    const { lease } = await stage.claimOne();
    stage.advance(1000);
    await stage.settle(lease, { status: "success", returning: "null" });
    const record = await stage.record(given.uuid);
    assert.deepEqual({ ...record, ...given }, record);
  },
});
