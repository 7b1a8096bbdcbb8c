import type { TaskRecord, UniqueKey } from "../../core/record.js";
import type { LogLine } from "../../ports/broker.js";
import type { Deadline } from "./deadline.js";

/** A task's record with what the broker knows beside it. A record itself is never changed, only replaced. */
export interface Entry {
  record: TaskRecord;
  /** place in the order of arrival */
  readonly arrival: number;
  readonly unique: UniqueKey | null;
  /** it has been due once: a wall clock that jumps back does not make it wait again */
  due: boolean;
  crashes: number;
  alone: boolean;
  /** null unless its status is `process` */
  run: Run | null;
  readonly log: LogLine[];
}

/** A claim that has not ended. */
export interface Run {
  readonly fence: number;
  readonly worker: string;
  readonly startedAtMs: number;
  leaseEnd: Deadline;
  /** why it is to be cancelled; null while nobody asked for that */
  cancelReason: string | null;
  /** whoever asked for that leaves it no grace */
  isUrgent: boolean;
}

/** The line of those who are due: (priority, due time, arrival). */
export function byPlaceInLine(a: Entry, b: Entry): number {
  return a.record.priority - b.record.priority || byDueTime(a, b);
}

export function byDueTime(a: Entry, b: Entry): number {
  return a.record.runAtMs - b.record.runAtMs || a.arrival - b.arrival;
}

export function newestFirst(a: Entry, b: Entry): number {
  return b.record.createdAtMs - a.record.createdAtMs || b.arrival - a.arrival;
}

export function lastFinishedFirst(a: Entry, b: Entry): number {
  return (b.record.finishedAtMs ?? 0) - (a.record.finishedAtMs ?? 0) || b.arrival - a.arrival;
}
