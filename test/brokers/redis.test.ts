import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { RedisBroker } from "../../src/brokers/bullmq/redis/broker.js";
import { brokerConformance } from "../../src/testing/index.js";
import { Stage } from "../../src/testing/stage.js";
import { openedOn } from "./opened.js";
import { ANOTHER_BOOT, redisUrl, removeKeys } from "./servers.js";

const url = await redisUrl();

if (url === undefined) test.skip("redis: no server found", () => {});
else {
  test("redis: finds a tag behind thousands of tasks of the same time, and reads on from any of them", async () => {
    const prefix = `qtasks-test-${randomUUID()}`;
    const broker = new RedisBroker({ url, prefix, queue: "tags" });
    await broker.open();
    const stage = new Stage({ broker, dispose: async () => {} });
    const tasks = Array.from({ length: 2500 }, (_, place) =>
      stage.task({ taskName: `name-${place % 3}`, tags: place % 1200 === 0 ? ["rare"] : [] }),
    );
    await broker.enqueue(tasks);
    const newestFirst = tasks.map(({ uuid }) => uuid).reverse();
    const rare = await broker.list({ tag: "rare", limit: 10 });
    expect(rare.map(({ uuid }) => newestFirst.indexOf(uuid))).toEqual([99, 1299, 2499]);
    for (const place of [0, 1, 1000, 2400]) {
      const page = await broker.list({ after: newestFirst[place] as string, limit: 150 });
      expect(page.map(({ uuid }) => uuid)).toEqual(newestFirst.slice(place + 1, place + 151));
    }
    await broker.close();
    await removeKeys(url, prefix);
  });

  brokerConformance({
    suite: "redis",
    test,
    open() {
      const prefix = `qtasks-test-${randomUUID()}`;
      const make = () => new RedisBroker({ url, prefix, queue: "suite", shownAs: url });
      return openedOn(make, () => removeKeys(url, prefix));
    },
    skip: ANOTHER_BOOT,
  });
}
