import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MemoryBroker } from "../../src/brokers/memory/broker.js";
import { SqliteBroker } from "../../src/brokers/sqlite/broker.js";
import { loadDriver } from "../../src/brokers/sqlite/driver.js";
import type { NewTask } from "../../src/core/record.js";
import type { Verdict } from "../../src/core/verdict.js";
import type { Broker, TaskQuery } from "../../src/ports/broker.js";

// More than what is looked at one by one: above that, a query takes another way.
const MANY = 12_000;
const START_MS = Date.UTC(2026, 0, 1);
const folder = mkdtempSync(join(tmpdir(), "qtasks-sqlite-"));
const path = join(folder, "queue.db");
const reference = new MemoryBroker();
let sqlite: SqliteBroker;

beforeAll(async () => {
  sqlite = await open();
  for (const broker of [sqlite, reference]) await fill(broker);
});

afterAll(async () => {
  await sqlite.close();
  rmSync(folder, { recursive: true });
});

const since = (count: number) => START_MS + (MANY - count) * 1000;
const queries: Readonly<Record<string, Omit<TaskQuery, "limit">>> = {
  "a frequent name": { taskName: "often" },
  "a rare name": { taskName: "rare" },
  "a name that nothing has": { taskName: "nothing" },
  "a short time": { sinceMs: since(50) },
  "a long time": { sinceMs: since(MANY - 10) },
  "a time to come": { sinceMs: since(-1) },
  "a frequent name and a short time": { taskName: "often", sinceMs: since(50) },
  "a frequent name and a long time": { taskName: "often", sinceMs: since(MANY - 10) },
  "a rare name and a tag": { taskName: "rare", tag: "seldom" },
  "a short time and a tag": { sinceMs: since(50), tag: "seldom" },
  "a long time and a tag": { sinceMs: since(MANY - 10), tag: "seldom" },
};
const statuses = [
  undefined,
  ["new"],
  ["process"],
  ["success"],
  ["error", "cancel"],
  ["new", "success"],
] as const;

test.each(Object.entries(queries))(
  "lists by %s as the reference does, of whatever status",
  async (_, query) => {
    for (const some of statuses) {
      for (const limit of [5, 2 * MANY]) {
        const asked = { ...query, statuses: some, limit };
        expect(await uuids(sqlite, asked), JSON.stringify(asked)).toEqual(await uuids(reference, asked));
      }
    }
  },
);

test("a file of the first version is brought up to date when it is opened", async () => {
  const old = join(folder, "old.db");
  await (await open(old)).close();
  const db = (await loadDriver()).connect(old, { readOnly: false });
  db.exec("DROP INDEX tasks_by_name; DROP TABLE moving; PRAGMA user_version = 1");
  db.close();
  const broker = await open(old);
  await broker.enqueue([task(1)]);
  expect(await uuids(broker, { taskName: "often", sinceMs: START_MS, limit: 5 })).toEqual([task(1).uuid]);
  await broker.close();
});

async function open(at = path): Promise<SqliteBroker> {
  const broker = new SqliteBroker({ path: at, durability: "normal", busyTimeoutMs: 5000 });
  await broker.open();
  return broker;
}

async function uuids(broker: Broker, query: TaskQuery): Promise<readonly string[]> {
  return (await broker.list(query)).map(({ uuid }) => uuid);
}

/** Most wait; the oldest run or are finished, and some of the newest. */
async function fill(broker: Broker): Promise<void> {
  await broker.enqueue(Array.from({ length: MANY }, (_, n) => task(n)));
  const now = { wallMs: START_MS + MANY * 1000, monoMs: 1, bootId: "boot" };
  const oldest = Array.from({ length: 300 }, (_, n) => n);
  const claimed = [...oldest, MANY - 7, MANY - 3, MANY - 1].map((n) => task(n).uuid);
  const request = {
    workerId: "w",
    workerName: "w",
    names: ["often", "rare"],
    limit: MANY,
    leaseMs: 1000,
    now,
  };
  const { claims } = await broker.claim({ ...request, uuids: claimed });
  const ended = claims.slice(0, -50).map(({ lease }, place) => ({
    lease,
    verdict: [SUCCESS, ERROR, CANCEL][place % 3] ?? SUCCESS,
  }));
  await broker.settle(ended, now);
}

const SUCCESS: Verdict = { status: "success", returning: "1" };
const CANCEL: Verdict = { status: "cancel", reason: "enough" };
const ERROR: Verdict = {
  status: "error",
  error: { name: "Error", message: "no", code: "E_TASK", stack: null },
  traceback: null,
};

/** A second after the one before. */
function task(n: number): NewTask {
  const createdAtMs = START_MS + n * 1000;
  return {
    uuid: `019b0000-0000-7000-8000-${String(n).padStart(12, "0")}`,
    taskName: n % 3000 === 7 ? "rare" : "often",
    args: "[]",
    priority: 0,
    tags: n % 1000 === 7 ? ["seldom"] : [],
    retry: null,
    maxTimeMs: null,
    runAtMs: createdAtMs,
    createdAtMs,
    unique: null,
  };
}
