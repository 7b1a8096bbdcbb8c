import { ratePerSecond } from "../lib/clock.mjs";
import { allQueues } from "../queues/all.mjs";

const figures = [{ key: "rate", label: "queued", unit: "tasks/s", better: "higher" }];
const BULK = 1000;
const WARM_UP = 300;

const common = {
  figures,
  contenders: allQueues.filter(({ queuesAs }) => queuesAs === undefined),
  baseline: "raw-full",
  // Nobody works on it: this is about queueing only.
  async open(queue) {
    const client = await queue.open(await queue.place());
    for (let i = 0; i < WARM_UP; i++) await client.add("noop");
    return client;
  },
  close: (client) => client.close(),
};

export const oneByOne = {
  ...common,
  name: "one-by-one",
  title: "Queued one by one",
  what: "One caller, each task awaited before the next.",
  n: { full: 1000, quick: 300 },
  measure: async (client, windowMs) => ({ rate: await ratePerSecond(windowMs, () => client.add("noop")) }),
};

export const producers = {
  ...common,
  name: "producers",
  title: "Queued by 100 producers",
  what: "A hundred callers in one process, each as in the line above.",
  n: { full: 1000, quick: 300 },
  async measure(client, windowMs) {
    const rates = Array.from({ length: 100 }, () => ratePerSecond(windowMs, () => client.add("noop")));
    return { rate: (await Promise.all(rates)).reduce((sum, rate) => sum + rate, 0) };
  },
};

export const bulk = {
  ...common,
  name: "bulk",
  title: "Queued 1,000 at a time",
  what: "One call for a thousand tasks, awaited before the next.",
  n: { full: 1000, quick: 300 },
  async measure(client, windowMs) {
    await client.addMany("noop", BULK);
    return { rate: BULK * (await ratePerSecond(windowMs, () => client.addMany("noop", BULK))) };
  },
};
