import { expect, test } from "vitest";
import { MemoryBroker } from "../../src/brokers/memory/broker.js";
import { MemoryStorage } from "../../src/brokers/memory/storage.js";
import { brokerConformance } from "../../src/testing/index.js";

brokerConformance({
  suite: "memory",
  test,
  async open() {
    const storage = new MemoryStorage();
    return {
      broker: new MemoryBroker(storage),
      second: async () => new MemoryBroker(storage),
      dispose: async () => {},
    };
  },
});

test("keeps brokers apart that were not given one storage", async () => {
  const [one, other] = [new MemoryBroker(), new MemoryBroker()];
  await one.beat({ id: "w", name: "w", pid: 1, host: "h", slots: 1, busy: 0, tasks: [], sinceMs: 0 }, 1000, {
    wallMs: 0,
    monoMs: 0,
    bootId: "b",
  });
  expect(await other.workers({ wallMs: 0, monoMs: 0, bootId: "b" })).toEqual([]);
});
