import { closeTrial, drainRate, openTrial } from "../lib/trial.mjs";
import { qtasks } from "../queues/qtasks.mjs";

/** SQLite has one writer: more workers cannot write faster, but must not be slower. */
export const moreWorkers = {
  name: "more-workers",
  title: "Drained by more worker processes",
  what: "The default settings, concurrency 100 each, on one queue.",
  figures: [{ key: "rate", label: "drained", unit: "tasks/s", better: "higher" }],
  contenders: [1, 2, 4].map((workers) => ({
    id: String(workers),
    label: `${workers} worker${workers === 1 ? "" : "s"}`,
    workers,
  })),
  baseline: "1",
  n: { full: 20_000, quick: 2000 },
  open: ({ workers }) => openTrial(qtasks, { concurrency: 100, workers }),
  measure: async (trial, count) => ({ rate: await drainRate(trial, "noop", count) }),
  close: closeTrial,
};
