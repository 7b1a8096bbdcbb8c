import type { Cluster, Redis } from "ioredis";

/** The servers that take writes. */
export function nodesOf(redis: Redis | Cluster): readonly Redis[] {
  return isCluster(redis) ? redis.nodes("master") : [redis];
}

export function isCluster(redis: Redis | Cluster): redis is Cluster {
  return redis.isCluster;
}
