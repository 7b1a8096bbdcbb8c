import { randomUUID } from "node:crypto";
import { afterAll } from "vitest";
import { placeOn } from "./servers.js";

/** The server that the tests in `cli/everywhere` are run on this time; undefined where it is the project's own file. */
const server = process.env.QTASKS_TEST_SERVER;
/** One place for all queues of a test file, since making a schema takes a while. */
const place = server && placeOn(server, `qtasks_test_${randomUUID().replaceAll("-", "")}`);
let queues = 0;

export const isOnServer = server !== undefined;

/** What a project is told so that it has a queue of its own there. */
export function queueUnderTest():
  | { readonly QTASKS_BROKER: string; readonly QTASKS_NAME: string }
  | undefined {
  return place ? { QTASKS_BROKER: place.broker, QTASKS_NAME: `queue${queues++}` } : undefined;
}

afterAll(async () => {
  if (place) await place.clear();
});
