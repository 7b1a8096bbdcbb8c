import { setTimeout as sleep } from "node:timers/promises";
import type { Stop, Tell } from "../listeners.js";
import type { Connection } from "./connection.js";

/**
 * Reads BullMQ's event stream as it grows, from now on, over a connection of its own, which is busy with that. After a
 * break it reads on from where it was.
 */
export async function readEvents(connection: Connection, stream: string, tell: Tell): Promise<Stop> {
  const newest = (await connection.call("XREVRANGE", [stream, "+", "-", "COUNT", 1])) as Event[];
  let latest = newest[0]?.[0] ?? "0-0";
  let isStopped = false;
  const reading = (async () => {
    while (!isStopped) {
      try {
        const args = ["COUNT", 1000, "BLOCK", BLOCK_MS, "STREAMS", stream, latest];
        const answer = (await connection.call("XREAD", args, BLOCK_MS + ANSWER_MS)) as Answer | null;
        for (const [id, fields] of eventsIn(answer)) {
          latest = id;
          hear(fields, tell);
        }
      } catch {
        if (!isStopped) await sleep(AGAIN_MS);
      }
    }
  })();
  return async () => {
    isStopped = true;
    connection.drop();
    await reading;
  };
}

/** fields with their values by turns */
type Event = [id: string, fields: string[]];
/** what was read of each stream: in the older protocol in pairs, in RESP3 by turns */
type Answer = [[stream: string, events: Event[]]] | [stream: string, events: Event[]];

function eventsIn(answer: Answer | null): readonly Event[] {
  if (answer === null) return [];
  const [first] = answer;
  return Array.isArray(first) ? first[1] : ((answer as [string, Event[]])[1] ?? []);
}

function hear(fields: readonly string[], tell: Tell): void {
  const value = (name: string) => {
    for (let at = 0; at < fields.length; at += 2) if (fields[at] === name) return fields[at + 1];
    return undefined;
  };
  const event = EVENTS[value("event") ?? ""];
  if (event === "queued") tell("queued");
  else if (event !== undefined) tell(event, value("jobId"));
}

const EVENTS: Readonly<Record<string, Parameters<Tell>[0]>> = {
  waiting: "queued",
  delayed: "queued",
  completed: "settled",
  failed: "settled",
  cancelling: "cancelling",
};

/** An idle connection that is dead is noticed after these two. */
const BLOCK_MS = 2000;
const ANSWER_MS = 2000;
const AGAIN_MS = 100;
