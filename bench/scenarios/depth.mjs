import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fill, makeProject, openApp } from "../lib/project.mjs";
import { median } from "../lib/statistics.mjs";

const CLAIMS = 200;
const LEASE_MS = 3_600_000;

/** How much a claim costs, asked of the broker itself: no worker and no fsync hides it. */
export const depth = {
  name: "depth",
  title: "A claim of ten, by what waits",
  what: 'The broker\'s `claim`, durability "normal". Scheduled tasks have a better priority and are due in a year; 1,000 others wait.',
  figures: [
    { key: "claimMs", label: "claim", unit: "ms", better: "lower" },
    { key: "bytes", label: "file, a task", unit: "bytes", better: "lower" },
  ],
  contenders: [
    { id: "few", label: "1,000 wait", waiting: 0, scheduled: 0 },
    { id: "many", label: "1,000,000 wait (quick: 50,000)", waiting: 1, scheduled: 0 },
    {
      id: "scheduled",
      label: "1,000 wait, 900,000 are scheduled (quick: 45,000)",
      waiting: 0,
      scheduled: 0.9,
    },
  ],
  baseline: "few",
  rounds: { full: 5, quick: 3 },
  n: { full: 1_000_000, quick: 50_000 },
  async open({ waiting, scheduled }, n) {
    const folder = makeProject();
    const filling = openApp(folder, { durability: "normal" });
    await fill(filling, n * scheduled, { priority: -1, delay: "365d" });
    await fill(filling, n * waiting);
    await fill(filling, 1000);
    await filling.close();
    // Closed, the log is folded into the file.
    const bytes = statSync(join(folder, ".qtasks/queue.db")).size / (n * (scheduled + waiting) + 1000);
    const app = openApp(folder, { durability: "normal" });
    await timesOfClaims(app); // the first ones of this process are slower, whatever waits
    return { app, bytes };
  },
  measure: async ({ app, bytes }) => ({ claimMs: median(await timesOfClaims(app)), bytes }),
  close: ({ app }) => app.close(),
};

async function timesOfClaims(app) {
  const times = [];
  for (let i = 0; i < CLAIMS; i++) {
    // The shortest line must not end, and the others are written to alike.
    if (i % 100 === 0) await fill(app, 1000);
    times.push(await timeOfClaim(app));
  }
  return times;
}

async function timeOfClaim(app) {
  const start = performance.now();
  const { claims } = await app.broker.claim({
    workerId: "bench",
    workerName: "bench",
    names: ["noop"],
    limit: 10,
    leaseMs: LEASE_MS,
    now: now(),
  });
  if (claims.length !== 10) throw new Error(`a claim took ${claims.length} tasks, and 10 are due`);
  return performance.now() - start;
}

const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

function now() {
  return { wallMs: Date.now(), monoMs: Number(process.hrtime.bigint()) / 1e6, bootId };
}
