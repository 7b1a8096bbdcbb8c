import { defineQueue, defineWorker, JobStatus } from "plainjob";
import { loadDriver } from "../../dist/brokers/sqlite/driver.js";
import { nowMs, until } from "../lib/clock.mjs";
import { makeFolder } from "../lib/folders.mjs";
import { startWorker } from "../lib/worker.mjs";
import { perform } from "./perform.mjs";
import { versionOf } from "./versionOf.mjs";

const driver = await loadDriver();

export const plainjob = {
  id: "plainjob",
  isPeer: true,
  label: "plainjob",
  keeps: `plainjob ${versionOf("plainjob")} over ${driver.name}, synchronous=NORMAL, polling each ms, results not stored`,
  place: async () => ({ folder: makeFolder("plainjob") }),
  open: async (place) => new PlainjobClient(place),
  startWorker: (place, concurrency) => startWorker(import.meta.url, place, concurrency),
};

const silent = { error() {}, warn() {}, info() {}, debug() {} };

function openQueue({ folder }) {
  return defineQueue({
    connection: connectionOf(driver.connect(`${folder}/plainjob.db`, {})),
    logger: silent,
  });
}

/** What plainjob asks of better-sqlite3, over the driver that qtasks has: the same SQLite for both. */
function connectionOf(db) {
  const within = (begin, act) =>
    function transaction(...args) {
      db.exec(begin);
      try {
        const value = act(...args);
        db.exec("COMMIT");
        return value;
      } catch (error) {
        db.exec("ROLLBACK");
        throw error;
      }
    };
  return {
    driver: "better-sqlite3",
    pragma: (text) => db.exec(`PRAGMA ${text}`),
    exec: (text) => db.exec(text),
    prepare: (text) => db.prepare(text),
    transaction: (act) => Object.assign(within("BEGIN", act), { immediate: within("BEGIN IMMEDIATE", act) }),
    close: () => db.close(),
  };
}

class PlainjobClient {
  #queue;

  constructor(place) {
    this.#queue = openQueue(place);
  }

  async add(kind, payload) {
    return this.#queue.add("job", { kind, payload });
  }

  async addMany(kind, count, payload) {
    this.#queue.addMany("job", Array(count).fill({ kind, payload }));
  }

  async call(kind) {
    const { id } = await this.add(kind);
    const isDone = () => this.#queue.getJobById(id).status === JobStatus.Done;
    await until(isDone, { everyMs: 1, what: "the end of a job" });
  }

  async ended(total) {
    const isOver = () => this.#queue.countJobs({ status: JobStatus.Done }) >= total;
    await until(isOver, { everyMs: 10, what: `the end of ${total} jobs` });
    return nowMs();
  }

  async close() {
    this.#queue.close();
  }
}

/** Its workers take one job at a time: as many of them as there are places, in one process. */
export async function work(place, concurrency) {
  const queue = openQueue(place);
  const process = async ({ data }) => {
    const { kind, payload } = JSON.parse(data);
    await perform(kind, payload, 1);
  };
  for (let i = 0; i < concurrency; i++) {
    void defineWorker("job", process, { queue, pollIntervall: 1, logger: silent }).start();
  }
}
