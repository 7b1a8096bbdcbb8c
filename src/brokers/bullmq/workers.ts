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

/** The clock of another boot, which may be another machine, says nothing here: the server's does. */
export function isAlive(entry: WorkerEntry, endServerMs: number, serverMs: number, now: Moment): boolean {
  return entry.bootId === now.bootId ? entry.endMonoMs > now.monoMs : endServerMs > serverMs;
}
