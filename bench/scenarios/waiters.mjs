import { end, startRole } from "../lib/processes.mjs";
import { closeTrial, drainRate, openTrial } from "../lib/trial.mjs";
import { qtasks } from "../queues/qtasks.mjs";

export const waiters = {
  name: "waiters",
  title: "Drained while others wait for results",
  what: "The default settings, concurrency 100; the waiters are in one other process, and what they wait for does not come.",
  figures: [{ key: "rate", label: "drained", unit: "tasks/s", better: "higher" }],
  contenders: [
    { id: "none", label: "nobody waits", callers: 0 },
    { id: "200", label: "200 callers wait", callers: 200 },
  ],
  baseline: "none",
  n: { full: 20_000, quick: 2000 },
  async open({ callers }) {
    const trial = await openTrial(qtasks, { concurrency: 100 });
    if (callers === 0) return trial;
    const { folder } = trial.place;
    return { ...trial, waiting: await startRole("wait", { folder, callers }) };
  },
  measure: async (trial, count) => ({ rate: await drainRate(trial, "noop", count) }),
  async close({ waiting, ...trial }) {
    if (waiting !== undefined) await end(waiting);
    await closeTrial(trial);
  },
};
