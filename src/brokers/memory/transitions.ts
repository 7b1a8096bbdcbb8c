import type { RunRecord, TaskError, TaskRecord } from "../../core/record.js";
import type { RunStatus } from "../../core/status.js";
import type { Verdict } from "../../core/verdict.js";
import type { Run } from "./entry.js";

/** A task in line shows nothing of how an earlier run ended: its history does. */
export const WAITING = {
  status: "new",
  startedAtMs: null,
  finishedAtMs: null,
  returning: null,
  error: null,
  traceback: null,
  cancelReason: null,
  progress: null,
} as const satisfies Partial<TaskRecord>;

export function ending(verdict: Exclude<Verdict, { status: "new" }>, nowMs: number): Partial<TaskRecord> {
  switch (verdict.status) {
    case "success":
      return { status: "success", finishedAtMs: nowMs, returning: verdict.returning };
    case "error":
      return { status: "error", finishedAtMs: nowMs, error: verdict.error, traceback: verdict.traceback };
    case "cancel":
      return cancelled(verdict.reason, nowMs);
  }
}

export function cancelled(reason: string, nowMs: number): Partial<TaskRecord> {
  return { status: "cancel", finishedAtMs: nowMs, cancelReason: reason };
}

/** The record once its worker's death is known: counted, and no attempt of the task's own. */
export function lost(record: TaskRecord, run: Run, nowMs: number): TaskRecord {
  return {
    ...record,
    deaths: record.deaths + 1,
    attempt: record.attempt - 1,
    history: historyWith(record, run, "lost", null, nowMs),
  };
}

/** The history with the run that ends now. */
export function historyWith(
  record: TaskRecord,
  run: Run,
  status: RunStatus,
  error: TaskError | null,
  nowMs: number,
): readonly RunRecord[] {
  const ended: RunRecord = {
    attempt: record.attempt,
    startedAtMs: run.startedAtMs,
    finishedAtMs: nowMs,
    status,
    error,
    worker: run.worker,
  };
  return [...record.history, ended];
}
