// A process that queues one task after the other as fast as it can, between two given times.
import { setTimeout as sleep } from "node:timers/promises";
import { nowMs } from "../lib/clock.mjs";

const { module, name, place } = JSON.parse(process.argv[2]);
const { [name]: queue } = await import(module);
const client = await queue.open(place);
await client.add("noop");

process.on("disconnect", () => process.exit());
process.on("message", async ({ fromMs, toMs }) => {
  await sleep(fromMs - nowMs());
  let count = 0;
  let longestMs = 0;
  for (let beganMs = nowMs(); beganMs < toMs; ) {
    await client.add("noop");
    const endedMs = nowMs();
    longestMs = Math.max(longestMs, endedMs - beganMs);
    beganMs = endedMs;
    count += 1;
  }
  process.send({ type: "written", count, longestMs });
});
process.send({ type: "ready" });
