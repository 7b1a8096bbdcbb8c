import type { Stop, Tell } from "../listeners.js";
import { requirePackages } from "../packages.js";
import { Connection } from "./connection.js";
import { readEvents } from "./events.js";
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
  requirePackages(["ioredis"], place.shownAs ?? "redis:");
  const { Redis } = await import("ioredis");
  const redis = place.url === undefined ? new Redis(options(place)) : new Redis(place.url, options(place));
  const connection = new Connection(redis);
  await connection.open();
  const { queue: name, prefix = "bull" } = place;
  const base = `${prefix}:${name}:`;
  const scripts = new Scripts(connection, base);
  await scripts.load();

  return {
    scripts,
    warnings: await serverWarnings(connection),
    async listen(tell) {
      await describeQueue(connection, base);
      const second = new Connection(redis.duplicate());
      await second.open();
      return await readEvents(second, `${base}events`, tell);
    },
    close: () => connection.close(),
  };
}

/** As BullMQ's own classes do at their start, for its tools. */
async function describeQueue(connection: Connection, base: string): Promise<void> {
  await connection.call("HSET", [`${base}meta`, "opts.maxLenEvents", MAX_EVENTS, "version", LAYOUT]);
}

/** BullMQ's own default */
const MAX_EVENTS = 10_000;
/** whose keys ours are like */
const LAYOUT = "bullmq:6.7.0";

function options(place: RedisPlace) {
  return {
    connectTimeout: 5000,
    keepAlive: 5000,
    // Some scripts must not take effect twice, and nobody knows whether they did.
    autoResendUnfulfilledCommands: false,
    enableOfflineQueue: false,
    maxRetriesPerRequest: null,
    retryStrategy: (times: number) => Math.min(50 * 2 ** times, 1000),
    ...place.connection,
    lazyConnect: true,
  };
}
