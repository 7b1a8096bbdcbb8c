import { randomUUID } from "node:crypto";
import { afterAll } from "vitest";
import { dropSchema, removeKeys } from "./servers.js";

/** The server that the tests in `cli/everywhere` are run on this time; undefined where it is the project's own file. */
const server = process.env.QTASKS_TEST_SERVER;
const isRedis = server?.startsWith("redis");
/** One place for all queues of a test file, since making a schema takes a while. */
const place = `qtasks_test_${randomUUID().replaceAll("-", "")}`;
let queues = 0;

/** What a project is told so that it has a queue of its own there. */
export function queueUnderTest():
  | { readonly QTASKS_BROKER: string; readonly QTASKS_NAME: string }
  | undefined {
  if (server === undefined) return undefined;
  const url = new URL(server);
  url.searchParams.set(isRedis ? "prefix" : "schema", place);
  return { QTASKS_BROKER: url.href, QTASKS_NAME: `queue${queues++}` };
}

afterAll(async () => {
  if (server !== undefined) await (isRedis ? removeKeys : dropSchema)(server, place);
});
