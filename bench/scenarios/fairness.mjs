import { nowMs } from "../lib/clock.mjs";
import { end, message, startRole } from "../lib/processes.mjs";
import { qtasks } from "../queues/qtasks.mjs";
import { rawFull } from "../queues/raw.mjs";

const WRITERS = 4;
const LEAD_MS = 100;

/** Which contender is which export of which module, for the processes that write. */
const SOURCES = {
  [rawFull.id]: { module: new URL("../queues/raw.mjs", import.meta.url).href, name: "rawFull" },
  [qtasks.id]: { module: new URL("../queues/qtasks.mjs", import.meta.url).href, name: "qtasks" },
};

export const fairness = {
  name: "fairness",
  title: "Four processes writing as fast as they can",
  what: "Each queues one task after the other. A fair share is 0.25; SQLite's own waiting gives 0.00.",
  figures: [
    { key: "worst", label: "worst share", unit: "", better: "higher" },
    { key: "longest", label: "longest wait", unit: "ms", better: "lower" },
    { key: "rate", label: "all together", unit: "tasks/s", better: "higher" },
  ],
  contenders: [rawFull, qtasks],
  baseline: "raw-full",
  n: { full: 5000, quick: 1500 },
  async open(queue) {
    const place = await queue.place();
    const started = Array.from({ length: WRITERS }, () =>
      startRole("write", { ...SOURCES[queue.id], place }),
    );
    return await Promise.all(started);
  },
  async measure(writers, windowMs) {
    const fromMs = nowMs() + LEAD_MS;
    const written = writers.map((writer) => message(writer, "written"));
    for (const writer of writers) writer.send({ fromMs, toMs: fromMs + windowMs });
    const reports = await Promise.all(written);
    const all = reports.reduce((sum, { count }) => sum + count, 0);
    return {
      worst: Math.min(...reports.map(({ count }) => count)) / all,
      longest: Math.max(...reports.map(({ longestMs }) => longestMs)),
      rate: (all / windowMs) * 1000,
    };
  },
  async close(writers) {
    for (const writer of writers) await end(writer);
  },
};
