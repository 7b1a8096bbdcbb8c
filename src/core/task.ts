import { decodeJson, type Json } from "./json.js";
import type { Progress, TaskError, TaskRecord } from "./record.js";
import type { RunStatus, Status } from "./status.js";

/** One run that has ended; `worker` is the name of the worker that ran it. */
export interface TaskRun {
  readonly attempt: number;
  readonly startedAt: Date;
  readonly finishedAt: Date;
  readonly status: RunStatus;
  readonly error: TaskError | null;
  readonly worker: string;
}

/** A task as users see it: one look at its record, which does not change afterwards. */
export interface Task<R = Json> {
  readonly uuid: string;
  readonly taskName: string;
  readonly status: Status;
  readonly priority: number;
  readonly args: readonly Json[];
  readonly tags: readonly string[];
  /** runs that count against `retry`, the present one included; 0 before the first */
  readonly attempt: number;
  /** extra attempts after the first; null where the worker's own code decides */
  readonly retry: number | null;
  /** seconds; null for no limit */
  readonly maxTime: number | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** not started before */
  readonly runAt: Date;
  /** start of the present or last run; null while it waits */
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  /** workers that died, or froze past their lease, while running it */
  readonly deaths: number;
  /** runs that have ended, oldest first */
  readonly history: readonly TaskRun[];
  /** the decoded result; null until `success` */
  readonly returning: R | null;
  readonly error: TaskError | null;
  /** for people: the error with its stack and causes */
  readonly traceback: string | null;
  readonly cancelReason: string | null;
  readonly progress: Progress | null;
  readonly worker: string | null;
  /** true only on what queueing resolves to, when an earlier task holds the unique key */
  readonly deduplicated: boolean;
}

export function toTask<R = Json>(record: TaskRecord, deduplicated = false): Task<R> {
  return Object.freeze({
    uuid: record.uuid,
    taskName: record.taskName,
    status: record.status,
    priority: record.priority,
    args: decodeJson(record.args) as readonly Json[],
    tags: record.tags,
    attempt: record.attempt,
    retry: record.retry,
    maxTime: record.maxTimeMs === null ? null : record.maxTimeMs / 1000,
    createdAt: new Date(record.createdAtMs),
    updatedAt: new Date(record.updatedAtMs),
    runAt: new Date(record.runAtMs),
    startedAt: dateOrNull(record.startedAtMs),
    finishedAt: dateOrNull(record.finishedAtMs),
    deaths: record.deaths,
    history: record.history.map((run) => ({
      attempt: run.attempt,
      startedAt: new Date(run.startedAtMs),
      finishedAt: new Date(run.finishedAtMs),
      status: run.status,
      error: run.error,
      worker: run.worker,
    })),
    returning: record.returning === null ? null : (decodeJson(record.returning) as R),
    error: record.error,
    traceback: record.traceback,
    cancelReason: record.cancelReason,
    progress: record.progress,
    worker: record.worker,
    deduplicated,
  });
}

function dateOrNull(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}
