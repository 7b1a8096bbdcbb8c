import type { WorkerInfo } from "../../ports/broker.js";
import type { Moment } from "../../ports/system.js";

/** A worker's entry with the end of its lease, on the worker's own clock and on the server's. */
export interface WorkerEntry {
  readonly info: WorkerInfo;
  readonly bootId: string;
  readonly endMonoMs: number;
}

export function workerEntry(info: WorkerInfo, leaseMs: number, now: Moment): WorkerEntry {
  return { info, bootId: now.bootId, endMonoMs: now.monoMs + leaseMs };
}

/** What the server keeps of a worker, with the end of its lease by the server's clock, epoch milliseconds. */
export interface StoredWorker {
  readonly entry: WorkerEntry;
  readonly endMs: number;
}

/** In the order of their start. */
export function livingOf(
  stored: readonly StoredWorker[],
  serverMs: number,
  now: Moment,
): readonly WorkerInfo[] {
  return stored
    .filter((worker) => isAlive(worker, serverMs, now))
    .map(({ entry }) => entry.info)
    .sort((a, b) => a.sinceMs - b.sinceMs);
}

/** The clock of another boot, which may be another machine, says nothing here: the server's does. */
function isAlive({ entry, endMs }: StoredWorker, serverMs: number, now: Moment): boolean {
  return entry.bootId === now.bootId ? entry.endMonoMs > now.monoMs : endMs > serverMs;
}
