import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { SqliteBroker } from "../../src/brokers/sqlite/broker.js";
import { brokerConformance } from "../../src/testing/index.js";

brokerConformance({
  suite: "sqlite",
  test,
  async open() {
    const folder = mkdtempSync(join(tmpdir(), "qtasks-sqlite-"));
    const brokers: SqliteBroker[] = [];
    const connect = async () => {
      const broker = new SqliteBroker({
        path: join(folder, "queue.db"),
        durability: "full",
        busyTimeoutMs: 5000,
      });
      brokers.push(broker);
      await broker.open();
      return broker;
    };
    return {
      broker: await connect(),
      second: connect,
      async dispose() {
        for (const broker of brokers) await broker.close();
        rmSync(folder, { recursive: true });
      },
    };
  },
});
