import type { TaskRecord } from "../../core/record.js";
import { isFinal, type Status } from "../../core/status.js";
import type { ClaimRequest, PruneQuery, TaskCounts, TaskQuery, WaitingTasks } from "../../ports/broker.js";
import { type Entry, lastFinishedFirst, newestFirst } from "./entry.js";
import type { Lane } from "./storage.js";

export function select(entries: Iterable<Entry>, query: TaskQuery): readonly TaskRecord[] {
  const sorted = [...entries].sort(newestFirst);
  const start =
    query.after === undefined ? 0 : sorted.findIndex(({ record }) => record.uuid === query.after) + 1;
  if (query.after !== undefined && start === 0) return [];
  return sorted
    .slice(start)
    .filter(({ record }) => matches(record, query))
    .slice(0, query.limit)
    .map(({ record }) => record);
}

/** The finished tasks to forget, the longest finished first. `keep` counts among tasks of the statuses asked for. */
export function prunable(entries: Iterable<Entry>, query: PruneQuery): readonly Entry[] {
  const { finishedBeforeMs = Number.POSITIVE_INFINITY, keep = 0, statuses, limit } = query;
  return [...entries]
    .filter(({ record }) => isFinal(record.status) && (statuses?.includes(record.status) ?? true))
    .sort(lastFinishedFirst)
    .slice(keep)
    .filter(({ record }) => record.finishedAtMs !== null && record.finishedAtMs < finishedBeforeMs)
    .reverse()
    .slice(0, limit);
}

export function oldestWaiting(entries: Iterable<Entry>): number | null {
  let oldest: number | null = null;
  for (const { record } of entries) {
    if (record.status === "new" && (oldest === null || record.createdAtMs < oldest))
      oldest = record.createdAtMs;
  }
  return oldest;
}

/** `lanes` by task name. Scheduled tasks whose time has come are due although no claim has let them in line yet. */
export function waitingByName(lanes: ReadonlyMap<string, Lane>, nowMs: number): readonly WaitingTasks[] {
  return [...lanes]
    .flatMap(([name, { due, scheduled }]) => {
      const overdue = scheduled.first()?.record;
      const next = scheduled.find(({ record }) => record.runAtMs > nowMs)?.record;
      const isDue = due.first() !== undefined || (overdue !== undefined && overdue !== next);
      if (!isDue && next === undefined) return [];
      return [{ name, isDue, nextDueAtMs: next?.runAtMs ?? null, nextIsRetry: (next?.attempt ?? 0) > 0 }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Leaves out what is more than `atMost` allows. */
export function withinAtMost(inLine: readonly Entry[], atMost: ClaimRequest["atMost"]): readonly Entry[] {
  if (atMost === undefined) return inLine;
  let left = atMost.limit;
  return inLine.filter(({ record }) => !atMost.names.includes(record.taskName) || left-- > 0);
}

export function countByName(entries: Iterable<Entry>): readonly TaskCounts[] {
  const rows = new Map<string, Record<Status, number>>();
  for (const { record } of entries) {
    const row = rows.get(record.taskName) ?? { new: 0, process: 0, success: 0, error: 0, cancel: 0 };
    row[record.status] += 1;
    rows.set(record.taskName, row);
  }
  return [...rows].map(([name, row]) => ({ name, ...row })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function matches(record: TaskRecord, query: TaskQuery): boolean {
  return (
    (query.statuses?.includes(record.status) ?? true) &&
    (query.taskName === undefined || record.taskName === query.taskName) &&
    (query.tag === undefined || record.tags.includes(query.tag)) &&
    (query.sinceMs === undefined || record.createdAtMs >= query.sinceMs) &&
    (query.uuidPrefix === undefined || record.uuid.startsWith(query.uuidPrefix))
  );
}
