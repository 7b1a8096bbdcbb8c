import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, test } from "vitest";
import { RedisBroker } from "../../src/brokers/bullmq/redis/broker.js";
import { brokerConformance } from "../../src/testing/index.js";
import { hasRedis, type OwnRedis, startCluster } from "./ownRedis.js";
import { ANOTHER_BOOT } from "./servers.js";

if (!hasRedis) test.skip("redis cluster: no redis-server found", () => {});
else {
  let servers: readonly OwnRedis[] = [];
  beforeAll(async () => {
    servers = await startCluster();
  });
  afterAll(async () => {
    for (const server of servers) await server.stop();
  });

  brokerConformance({
    suite: "redis cluster",
    test,
    async open() {
      // Each case has another slot, so that all nodes have their share.
      const prefix = `{${randomUUID()}}`;
      const url = `redis://127.0.0.1:${servers[0]?.port}`;
      const brokers: RedisBroker[] = [];
      const connect = async () => {
        const broker = new RedisBroker({ url, prefix, queue: "suite", shownAs: url });
        brokers.push(broker);
        await broker.open();
        return broker;
      };
      return {
        broker: await connect(),
        second: connect,
        async dispose() {
          for (const broker of brokers) await broker.close();
        },
      };
    },
    skip: ANOTHER_BOOT,
  });
}
