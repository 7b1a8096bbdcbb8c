import { spawnSync } from "node:child_process";
import { ENVIRONMENT, hasEnded, start } from "../lib/processes.mjs";
import { BIN, fill, makeProject, openApp, startQtasksWorker } from "../lib/project.mjs";
import { quantile } from "../lib/statistics.mjs";

const ROUNDS = { full: 3, quick: 1 };
const WINDOW_MS = 2000;
const KEPT = 1000;

/** What a caller notices while finished tasks are forgotten. */
export const retention = {
  name: "retention",
  title: "From call to result while finished tasks are forgotten",
  what: `One caller, one task at a time, for ${WINDOW_MS / 1000} s; 150,000 others have finished before (quick: 6,000).`,
  figures: [
    { key: "p50", label: "p50", unit: "ms", better: "lower" },
    { key: "p99", label: "p99", unit: "ms", better: "lower" },
    { key: "longest", label: "longest", unit: "ms", better: "lower" },
    { key: "forgotten", label: "forgotten", unit: "tasks/s", better: "higher" },
  ],
  contenders: [
    { id: "none", label: "none is forgotten", keeps: false },
    { id: "worker", label: `by the worker, all but ${KEPT.toLocaleString("en")}`, keeps: { count: KEPT } },
    { id: "prune", label: "by qtasks prune, a third of them", keeps: false, isPruned: true },
  ],
  baseline: "none",
  rounds: ROUNDS,
  n: { full: 150_000, quick: 6000 },
  async open({ keeps, isPruned = false }, n) {
    const folder = makeProject();
    const app = openApp(folder);
    await fill(app, n);
    const words = ["worker", "--burst", "--concurrency", "100", "--log-level", "error"];
    spawnSync(process.execPath, [BIN, ...words], {
      cwd: folder,
      env: { ...ENVIRONMENT, QTASKS_KEEP_FINISHED: "false" },
    });
    const worker = await startQtasksWorker(folder, [], { QTASKS_KEEP_FINISHED: JSON.stringify(keeps) });
    await worker.pause();
    return { folder, app, worker, isPruned };
  },
  async measure({ folder, app, worker, isPruned }, n) {
    worker.resume();
    const call = async () => await (await app.addTask("noop", [], { timeout: 60 })).value();
    for (let i = 0; i < 20; i++) await call();
    const before = await finished(app);
    const startMs = performance.now();
    const left = String(before - Math.floor(n / 3));
    const pruning = isPruned
      ? start(process.execPath, [BIN, "prune", "--count", left], { cwd: folder })
      : undefined;
    const times = [];
    const isOver = () =>
      pruning === undefined ? performance.now() - startMs > WINDOW_MS : hasEnded(pruning);
    while (!isOver()) {
      const calledMs = performance.now();
      await call();
      times.push(performance.now() - calledMs);
    }
    const seconds = (performance.now() - startMs) / 1000;
    const forgotten = (before + times.length - (await finished(app))) / seconds;
    await worker.pause();
    return { p50: quantile(times, 0.5), p99: quantile(times, 0.99), longest: Math.max(...times), forgotten };
  },
  async close({ app, worker }) {
    worker.resume();
    await worker.stop();
    await app.close();
  },
};

async function finished(app) {
  return (await app.counts()).success;
}
