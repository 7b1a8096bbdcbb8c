import { closeTrial, drainRate, openTrial } from "../lib/trial.mjs";
import { bullmq } from "../queues/bullmq.mjs";
import { qtasks, qtasksInline } from "../queues/qtasks.mjs";

export const failures = {
  name: "failures",
  title: "Failing twice, then succeeding",
  what: "Each task throws at its first two attempts, which are tried again at once; concurrency 10.",
  figures: [{ key: "rate", label: "succeeded", unit: "tasks/s", better: "higher" }],
  contenders: [bullmq, qtasks, qtasksInline],
  baseline: "bullmq",
  n: { full: 3000, quick: 500 },
  open: (queue) => openTrial(queue, { kind: "flaky" }),
  measure: async (trial, count) => ({ rate: await drainRate(trial, "flaky", count) }),
  close: closeTrial,
};
