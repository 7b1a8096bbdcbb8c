import type { QueueEventsListener } from "bullmq";
import type { Cluster, Redis } from "ioredis";
import { BrokerError } from "../../../core/errors.js";
import type { Stop, Tell } from "../listeners.js";
import { requirePackages } from "../packages.js";
import { another, wholeCluster } from "./cluster.js";
import { Scripts } from "./scripts.js";

export interface RedisPlace {
  /** BullMQ's name for the queue */
  readonly queue: string;
  /** where BullMQ's keys begin; on a cluster in braces, such as `{bull}`, so that all are in one slot; `bull` by default */
  readonly prefix?: string | undefined;
  readonly url?: string | undefined;
  /** ioredis options, over those of the URL */
  readonly connection?: object | undefined;
  /** servers of a cluster, of which the first that answers tells the others; without it, the one of the URL */
  readonly nodes?: readonly { readonly host: string; readonly port?: number }[] | undefined;
  /** ioredis options of a cluster, such as `natMap` */
  readonly cluster?: object | undefined;
  /** for people: the URL without secrets */
  readonly shownAs?: string | undefined;
}

/** An open connection to the server. */
export interface RedisSession {
  readonly scripts: Scripts;
  readonly redis: Redis | Cluster;
  /** Listens on a connection of its own; from then on no event is missed. */
  listen(tell: Tell): Promise<Stop>;
  /** Waits for what is under way. */
  close(): Promise<void>;
}

export async function connect(place: RedisPlace): Promise<RedisSession> {
  const redis = await reach(place);
  const { queue: name, prefix = "bull" } = place;
  const base = baseOf(place);
  const scripts = new Scripts(redis, base);
  await scripts.load();

  return {
    scripts,
    redis,
    async listen(tell) {
      // Only who waits or works loads BullMQ, which takes longer than most commands.
      const { Queue, QueueEvents } = await import("bullmq");
      const settings = { prefix, skipVersionCheck: true };
      // Writes BullMQ's own description of the queue.
      const queue = new Queue(name, { ...settings, connection: redis });
      queue.on("error", () => {});
      await queue.waitUntilReady();
      const [latest] = await redis.xrevrange(`${base}events`, "+", "-", "COUNT", 1);
      const connection = another(redis, { maxRetriesPerRequest: null, socketTimeout: 20_000 });
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

/** Connects to the server, or to the whole cluster that it is a node of. */
export async function reach(place: RedisPlace): Promise<Redis | Cluster> {
  requirePackages(["bullmq", "ioredis"], place.shownAs ?? "redis:");
  const { Redis } = await import("ioredis");
  const { nodes = [{}], url } = place;
  for (const [turn, node] of nodes.entries()) {
    const given = { ...options(place), ...node };
    const redis = url === undefined ? new Redis(given) : new Redis(url, given);
    try {
      await firstContact(redis);
      return await wholeCluster(redis, place, baseOf(place));
    } catch (error) {
      redis.disconnect();
      if (turn === nodes.length - 1) throw error;
    }
  }
  throw new BrokerError("E_BROKER", "`nodes` of the Redis cluster is empty.", {
    hint: 'Give one or more: `nodes: [{ host: "queue-1.internal", port: 6379 }]`.',
  });
}

/** Where the keys of the queue begin. */
export function baseOf({ queue, prefix = "bull" }: RedisPlace): string {
  return `${prefix}:${queue}:`;
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
