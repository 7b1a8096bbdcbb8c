import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { until } from "../lib/clock.mjs";
import { residentMiB } from "../lib/processes.mjs";
import { BIN, fill, makeProject, openApp, startQtasksWorker } from "../lib/project.mjs";

const MIB = 2 ** 20;
const WORKS_MS = 5000;
/** A module that has a command say, as its last words, how much memory it took at most. */
const SAY_PEAK = `data:text/javascript,${encodeURIComponent(
  `process.on("exit", () => process.stderr.write("\\npeak KiB " + process.resourceUsage().maxRSS))`,
)}`;

/** What many waiting tasks cost in memory and on disk. */
export const size = {
  name: "size",
  title: "With very many tasks in line",
  what: `A million tasks wait (quick: 20,000). The commands run beside a worker that drains them for ${WORKS_MS / 1000} s; then it has nothing to do.`,
  figures: [
    { key: "file", label: "file, a task", unit: "bytes", better: "lower" },
    { key: "status", label: "qtasks status, peak", unit: "MiB", better: "lower" },
    { key: "list", label: "qtasks list, peak", unit: "MiB", better: "lower" },
    { key: "worker", label: "supervisor after it", unit: "MiB", better: "lower" },
    { key: "log", label: "write-ahead log, largest", unit: "MiB", better: "lower" },
    { key: "idleLog", label: "the same, once it is idle", unit: "MiB", better: "lower" },
  ],
  contenders: [{ id: "qtasks", label: "qtasks, default settings" }],
  rounds: { full: 1, quick: 1 },
  n: { full: 1_000_000, quick: 20_000 },
  async open(_, n) {
    const folder = makeProject();
    const app = openApp(folder);
    await fill(app, n);
    await app.close();
    return folder;
  },
  async measure(folder, n) {
    const queue = join(folder, ".qtasks/queue.db");
    const log = () => (statSync(`${queue}-wal`, { throwIfNoEntry: false })?.size ?? 0) / MIB;
    // Closed, the log is folded into the file.
    const file = statSync(queue).size / n;
    const worker = await startQtasksWorker(folder, ["--log-level", "error"]);
    const end = performance.now() + WORKS_MS;
    let largest = 0;
    await until(
      () => {
        largest = Math.max(largest, log());
        return performance.now() > end;
      },
      { everyMs: 20, what: "work" },
    );
    const numbers = { file, status: peakMiB(folder, ["status"]), list: peakMiB(folder, ["list"]) };
    numbers.worker = residentMiB(worker.pid);
    spawnSync(process.execPath, [BIN, "purge", "--yes"], { cwd: folder });
    await until(() => log() < 0.25, { everyMs: 100, withinMs: 60_000, what: "the end of the log" }).catch(
      () => {},
    );
    numbers.idleLog = log();
    await worker.stop();
    return { ...numbers, log: largest };
  },
};

function peakMiB(folder, words) {
  const { stderr } = spawnSync(process.execPath, ["--import", SAY_PEAK, BIN, ...words], { cwd: folder });
  return Number(/peak KiB (\d+)/.exec(String(stderr))?.[1]) / 1024;
}
