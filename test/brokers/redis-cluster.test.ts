import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RedisBroker } from "../../src/brokers/bullmq/redis/broker.js";
import { brokerConformance } from "../../src/testing/index.js";
import { openedOn } from "./opened.js";
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

  const urlOf = ({ port }: OwnRedis) => `redis://127.0.0.1:${port}`;

  test("redis cluster: is closed once all is answered, whichever of its servers has the queue", async () => {
    const [first] = servers as [OwnRedis];
    // Which server a cluster asks for what has no place is left to chance.
    for (let round = 0; round < 30; round++) {
      const broker = new RedisBroker({ url: urlOf(first), prefix: `{${randomUUID()}}`, queue: "closing" });
      await broker.open();
      const underWay = Promise.all(Array.from({ length: 40 }, () => broker.counts()));
      await broker.close();
      expect(await underWay).toHaveLength(40);
    }
  });

  brokerConformance({
    suite: "redis cluster",
    test,
    open() {
      // Each case has another slot, so that all nodes have their share.
      const prefix = `{${randomUUID()}}`;
      const url = urlOf(servers[0] as OwnRedis);
      return openedOn(() => new RedisBroker({ url, prefix, queue: "suite", shownAs: url }));
    },
    skip: ANOTHER_BOOT,
  });
}
