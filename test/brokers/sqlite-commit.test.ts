import fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SqliteBroker } from "../../src/brokers/sqlite/broker.js";
import { GroupCommit } from "../../src/brokers/sqlite/commit.js";
import { type Database, loadDriver } from "../../src/brokers/sqlite/driver.js";
import { LogFolding } from "../../src/brokers/sqlite/fold.js";
import { Sql } from "../../src/brokers/sqlite/sql.js";
import type { NewTask } from "../../src/core/record.js";
import type { ClaimRequest } from "../../src/ports/broker.js";

let folder: string;
let path: string;
let broker: SqliteBroker;
let other: Database;

beforeEach(async () => {
  folder = fs.mkdtempSync(join(tmpdir(), "qtasks-sqlite-"));
  path = join(folder, "queue.db");
  broker = new SqliteBroker({ path, durability: "full", busyTimeoutMs: 150 });
  await broker.open();
  other = (await loadDriver()).connect(path, { readOnly: false });
});

afterEach(async () => {
  other.close();
  await broker.close();
  fs.rmSync(folder, { recursive: true });
});

test("commits all verbs of one turn together", async () => {
  const { group, commits } = await makeGroup();
  const results = await Promise.all([1, 2, 3].map((n) => group.submit({ run: () => n })));
  expect([results, commits.length]).toEqual([[1, 2, 3], 1]);
});

