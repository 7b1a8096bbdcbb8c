import { closeTrial, drainRate, openTrial } from "../lib/trial.mjs";
import { qtasks } from "../queues/qtasks.mjs";

/** A plain function runs while nothing else does in its child. */
export const plain = {
  name: "plain",
  title: "Plain functions, drained",
  what: "The default settings, concurrency 10.",
  figures: [{ key: "rate", label: "drained", unit: "tasks/s", better: "higher" }],
  contenders: [
    { id: "async", label: "async functions", kind: "noop" },
    { id: "plain", label: "plain functions", kind: "plain" },
  ],
  baseline: "async",
  n: { full: 10_000, quick: 2000 },
  open: async ({ kind }) => ({ kind, ...(await openTrial(qtasks, { kind })) }),
  measure: async (trial, count) => ({ rate: await drainRate(trial, trial.kind, count) }),
  close: closeTrial,
};
