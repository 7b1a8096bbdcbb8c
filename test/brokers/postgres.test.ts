import { randomUUID } from "node:crypto";
import { afterAll, test } from "vitest";
import { PostgresBroker } from "../../src/brokers/bullmq/postgres/broker.js";
import { brokerConformance } from "../../src/testing/index.js";
import { ANOTHER_BOOT, dropSchema, postgresUrl } from "./servers.js";

const url = await postgresUrl();
const schema = `qtasks_test_${randomUUID().replaceAll("-", "")}`;

if (url === undefined) test.skip("postgres: no server found", () => {});
else {
  afterAll(() => dropSchema(url, schema));
  brokerConformance({
    suite: "postgres",
    test,
    async open() {
      const queue = `suite-${randomUUID()}`;
      const brokers: PostgresBroker[] = [];
      const connect = async () => {
        const broker = new PostgresBroker({ url, schema, queue, shownAs: "postgres" });
        brokers.push(broker);
        await broker.open();
        return broker;
      };
      return {
        broker: await connect(),
        second: connect,
        async dispose() {
          for (const broker of brokers) await broker.close();
        },
      };
    },
    skip: ANOTHER_BOOT,
  });
}