test("gives an error to the caller whose verb threw, and undoes what that verb wrote", async () => {
  const { group, sql, commits } = await makeGroup();
  const write = (n: number) => group.submit({ run: ({ sql }) => sql.run("INSERT INTO t VALUES (?)", n) });
  const culprit = group.submit({
    run: (tx) => {
      tx.sql.run("INSERT INTO t VALUES (2)");
      tx.effects.queued = true;
      throw new Error("no");
    },
  });
  const outcomes = await Promise.allSettled([write(1), culprit, write(3)]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(sql.all("SELECT n FROM t ORDER BY n")).toMatchObject([{ n: 1 }, { n: 3 }]);
  expect(commits.map(({ queued }) => queued)).toEqual([false]);
});

test("cuts the log off once a busy queue is quiet", async () => {
  const folding = new LogFolding(other, path, 1);
  const text = JSON.stringify(["x".repeat(100_000)]);
  await broker.enqueue(Array.from({ length: 10 }, (_, n) => task(`t${n}`, { args: text })));
  const log = () => fs.statSync(`${path}-wal`).size;
  expect(log()).toBeGreaterThan(1_000_000);
  folding.committed();
  await expect.poll(log).toBe(0);
  folding.stop();
});

test("answers a blocking call after all that was called before it", async () => {
  const { group } = await makeGroup();
  const order: string[] = [];
  const waiting = group.submit({ run: () => order.push("first") });
  group.submitSync({ run: () => order.push("second") });
  expect(order).toEqual(["first", "second"]);
  await waiting;
});

test("queues synchronously, before the next turn", async () => {
  const [first] = broker.enqueueSync([task("first")]);
  expect(first).toEqual({ uuid: "first", deduplicated: false });
  expect(rowsOf("tasks")).toBe(1);
  expect(() => broker.enqueueSync([task("first")])).toThrow("stored already");
});

test("gives up once another connection has held the write lock for too long, and works again after", async () => {
  other.exec("BEGIN IMMEDIATE");
  let turns = 0;
  const turning = setInterval(() => turns++, 1);
  await expect(broker.enqueue([task("first")])).rejects.toMatchObject({
    code: "E_BROKER_BUSY",
    message: expect.stringContaining("the limit is 0.15 s"),
  });
  clearInterval(turning);
  expect(turns).toBeGreaterThan(2);
  expect(() => broker.enqueueSync([task("first")])).toThrow("write lock");
  other.exec("COMMIT");
  await broker.enqueue([task("first")]);
  expect(rowsOf("tasks")).toBe(1);
});

test("waits for the write lock, and reads meanwhile", async () => {
  await broker.enqueue([task("first")]);
  other.exec("BEGIN IMMEDIATE");
  expect((await broker.get("first"))?.status).toBe("new");
  const waiting = broker.enqueue([task("second")]);
  setTimeout(() => other.exec("COMMIT"), 50);
  expect(await waiting).toHaveLength(1);
});

test("takes no write lock for a poll that finds nothing", async () => {
  await broker.enqueue([task("for-later", { runAtMs: 10_000 })]);
  await broker.claim(request());
  other.exec("BEGIN IMMEDIATE");
  expect(await broker.claim(request())).toEqual({ claims: [], nextDueAtMs: 10_000 });
  expect(await broker.claim(request({ uuids: ["for-later", "unknown"] }))).toMatchObject({ claims: [] });
  await expect(broker.claim(request({ wallMs: 10_000 }))).rejects.toMatchObject({ code: "E_BROKER_BUSY" });
  other.exec("COMMIT");
  expect((await broker.claim(request({ wallMs: 10_000 }))).claims).toHaveLength(1);
});

test("counts rightly across thousands of arrivals, and after the newest were forgotten", async () => {
  const now = { wallMs: 0, monoMs: 0, bootId: "boot" };
  for (let n = 0; n < 2500; n += 100) {
    await broker.enqueue(Array.from({ length: 100 }, (_, index) => task(`task-${n + index}`)));
  }
  await broker.enqueue([task("one-more", { taskName: "other" })]);
  const row = { new: 0, process: 0, success: 0, error: 0, cancel: 0 };
  expect(await broker.counts()).toEqual([
    { ...row, name: "mail.send", new: 2500 },
    { ...row, name: "other", new: 1 },
  ]);
  await broker.cancel("one-more", null, now);
  await broker.cancel("task-2499", null, now);
  expect(await broker.prune({})).toBe(2);
  await broker.enqueue([task("after"), task("after-2", { taskName: "other" })]);
  expect(await broker.counts()).toEqual([
    { ...row, name: "mail.send", new: 2500 },
    { ...row, name: "other", new: 1 },
  ]);
  expect(rowsOf("tasks")).toBe(2501);
});

test("promotes any number of tasks that become due at once, a part with each claim", async () => {
  const tasks = Array.from({ length: 2500 }, (_, n) => task(`task-${n}`, { runAtMs: 10, priority: -n }));
  await broker.enqueue(tasks);
  let claimed = 0;
  for (let claims = 0; claims < 10; claims++) {
    claimed += (await broker.claim({ ...request({ wallMs: 10 }), limit: 500 })).claims.length;
  }
  expect(claimed).toBe(2500);
});

test("looks nowhere but at the lines of the names that are asked for", () => {
  const plans = [
    "SELECT id FROM ready WHERE name = 'a' AND (priority, due, id) > (1, 2, 3) ORDER BY priority, due, id LIMIT 5",
    "DELETE FROM ready WHERE name = 'a' AND (priority, due, id) <= (1, 2, 3)",
    "DELETE FROM later WHERE name = 'a' AND (due, id) <= (1, 2)",
    "DELETE FROM ready WHERE (name, priority, due, id) IN (SELECT name, priority, due, id FROM tasks WHERE id = 1)",
    "DELETE FROM uniques WHERE (name, key, id) IN (SELECT name, unique_key, id FROM tasks WHERE id = 1)",
    "SELECT id FROM finished WHERE status <> 'success' AND status = 'error' ORDER BY id DESC LIMIT 5",
  ];
  for (const plan of plans) {
    const steps = other.prepare(`EXPLAIN QUERY PLAN ${plan}`).all() as { detail: string }[];
    const details = steps.map((step) => step.detail).join("; ");
    expect(details).toContain("SEARCH");
    expect(details).not.toMatch(/SCAN (?!SUBQUERY)|TEMP B-TREE/);
  }
});

async function makeGroup() {
  const db = (await loadDriver()).connect(":memory:", { readOnly: false });
  db.exec("CREATE TABLE t (n)");
  const sql = new Sql(db);
  const commits: { queued: boolean }[] = [];
  const group = new GroupCommit(sql, {
    path: ":memory:",
    busyTimeoutMs: 100,
    random: Math.random,
    check() {},
    checkStored() {},
    onCommitted: (effects) => commits.push(effects),
    onFailed() {},
  });
  return { group, sql, commits };
}

function rowsOf(table: string): number {
  return (other.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n;
}

function request(fields: { wallMs?: number; uuids?: readonly string[] } = {}): ClaimRequest {
  const { wallMs = 0, uuids } = fields;
  return {
    workerId: "w",
    workerName: "w",
    names: ["mail.send"],
    uuids,
    limit: 10,
    leaseMs: 1000,
    now: { wallMs, monoMs: 0, bootId: "boot" },
  };
}

function task(uuid: string, fields: Partial<NewTask> = {}): NewTask {
  return {
    uuid,
    taskName: "mail.send",
    args: "[]",
    priority: 0,
    tags: [],
    retry: null,
    maxTimeMs: null,
    runAtMs: 0,
    createdAtMs: 0,
    unique: null,
    ...fields,
  };
}
