import type { ClusterOptions, RedisOptions } from "ioredis";
import { BrokerError } from "../../../core/errors.js";
import { Connection } from "./connection.js";
import { isCluster } from "./nodes.js";

interface Settings {
  readonly cluster?: object | undefined;
  readonly shownAs?: string | undefined;
}

/**
 * The connection itself, or where its server is a node of a cluster, one to all of that, and this one is closed.
 * @param base where the keys of the queue begin
 * @throws {BrokerError} when the keys would not be in one slot of the cluster, as scripts need them
 */
export async function wholeCluster(
  connection: Connection,
  settings: Settings,
  base: string,
): Promise<Connection> {
  const first = connection.redis;
  if (isCluster(first)) return connection;
  const info = String(await connection.call("INFO", ["cluster"]).catch(() => ""));
  if (!/^cluster_enabled:1/m.test(info)) return connection;
  if (!/\{[^}]+\}/.test(base)) throw prefixError(base, settings.shownAs);
  const { Cluster } = await import("ioredis");
  const { host = "127.0.0.1", port = 6379 } = first.options;
  connection.drop();
  const whole = new Connection(new Cluster([{ host, port }], options(first.options, settings.cluster)));
  await whole.open();
  return whole;
}

type NodeOptions = Omit<NonNullable<ClusterOptions["redisOptions"]>, "replyMapping">;

function options({ host, port, ...redisOptions }: RedisOptions, given: object | undefined) {
  return {
    lazyConnect: true,
    // Some scripts must not take effect twice, and nobody knows whether they did.
    retryDelayOnFailover: 0,
    // A command waits for no cluster that is gone.
    enableOfflineQueue: false,
    clusterRetryStrategy: (times: number) => Math.min(50 * 2 ** times, 1000),
    slotsRefreshTimeout: 5000,
    // A certificate is made out to the name that the cluster gives, not to the address behind it.
    ...(redisOptions.tls && { dnsLookup: asGiven }),
    ...given,
    redisOptions: redisOptions as NodeOptions,
  };
}

function asGiven(hostname: string, callback: (error: null, address: string) => void): void {
  callback(null, hostname);
}

function prefixError(base: string, shownAs = "redis:"): BrokerError {
  return new BrokerError(
    "E_BROKER",
    `The Redis server is a cluster (${shownAs}), which would spread the keys ${base}… over its nodes.`,
    { hint: "Give a prefix in braces, by which they stay together: `?prefix={shop}`." },
  );
}
