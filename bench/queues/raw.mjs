// The raw limit: a few lines over the SQLite driver of qtasks. One table, one commit for all that a turn of the loop
// asked for, a file that is written after a commit to wake others; no retries, no leases, no limits, nobody's death.
import fs from "node:fs";
import { loadDriver } from "../../dist/brokers/sqlite/driver.js";
import { until } from "../lib/clock.mjs";
import { makeFolder } from "../lib/folders.mjs";
import { startWorker } from "../lib/worker.mjs";
import { perform } from "./perform.mjs";

const driver = await loadDriver();

const TABLE = `
  CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    priority INTEGER NOT NULL DEFAULT 0,
    status INTEGER NOT NULL DEFAULT 0,
    started REAL,
    finished REAL,
    result TEXT
  ) STRICT;
  CREATE INDEX IF NOT EXISTS waiting ON jobs (priority, id) WHERE status = 0;`;

export const rawFull = raw("raw-full", "raw SQLite limit, FULL", "FULL");
export const rawNormal = raw("raw-normal", "raw SQLite limit, NORMAL", "NORMAL");

function raw(id, label, synchronous) {
  return {
    id,
    label,
    isVariant: synchronous !== "FULL",
    keeps: `${driver.name} (SQLite ${driver.sqliteVersion}), synchronous=${synchronous}, results stored`,
    place: async () => ({ folder: makeFolder("raw"), synchronous }),
    open: async (place) => new RawClient(place),
    startWorker: (place, concurrency) => startWorker(import.meta.url, place, concurrency),
  };
}

function connect({ folder, synchronous }) {
  const db = driver.connect(`${folder}/raw.db`, { readOnly: false });
  const setUp = `PRAGMA synchronous = ${synchronous}; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000;`;
  patiently(() => db.exec(`${setUp} PRAGMA journal_mode = WAL;`));
  patiently(() => db.exec(`BEGIN IMMEDIATE; ${TABLE} COMMIT;`));
  return db;
}

/** Tries again until nobody else holds the lock. */
function patiently(act) {
  for (;;) {
    try {
      return act();
    } catch (error) {
      if (!/locked|busy/i.test(String(error))) throw error;
      Atomics.wait(NEVER, 0, 0, 0.1 + 0.3 * Math.random());
    }
  }
}

const NEVER = new Int32Array(new SharedArrayBuffer(4));

function transaction(db, act) {
  patiently(() => db.exec("BEGIN IMMEDIATE"));
  const value = act();
  db.exec("COMMIT");
  return value;
}

function bell(file, onRing) {
  const descriptor = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_CREAT);
  const watcher = onRing && fs.watch(file, { persistent: false }, onRing);
  return {
    ring: () => fs.writeSync(descriptor, ".", 0),
    close() {
      watcher?.close();
      fs.closeSync(descriptor);
    },
  };
}

class RawClient {
  #db;
  #insert;
  #result;
  #queued;
  #settled;
  #asked = [];
  #waiting = new Map();

  constructor(place) {
    this.#db = connect(place);
    this.#insert = this.#db.prepare("INSERT INTO jobs (kind, payload) VALUES (?, ?)");
    this.#result = this.#db.prepare("SELECT result FROM jobs WHERE id = ? AND status = 2");
    this.#queued = bell(`${place.folder}/queued`);
    this.#settled = bell(`${place.folder}/settled`, () => this.#look());
  }

  add(kind, payload = null) {
    const text = JSON.stringify(payload);
    return new Promise((resolve) => {
      if (this.#asked.length === 0) setImmediate(() => this.#commit());
      this.#asked.push({ kind, text, resolve });
    });
  }

  async addMany(kind, count, payload = null) {
    const text = JSON.stringify(payload);
    transaction(this.#db, () => {
      for (let i = 0; i < count; i++) this.#insert.run(kind, text);
    });
    this.#queued.ring();
  }

  async call(kind) {
    const id = await this.add(kind);
    return await new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#look();
    });
  }

  async ended(total) {
    // The count reads the whole table: it is asked for once nobody waits any more.
    const waiting = this.#db.prepare("SELECT 1 FROM jobs WHERE status = 0 LIMIT 1");
    const over = this.#db.prepare("SELECT count(*) AS n, max(finished) AS last FROM jobs WHERE status = 2");
    const isOver = () => waiting.get() === undefined && over.get().n >= total;
    await until(isOver, { everyMs: 20, what: `the end of ${total} jobs` });
    return over.get().last;
  }

  async close() {
    this.#queued.close();
    this.#settled.close();
    this.#db.close();
  }

  #commit() {
    const asked = this.#asked;
    this.#asked = [];
    const ids = transaction(this.#db, () =>
      asked.map(({ kind, text }) => this.#insert.run(kind, text).lastInsertRowid),
    );
    this.#queued.ring();
    for (const [i, { resolve }] of asked.entries()) resolve(ids[i]);
  }

  #look() {
    for (const [id, resolve] of this.#waiting) {
      const row = this.#result.get(id);
      if (row === undefined) continue;
      this.#waiting.delete(id);
      resolve(JSON.parse(row.result));
    }
  }
}

export async function work(place, concurrency) {
  const db = connect(place);
  const claim =
    concurrency === 1
      ? db.prepare(
          `UPDATE jobs SET status = 1, started = ? WHERE id =
             (SELECT id FROM jobs WHERE status = 0 ORDER BY priority, id LIMIT ?) RETURNING id, kind, payload`,
        )
      : db.prepare(
          `UPDATE jobs SET status = 1, started = ? WHERE id IN
             (SELECT id FROM jobs WHERE status = 0 ORDER BY priority, id LIMIT ?) RETURNING id, kind, payload`,
        );
  const settle = db.prepare("UPDATE jobs SET status = 2, finished = ?, result = ? WHERE id = ?");
  const isOneWaiting = db.prepare("SELECT 1 FROM jobs WHERE status = 0 LIMIT 1");
  const settled = bell(`${place.folder}/settled`);
  let wake = () => {};
  bell(`${place.folder}/queued`, () => wake());

  void (async () => {
    let done = [];
    for (;;) {
      const jobs = transaction(db, () => {
        const time = performance.timeOrigin + performance.now();
        for (const { id, result } of done) settle.run(time, JSON.stringify(result), id);
        return claim.all(time, concurrency);
      });
      if (done.length > 0) settled.ring();
      done = await Promise.all(
        jobs.map(async ({ id, kind, payload }) => ({
          id,
          result: await perform(kind, JSON.parse(payload), 1),
        })),
      );
      if (jobs.length > 0) continue;
      const rung = new Promise((resolve) => {
        wake = resolve;
      });
      if (isOneWaiting.get() === undefined) await Promise.race([rung, pause(1000)]);
    }
  })();
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
