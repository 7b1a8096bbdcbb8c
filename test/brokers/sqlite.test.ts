import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { SqliteBroker } from "../../src/brokers/sqlite/broker.js";
import { brokerConformance } from "../../src/testing/index.js";
import { openedOn } from "./opened.js";

brokerConformance({
  suite: "sqlite",
  test,
  open() {
    const folder = mkdtempSync(join(tmpdir(), "qtasks-sqlite-"));
    const path = join(folder, "queue.db");
    const make = () => new SqliteBroker({ path, durability: "full", busyTimeoutMs: 5000 });
    return openedOn(make, () => rmSync(folder, { recursive: true }));
  },
});
