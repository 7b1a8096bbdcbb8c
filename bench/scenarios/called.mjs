import { quantile } from "../lib/statistics.mjs";
import { closeTrial, openTrial, pause, resume } from "../lib/trial.mjs";
import { allQueues } from "../queues/all.mjs";

/** The worker is idle when a call comes: what counts is how it is woken, and how the caller is. */
export const called = {
  name: "called",
  title: "From call to result, worker in another process",
  what: "One caller, one task at a time; the worker has nothing else to do.",
  figures: [
    { key: "p50", label: "p50", unit: "ms", better: "lower" },
    { key: "p99", label: "p99", unit: "ms", better: "lower" },
  ],
  contenders: allQueues.filter(({ answersOthers = true }) => answersOthers),
  baseline: "raw-full",
  n: { full: 500, quick: 100 },
  open: (queue) => openTrial(queue),
  async measure(trial, count) {
    resume(trial);
    for (let i = 0; i < 20; i++) await trial.client.call("noop");
    const times = [];
    for (let i = 0; i < count; i++) {
      const start = performance.now();
      await trial.client.call("noop");
      times.push(performance.now() - start);
    }
    await pause(trial);
    return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
  },
  close: closeTrial,
};
