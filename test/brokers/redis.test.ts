import { randomUUID } from "node:crypto";
import { test } from "vitest";
import { RedisBroker } from "../../src/brokers/bullmq/redis/broker.js";
import { brokerConformance } from "../../src/testing/index.js";
import { ANOTHER_BOOT, redisUrl, removeKeys } from "./servers.js";

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
          await removeKeys(url, prefix);
        },
      };
    },
    skip: ANOTHER_BOOT,
  });
