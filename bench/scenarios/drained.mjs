import { closeTrial, drainRate, openTrial } from "../lib/trial.mjs";
import { allQueues } from "../queues/all.mjs";

/** One worker, warm, which stands still until all is queued; from its start to the last end as stored. */
export const [drained1, drained10, drained100] = [1, 10, 100].map((concurrency) => ({
  name: `drained-${concurrency}`,
  title: `Drained, concurrency ${concurrency}`,
  what: `No-op tasks that wait in line, by one worker with ${concurrency} place${concurrency === 1 ? "" : "s"}.`,
  figures: [{ key: "rate", label: "drained", unit: "tasks/s", better: "higher" }],
  contenders: allQueues,
  baseline: "raw-full",
  inQuick: concurrency > 1,
  n: concurrency === 1 ? { full: 1000, quick: 200 } : { full: 10_000, quick: 2000 },
  open: (queue) => openTrial(queue, { concurrency }),
  measure: async (trial, count) => ({ rate: await drainRate(trial, "noop", count) }),
  close: closeTrial,
}));
