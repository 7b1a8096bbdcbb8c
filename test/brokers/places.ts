import { randomUUID } from "node:crypto";
import {
  createPostgresBackend,
  type Job,
  type PostgresConnectionOptions,
  Queue,
  QueueEvents,
  type RedisOptions,
  Worker,
} from "bullmq";
import { PostgresBroker } from "../../src/brokers/bullmq/postgres/broker.js";
import { RedisBroker } from "../../src/brokers/bullmq/redis/broker.js";
import type { Broker } from "../../src/ports/broker.js";
import { dropSchema, postgresUrl, redisUrl, removeKeys } from "./servers.js";

/** A queue of its own on a real server, for our broker and for BullMQ's own classes. */
export interface Place {
  readonly broker: Broker;
  readonly queue: Queue;
  worker(run: (job: Job) => Promise<unknown>): Worker;
  events(): QueueEvents;
  remove(): Promise<void>;
}

/** The kinds of server that were found. */
export const KINDS: readonly { readonly kind: string; make(): Promise<Place> }[] = [
  ...found("redis", await redisUrl(), onRedis),
  ...found("postgres", await postgresUrl(), onPostgres),
];

function found(kind: string, url: string | undefined, make: (url: string) => Promise<Place>) {
  return url === undefined ? [] : [{ kind, make: () => make(url) }];
}

async function onRedis(url: string): Promise<Place> {
  const prefix = `qtasks-test-${randomUUID()}`;
  const settings = () => ({ prefix, connection: { url, maxRetriesPerRequest: null } satisfies RedisOptions });
  const broker = new RedisBroker({ url, prefix, queue: NAME, shownAs: "redis" });
  await broker.open();
  return place(broker, () => removeKeys(url, prefix), {
    queue: new Queue(NAME, settings()),
    worker: (run) => new Worker(NAME, run, settings()),
    events: () => new QueueEvents(NAME, settings()),
  });
}

async function onPostgres(url: string): Promise<Place> {
  const schema = `qtasks_test_${randomUUID().replaceAll("-", "")}`;
  const settings = () => ({ connection: { connectionString: url, schema } as PostgresConnectionOptions });
  const broker = new PostgresBroker({ url, schema, queue: NAME, shownAs: "postgres" });
  await broker.open();
  return place(broker, () => dropSchema(url, schema), {
    queue: new Queue(NAME, settings(), createPostgresBackend) as unknown as Queue,
    worker: (run) => new Worker(NAME, run, settings(), createPostgresBackend) as unknown as Worker,
    events: () => new QueueEvents(NAME, settings(), createPostgresBackend) as unknown as QueueEvents,
  });
}

async function place(
  broker: Broker,
  removeAll: () => Promise<void>,
  bullmq: Pick<Place, "queue" | "worker" | "events">,
): Promise<Place> {
  await bullmq.queue.waitUntilReady();
  return {
    broker,
    ...bullmq,
    async remove() {
      await bullmq.queue.close();
      await broker.close();
      await removeAll();
    },
  };
}

const NAME = "suite";
