import { randomUUID } from "node:crypto";
import { afterAll, test } from "vitest";
import { PostgresBroker } from "../../src/brokers/bullmq/postgres/broker.js";
import { brokerConformance } from "../../src/testing/index.js";
import { openedOn } from "./opened.js";
import { ANOTHER_BOOT, dropSchema, postgresUrl } from "./servers.js";

const url = await postgresUrl();
const schema = `qtasks_test_${randomUUID().replaceAll("-", "")}`;

if (url === undefined) test.skip("postgres: no server found", () => {});
else {
  afterAll(() => dropSchema(url, schema));
  brokerConformance({
    suite: "postgres",
    test,
    open() {
      const queue = `suite-${randomUUID()}`;
      return openedOn(() => new PostgresBroker({ url, schema, queue, shownAs: "postgres" }));
    },
    skip: ANOTHER_BOOT,
  });
}
