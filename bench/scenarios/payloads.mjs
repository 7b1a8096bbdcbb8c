import { closeTrial, drainQueued, openTrial } from "../lib/trial.mjs";
import { bullmq } from "../queues/bullmq.mjs";
import { qtasks } from "../queues/qtasks.mjs";
import { rawFull } from "../queues/raw.mjs";

const SIZES = [
  { id: "100b", label: "100 B", bytes: 100, n: { full: 5000, quick: 1000 } },
  { id: "10kb", label: "10 kB", bytes: 10_000, n: { full: 2000, quick: 300 } },
  { id: "1mb", label: "1 MB", bytes: 1_000_000, n: { full: 40, quick: 8 } },
];

export const payloads = SIZES.map(({ id, label, bytes, n }) => ({
  name: `payload-${id}`,
  title: `Payload of ${label}`,
  what: `Queued one by one, then drained at concurrency 10; the text is the argument of the task.`,
  figures: [
    { key: "queued", label: "queued", unit: "tasks/s", better: "higher" },
    { key: "drained", label: "drained", unit: "tasks/s", better: "higher" },
  ],
  contenders: [rawFull, qtasks, bullmq],
  baseline: "raw-full",
  n,
  open: async (queue) => ({ ...(await openTrial(queue)), payload: "x".repeat(bytes) }),
  async measure(trial, count) {
    const start = performance.now();
    for (let i = 0; i < count; i++) await trial.client.add("size", trial.payload);
    const queued = (count / (performance.now() - start)) * 1000;
    trial.total += count;
    return { queued, drained: await drainQueued(trial, count) };
  },
  close: closeTrial,
}));
