import { Logger, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";
import { nowMs, until } from "../lib/clock.mjs";
import { postgres, postgresMissing } from "../lib/servers.mjs";
import { startWorker } from "../lib/worker.mjs";
import { perform } from "./perform.mjs";
import { versionOf } from "./versionOf.mjs";

let places = 0;

export const graphile = {
  id: "graphile",
  isPeer: true,
  label: "graphile-worker, batched",
  keeps: `graphile-worker ${versionOf("graphile-worker")} (local queue, batched completion) on PostgreSQL, fsync on, results not stored: the job itself notifies its caller`,
  missing: postgresMissing,
  place: async () => ({ connectionString: await postgres(), schema: `graphile${places++}` }),
  async open(place) {
    const listener = new pg.Client(place.connectionString);
    await listener.connect();
    const utils = await makeWorkerUtils(presetOf(place));
    await utils.migrate();
    return new GraphileClient(place, utils, listener);
  },
  startWorker: (place, concurrency) => startWorker(import.meta.url, place, concurrency),
};

function presetOf({ connectionString, schema }, worker = {}) {
  const logger = new Logger(() => () => {});
  return {
    connectionString,
    schema,
    preset: { worker: { connectionString, schema, logger, ...worker } },
    logger,
  };
}

class GraphileClient {
  #place;
  #utils;
  #listener;
  #isListening = false;
  #calls = new Map();

  constructor(place, utils, listener) {
    this.#place = place;
    this.#utils = utils;
    this.#listener = listener;
  }

  add(kind, payload) {
    return this.#utils.addJob(kind, { payload });
  }

  async addMany(kind, count, payload) {
    await this.#utils.addJobs(Array(count).fill({ identifier: kind, payload: { payload } }));
  }

  async call(kind) {
    if (!this.#isListening) await this.#listen();
    const key = String(this.#calls.size + performance.now());
    const done = new Promise((resolve) => this.#calls.set(key, resolve));
    await this.#utils.addJob(kind, { answer: { channel: this.#place.schema, key } });
    await done;
  }

  async ended() {
    const left = `SELECT 1 FROM ${this.#place.schema}._private_jobs LIMIT 1`;
    const isEmpty = async () => (await this.#listener.query(left)).rowCount === 0;
    await until(isEmpty, { everyMs: 5, what: "the end of all jobs" });
    return nowMs();
  }

  async close() {
    await this.#utils.release();
    await this.#listener.end();
  }

  async #listen() {
    this.#isListening = true;
    this.#listener.on("notification", ({ payload: key }) => {
      this.#calls.get(key)?.();
      this.#calls.delete(key);
    });
    await this.#listener.query(`LISTEN ${this.#place.schema}`);
  }
}

export async function work(place, concurrency) {
  const task = (kind) => async (data, helpers) => {
    await perform(kind, data.payload, helpers.job.attempts);
    if (data.answer === undefined) return;
    await helpers.query("SELECT pg_notify($1, $2)", [data.answer.channel, data.answer.key]);
  };
  const batches = {
    concurrentJobs: concurrency,
    maxPoolSize: 10,
    localQueue: { size: Math.max(500, concurrency + 1) },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  };
  await run({
    ...presetOf(place, batches),
    taskList: { noop: task("noop"), size: task("size") },
  });
}
