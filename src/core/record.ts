import type { JsonText } from "./json.js";
import type { RunStatus, Status } from "./status.js";

/** What is kept of something thrown. `code` is `E_TASK` unless the thrown value had one, or qtasks says why. */
export interface TaskError {
  readonly name: string;
  readonly message: string;
  readonly code: string;
  readonly stack: string | null;
}

export interface Progress {
  readonly done: number;
  readonly total: number | null;
  readonly message: string | null;
}

/** One run that has ended. */
export interface RunRecord {
  readonly attempt: number;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
  readonly status: RunStatus;
  readonly error: TaskError | null;
  /** the worker's name */
  readonly worker: string;
}

/** `exists`: the key is bound as long as the record is kept; `finished`: until its end status. */
export interface UniqueKey {
  readonly key: string;
  readonly until: "exists" | "finished";
}

/** A task as it is handed to a broker. `retry` and `maxTimeMs` are null where the worker's schema decides. */
export interface NewTask {
  readonly uuid: string;
  readonly taskName: string;
  /** a JSON array */
  readonly args: JsonText;
  readonly priority: number;
  readonly tags: readonly string[];
  readonly retry: number | null;
  readonly maxTimeMs: number | null;
  /** epoch milliseconds; not later than `createdAtMs` means: due now */
  readonly runAtMs: number;
  readonly createdAtMs: number;
  /** binds within tasks of this name; null for none */
  readonly unique: UniqueKey | null;
}

/** Everything a broker knows of a task. Times are epoch milliseconds of the wall clock. */
export interface TaskRecord extends Omit<NewTask, "unique"> {
  readonly status: Status;
  /** runs that count against `retry`, the present one included; 0 before the first */
  readonly attempt: number;
  /** workers that died (or froze past their lease) while running it */
  readonly deaths: number;
  readonly updatedAtMs: number;
  /** start of the present or last run; null while it waits */
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
  /** runs that have ended, oldest first */
  readonly history: readonly RunRecord[];
  readonly returning: JsonText | null;
  readonly error: TaskError | null;
  readonly traceback: string | null;
  readonly cancelReason: string | null;
  readonly progress: Progress | null;
  /** name of the worker that has it, or had it last */
  readonly worker: string | null;
}

/**
 * The record of a task that has just been queued, without asking the broker. Field by field: copying with `...` costs
 * more than storing the task.
 */
export function freshRecord(task: NewTask, uuid = task.uuid): TaskRecord {
  return {
    uuid,
    taskName: task.taskName,
    args: task.args,
    priority: task.priority,
    tags: task.tags,
    retry: task.retry,
    maxTimeMs: task.maxTimeMs,
    runAtMs: task.runAtMs,
    createdAtMs: task.createdAtMs,
    status: "new",
    attempt: 0,
    deaths: 0,
    updatedAtMs: task.createdAtMs,
    startedAtMs: null,
    finishedAtMs: null,
    history: [],
    returning: null,
    error: null,
    traceback: null,
    cancelReason: null,
    progress: null,
    worker: null,
  };
}

/** The reason of a cancellation that gives none. */
export function defaultCancelReason(taskName: string): string {
  return `${taskName}.cancel`;
}
