import PgBoss from "pg-boss";
import { until } from "../lib/clock.mjs";
import { postgres, postgresMissing } from "../lib/servers.mjs";
import { startWorker } from "../lib/worker.mjs";
import { perform } from "./perform.mjs";
import { versionOf } from "./versionOf.mjs";

let places = 0;

export const pgBoss = {
  id: "pg-boss",
  isPeer: true,
  label: "pg-boss",
  keeps: `pg-boss ${versionOf("pg-boss")} on PostgreSQL, fsync on, results stored; a loop of fetch and complete, because its own worker polls twice a second at most`,
  missing: postgresMissing,
  place: async () => ({ connectionString: await postgres(), schema: `pgboss${places++}` }),
  async open(place) {
    const boss = await openBoss(place);
    await boss.createQueue("job");
    return new PgBossClient(place, boss);
  },
  startWorker: (place, concurrency) => startWorker(import.meta.url, place, concurrency),
};

async function openBoss(place) {
  const boss = new PgBoss({ ...place, supervise: false, schedule: false });
  boss.on("error", (error) => console.error(error));
  await boss.start();
  return boss;
}

class PgBossClient {
  #schema;
  #boss;

  constructor({ schema }, boss) {
    this.#schema = schema;
    this.#boss = boss;
  }

  add(kind, payload) {
    return this.#boss.send("job", { kind, payload });
  }

  async addMany(kind, count, payload) {
    await this.#boss.insert(Array(count).fill({ name: "job", data: { kind, payload } }));
  }

  async call(kind) {
    const id = await this.add(kind);
    const isDone = async () => (await this.#boss.getJobById("job", id)).state === "completed";
    await until(isDone, { everyMs: 1, what: "the end of a job" });
  }

  async ended(total) {
    // The count reads every row: it is asked for once nobody waits any more.
    const waiting = `SELECT 1 FROM ${this.#schema}.job WHERE name = 'job' AND state < 'active' LIMIT 1`;
    const over = `SELECT count(*)::int AS n, extract(epoch FROM max(completed_on)) * 1000 AS last
      FROM ${this.#schema}.job WHERE state = 'completed'`;
    const isOver = async () =>
      (await this.#rows(waiting)).length === 0 && (await this.#rows(over))[0].n >= total;
    await until(isOver, { everyMs: 20, what: `the end of ${total} jobs` });
    return Number((await this.#rows(over))[0].last);
  }

  async close() {
    await this.#boss.stop({ graceful: false });
  }

  async #rows(sql) {
    return (await this.#boss.getDb().executeSql(sql)).rows;
  }
}

export async function work(place, concurrency) {
  const boss = await openBoss(place);
  void (async () => {
    for (;;) {
      const jobs = await boss.fetch("job", { batchSize: concurrency });
      if (jobs.length === 0) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        continue;
      }
      await Promise.all(jobs.map(({ data: { kind, payload } }) => perform(kind, payload, 1)));
      await boss.complete(
        "job",
        jobs.map(({ id }) => id),
      );
    }
  })();
}
