import { Queue, QueueEvents, Worker } from "bullmq";
import { until } from "../lib/clock.mjs";
import { redis, redisMissing } from "../lib/servers.mjs";
import { startWorker } from "../lib/worker.mjs";
import { perform } from "./perform.mjs";
import { versionOf } from "./versionOf.mjs";

let places = 0;

export const bullmq = onRedis("bullmq", "Redis without AOF", false);
export const bullmqAof = onRedis("bullmq-aof", "Redis, AOF everysec", true);

function onRedis(id, where, appendOnly) {
  const lost = appendOnly ? "a crash may take the last second" : "a crash of Redis takes everything";
  return {
    id,
    isPeer: true,
    isVariant: appendOnly,
    label: `BullMQ, ${where}`,
    keeps: `bullmq ${versionOf("bullmq")}; ${lost}; results stored`,
    missing: redisMissing,
    place: async () => ({ port: await redis(appendOnly), queue: `bench${places++}` }),
    open: async (place) => new BullmqClient(place),
    startWorker: (place, concurrency) => startWorker(import.meta.url, place, concurrency),
  };
}

function connection({ port }) {
  return { host: "127.0.0.1", port, maxRetriesPerRequest: null };
}

class BullmqClient {
  #place;
  #queue;
  #events;

  constructor(place) {
    this.#place = place;
    this.#queue = new Queue(place.queue, { connection: connection(place) });
  }

  add(kind, payload) {
    return this.#queue.add(kind, { payload }, optionsOf(kind));
  }

  async addMany(kind, count, payload) {
    const job = { name: kind, data: { payload }, opts: optionsOf(kind) };
    await this.#queue.addBulk(Array.from({ length: count }, () => job));
  }

  async call(kind) {
    this.#events ??= new QueueEvents(this.#place.queue, { connection: connection(this.#place) });
    await this.#events.waitUntilReady();
    const job = await this.add(kind);
    return await job.waitUntilFinished(this.#events, 60_000);
  }

  async ended(total) {
    const isOver = async () => (await this.#queue.getCompletedCount()) >= total;
    await until(isOver, { everyMs: 20, what: `the end of ${total} jobs` });
    const [last] = await this.#queue.getCompleted(0, 0);
    return last.finishedOn;
  }

  async close() {
    await this.#events?.close();
    await this.#queue.close();
  }
}

function optionsOf(kind) {
  return kind === "flaky" ? { attempts: 3 } : {};
}

export async function work(place, concurrency) {
  const worker = new Worker(
    place.queue,
    async (job) => await perform(job.name, job.data.payload, job.attemptsMade + 1),
    { connection: connection(place), concurrency },
  );
  await worker.waitUntilReady();
}
