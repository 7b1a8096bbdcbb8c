import type { QueueEventsListener } from "bullmq";
import type { Redis } from "ioredis";
import type { Stop, Tell } from "../listeners.js";
import { requirePackages } from "../packages.js";
import { Scripts } from "./scripts.js";
import { serverWarnings } from "./warnings.js";

export interface RedisPlace {
  /** BullMQ's name for the queue */
  readonly queue: string;
  /** where BullMQ's keys begin; on a cluster in braces, such as `{bull}`, so that all are in one slot; `bull` by default */
  readonly prefix?: string | undefined;
  readonly url?: string | undefined;
  /** ioredis options, over those of the URL */
  readonly connection?: object | undefined;
  /** for people: the URL without secrets */
  readonly shownAs?: string | undefined;
}

/** An open connection to the server. */
export interface RedisSession {
  readonly scripts: Scripts;
  readonly warnings: readonly string[];
  /** Listens on a connection of its own; from then on no event is missed. */
  listen(tell: Tell): Promise<Stop>;
  /** Waits for what is under way. */
  close(): Promise<void>;
}

export async function connect(place: RedisPlace): Promise<RedisSession> {
  requirePackages(["bullmq", "ioredis"], place.shownAs ?? "redis:");
  const { Redis } = await import("ioredis");
  const redis = place.url === undefined ? new Redis(options(place)) : new Redis(place.url, options(place));
  await firstContact(redis);
  const { queue: name, prefix = "bull" } = place;
  const base = `${prefix}:${name}:`;
  const scripts = new Scripts(redis, base);
  await scripts.load();

  return {
    scripts,
    warnings: await serverWarnings(redis),
    async listen(tell) {
      // Only who waits or works loads BullMQ, which takes longer than most commands.
      const { Queue, QueueEvents } = await import("bullmq");
      const settings = { prefix, skipVersionCheck: true };
      // Writes BullMQ's own description of the queue.
      const queue = new Queue(name, { ...settings, connection: redis });
      queue.on("error", () => {});
      await queue.waitUntilReady();
      const [latest] = await redis.xrevrange(`${base}events`, "+", "-", "COUNT", 1);
      const connection = redis.duplicate({ maxRetriesPerRequest: null, socketTimeout: 20_000 });
      const events = new QueueEvents(name, {
        ...settings,
        connection,
        blockingTimeout: 5000,
        lastEventId: latest?.[0] ?? "0-0",
      });
      // It connects again by itself, and then reads on from where it was.
      events.on("error", () => {});
      const settled = ({ jobId }: { jobId: string }) => tell("settled", jobId);
      events.on("waiting", () => tell("queued")).on("delayed", () => tell("queued"));
      events.on("completed", settled).on("failed", settled);
      events.on<CancellingEvent>("cancelling", ({ jobId }: { jobId: string }) => tell("cancelling", jobId));
      return async () => {
        connection.disconnect();
        await events.close().catch(() => {});
      };
    },
    async close() {
      await redis.quit().catch(() => redis.disconnect());
    },
  };
}

/** One of our own, in BullMQ's stream. */
interface CancellingEvent extends QueueEventsListener {
  cancelling: (args: { jobId: string }, id: string) => void;
}

function options(place: RedisPlace) {
  return {
    connectTimeout: 5000,
    // A connection that swallows everything is given up.
    socketTimeout: 10_000,
    keepAlive: 5000,
    maxRetriesPerRequest: 4,
    // Some scripts must not take effect twice, and nobody knows whether they did.
    autoResendUnfulfilledCommands: false,
    retryStrategy: (times: number) => Math.min(50 * 2 ** times, 1000),
    ...place.connection,
    lazyConnect: true,
  };
}

/** ioredis keeps on trying; the first time, its first word counts. */
async function firstContact(redis: Redis): Promise<void> {
  let reason: unknown;
  const listen = (error: unknown) => {
    reason ??= error;
  };
  redis.on("error", listen);
  try {
    await redis.connect();
  } catch (error) {
    redis.disconnect();
    throw reason ?? error;
  }
  // From now on a lost connection is told by the verbs that need it.
}
