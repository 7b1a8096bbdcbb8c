import { BrokerError } from "../../../core/errors.js";
import type { Stop, Tell } from "../listeners.js";
import { requirePackages } from "../packages.js";
import { wholeCluster } from "./cluster.js";
import { Connection } from "./connection.js";
import { readEvents } from "./events.js";
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
  readonly connection: Connection;
  /** Listens on a connection of its own; from then on no event is missed. */
  listen(tell: Tell): Promise<Stop>;
  /** Waits for what is under way. */
  close(): Promise<void>;
}

export async function connect(place: RedisPlace): Promise<RedisSession> {
  const connection = await reach(place);
  const base = baseOf(place);
  const scripts = new Scripts(connection, base);
  await scripts.load();

  return {
    scripts,
    connection,
    async listen(tell) {
      await describeQueue(connection, base);
      const second = connection.another();
      await second.open();
      return await readEvents(second, `${base}events`, tell);
    },
    close: () => scripts.close(),
  };
}

/** Connects to the server, or to the whole cluster that it is a node of. */
export async function reach(place: RedisPlace): Promise<Connection> {
  requirePackages(["ioredis"], place.shownAs ?? "redis:");
  const { Redis } = await import("ioredis");
  const { nodes = [{}], url } = place;
  for (const [turn, node] of nodes.entries()) {
    const given = { ...options(place), ...node };
    const connection = new Connection(url === undefined ? new Redis(given) : new Redis(url, given));
    try {
      await connection.open();
      return await wholeCluster(connection, place, baseOf(place));
    } catch (error) {
      connection.drop();
      if (turn === nodes.length - 1) throw error;
    }
  }
  throw new BrokerError("E_BROKER", "`nodes` of the Redis cluster is empty.", {
    hint: 'Give one or more: `nodes: [{ host: "queue-1.internal", port: 6379 }]`.',
  });
}

/** As BullMQ's own classes do at their start, for its tools. */
async function describeQueue(connection: Connection, base: string): Promise<void> {
  await connection.call("HSET", [`${base}meta`, "opts.maxLenEvents", MAX_EVENTS, "version", LAYOUT]);
}

/** BullMQ's own default */
const MAX_EVENTS = 10_000;
/** whose keys ours are like */
const LAYOUT = "bullmq:6.7.0";

/** Where the keys of the queue begin. */
export function baseOf({ queue, prefix = "bull" }: RedisPlace): string {
  return `${prefix}:${queue}:`;
}

function options(place: RedisPlace) {
  return {
    connectTimeout: 5000,
    // One that swallows everything is given up.
    socketTimeout: 10_000,
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
