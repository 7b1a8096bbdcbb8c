import { expect, test } from "vitest";
import { Waiter } from "../../src/engine/waiter.js";
import type { Broker, BrokerListener } from "../../src/ports/broker.js";
import { virtualSystem } from "../../src/testing/clock.js";
import { turns } from "./world.js";

test("those who wait in vain while others end leave the storage most of its time", async () => {
  const system = virtualSystem();
  let looks = 0;
  let settled: BrokerListener["settled"];
  const broker = {
    subscribe: async (listener: BrokerListener) => {
      settled = listener.settled;
      return () => {};
    },
    getMany: async (uuids: readonly string[]) => {
      looks += 1;
      await system.advance(2);
      return uuids.map(() => ({ status: "process" }));
    },
  } as unknown as Broker;
  const waiter = new Waiter(broker, system, ["success"], 60_000);
  const waiting = waiter.wait("one", undefined).catch(() => {});
  await turns();
  expect(looks).toBe(1);
  for (let ring = 0; ring < 10; ring++) settled?.();
  await turns();
  expect(looks).toBe(1);
  await system.advance(18);
  await turns();
  expect(looks).toBe(2);
  await waiter.close();
  await waiting;
});
