import PQueue from "p-queue";
import { nowMs, until } from "../lib/clock.mjs";
import { perform } from "./perform.mjs";
import { versionOf } from "./versionOf.mjs";

/** The ceiling: no storage, no other process. */
export const pQueue = {
  id: "p-queue",
  isPeer: true,
  label: "p-queue, in memory",
  keeps: `p-queue ${versionOf("p-queue")}; nothing is stored, one process`,
  answersOthers: false,
  place: async () => ({ queue: new PQueue({ autoStart: false }) }),
  open: async ({ queue }) => new PQueueClient(queue),
  async startWorker({ queue }, concurrency) {
    queue.concurrency = concurrency;
    queue.start();
    return {
      pause: async () => queue.pause(),
      resume: () => queue.start(),
      stop: async () => queue.clear(),
    };
  },
};

class PQueueClient {
  #queue;
  #ended = 0;
  #lastMs = 0;

  constructor(queue) {
    this.#queue = queue;
  }

  async add(kind, payload) {
    void this.#queue.add(async () => {
      await perform(kind, payload, 1);
      this.#ended += 1;
      this.#lastMs = nowMs();
    });
  }

  async addMany(kind, count, payload) {
    for (let i = 0; i < count; i++) void this.add(kind, payload);
  }

  async ended(total) {
    await until(() => this.#ended >= total, { what: `the end of ${total} jobs` });
    return this.#lastMs;
  }

  async close() {
    this.#queue.clear();
  }
}
