import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import pg from "pg";
import { describe, expect, test } from "vitest";
import { requirePackages } from "../../src/brokers/bullmq/packages.js";
import { PostgresBroker } from "../../src/brokers/bullmq/postgres/broker.js";
import { RedisBroker } from "../../src/brokers/bullmq/redis/broker.js";
import type { Broker } from "../../src/ports/broker.js";
import { Stage } from "../../src/testing/stage.js";
import { wakes } from "../../src/testing/wakes.js";
import { dropSchema, postgresUrl, redisUrl, removeKeys } from "./servers.js";

const name = `qtasks_test_${randomUUID().replaceAll("-", "")}`;
const [redis, postgres] = [await redisUrl(), await postgresUrl()];

describe("a connection that the server cuts", () => {
  test.skipIf(redis === undefined)("to Redis comes back by itself, for verbs and for listeners", async () => {
    const url = redis ?? "";
    const connection = { connectionName: name };
    const broker = new RedisBroker({ url, connection, prefix: name, queue: "cut", shownAs: "redis" });
    await comesBack(broker, async () => {
      const admin = new Redis(url);
      const clients = String(await admin.client("LIST")).split("\n");
      const ours = clients.filter((line) => line.includes(` name=${name} `));
      for (const line of ours) await admin.client("KILL", "ID", /id=(\d+)/.exec(line)?.[1] ?? "");
      await admin.quit();
    });
    await removeKeys(url, name);
  });

  test.skipIf(postgres === undefined)(
    "to PostgreSQL comes back by itself, for verbs and for listeners",
    async () => {
      const url = postgres ?? "";
      const connection = { application_name: name };
      const broker = new PostgresBroker({ url, connection, schema: name, queue: "cut", shownAs: "postgres" });
      await comesBack(broker, async () => {
        const admin = new pg.Client({ connectionString: url });
        await admin.connect();
        await admin.query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
          [name],
        );
        await admin.end();
      });
      await dropSchema(url, name);
    },
  );
});

test("a package that is not installed is named, with the command that installs it", () => {
  expect(() => requirePackages(["vitest", "no-such-package"], "redis://here")).toThrow(
    expect.objectContaining({
      code: "E_BROKER",
      message: "redis://here needs the package no-such-package, not installed here.",
      hint: "npm install vitest no-such-package",
    }),
  );
});

async function comesBack(broker: Broker, cut: () => Promise<void>): Promise<void> {
  await broker.open();
  const stage = new Stage({ broker, dispose: async () => {} });
  const before = await stage.queued();
  await (await broker.subscribe({}))();
  await cut();
  // The first verbs may still meet the cut connection.
  await expect
    .poll(() =>
      stage.queued().then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
  expect(await stage.record(before.uuid)).toMatchObject({ status: "new" });
  const task = stage.task();
  // BullMQ may pause for five seconds before it listens again; then it reads on from where it was.
  const seen = async () => true;
  await wakes(broker, "queued", task.uuid, () => broker.enqueue([task]), seen, 60_000);
  await broker.close();
}
