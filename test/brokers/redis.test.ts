import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { test } from "vitest";
import { RedisBroker } from "../../src/brokers/bullmq/redis/broker.js";
import { brokerConformance } from "../../src/testing/index.js";
import { ANOTHER_BOOT, redisUrl } from "./servers.js";

const url = await redisUrl();

if (url === undefined) test.skip("redis: no server found", () => {});
else
  brokerConformance({
    suite: "redis",
    test,
    async open() {
      const prefix = `qtasks-test-${randomUUID()}`;
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
          await removeKeys(prefix);
        },
      };
    },
    skip: ANOTHER_BOOT,
  });

async function removeKeys(prefix: string): Promise<void> {
  const redis = new Redis(url ?? "");
  for await (const keys of redis.scanStream({ match: `${prefix}:*`, count: 1000 })) {
    if (keys.length > 0) await redis.unlink(...keys);
  }
  await redis.quit();
}
