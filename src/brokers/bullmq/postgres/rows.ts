import type { NewTask, RunRecord, TaskError, TaskRecord } from "../../../core/record.js";
import type { Status } from "../../../core/status.js";
import type { Claim, LeaseState, RunReport, Settlement } from "../../../ports/broker.js";
import { bullPriority, whole } from "../given.js";
import { viewable, viewableText } from "../viewable.js";
import type { StoredWorker, WorkerEntry } from "../workers.js";

/** A row of `qtasks_task`. Texts of users are JSON; node-postgres gives a bigint as text. */
export interface TaskRow {
  readonly uuid: string;
  readonly name: string;
  readonly status: Status;
  readonly args: string;
  readonly priority: string;
  readonly tags: readonly string[];
  readonly retry: number | null;
  readonly max_time_ms: number | null;
  readonly run_at_ms: string;
  readonly created_at_ms: string;
  readonly updated_at_ms: string;
  readonly started_at_ms: string | null;
  readonly finished_at_ms: string | null;
  readonly attempt: number;
  readonly deaths: number;
  readonly crashes: number;
  readonly alone: boolean;
  readonly history: string;
  readonly returning_: string | null;
  readonly error: string | null;
  readonly traceback: string | null;
  readonly reason: string | null;
  readonly progress: string | null;
  readonly worker: string | null;
  readonly fence: string | null;
}

export function toRecord(row: TaskRow): TaskRecord {
  return {
    uuid: row.uuid,
    taskName: row.name,
    args: row.args,
    priority: Number(row.priority),
    tags: row.tags.map((tag) => JSON.parse(tag) as string),
    retry: row.retry,
    maxTimeMs: row.max_time_ms,
    runAtMs: Number(row.run_at_ms),
    createdAtMs: Number(row.created_at_ms),
    status: row.status,
    attempt: row.attempt,
    deaths: row.deaths,
    updatedAtMs: Number(row.updated_at_ms),
    startedAtMs: toNumber(row.started_at_ms),
    finishedAtMs: toNumber(row.finished_at_ms),
    history: JSON.parse(`[${row.history}]`) as RunRecord[],
    returning: row.returning_,
    error: fromJson<TaskError>(row.error),
    traceback: fromJson<string>(row.traceback),
    cancelReason: fromJson<string>(row.reason),
    progress: fromJson(row.progress),
    worker: fromJson<string>(row.worker),
  };
}

export function toClaim(row: TaskRow): Claim {
  return {
    lease: { uuid: row.uuid, fence: Number(row.fence) },
    taskName: row.name,
    args: row.args,
    priority: Number(row.priority),
    attempt: row.attempt,
    retry: row.retry,
    maxTimeMs: row.max_time_ms,
    deaths: row.deaths,
    crashes: row.crashes,
    alone: row.alone,
  };
}

export interface LeaseRow {
  readonly place: string;
  readonly state: "held" | "lost" | "cancelling";
  readonly reason: string | null;
  readonly urgent: boolean | null;
}

export function toLeaseState({ state, reason, urgent }: LeaseRow): LeaseState {
  if (state !== "cancelling") return { state };
  return { state, reason: fromJson<string>(reason) ?? "", ...(urgent === true && { urgent }) };
}

/** A worker's entry, and the end of its lease by the server's clock. */
export interface WorkerRow {
  readonly entry: string;
  readonly end: string;
}

export function toWorker({ entry, end }: WorkerRow): StoredWorker {
  return { entry: JSON.parse(entry) as WorkerEntry, endMs: Number(end) };
}

export function givenTask(task: NewTask) {
  const { uuid, createdAtMs, runAtMs, unique } = task;
  const delay = Math.max(0, whole(runAtMs) - whole(createdAtMs));
  const priority = bullPriority(task.priority);
  return {
    uuid,
    name: task.taskName,
    args: task.args,
    shown: viewable(task.args),
    opts: { jobId: uuid, priority, delay, attempts: 1 },
    bull_priority: priority,
    priority: task.priority,
    delay_ms: delay,
    run_at_ms: whole(runAtMs),
    is_due: runAtMs <= createdAtMs,
    created_at_ms: whole(createdAtMs),
    tags: task.tags.map((tag) => JSON.stringify(tag)),
    retry: task.retry,
    max_time_ms: task.maxTimeMs,
    binding: unique === null ? null : JSON.stringify([task.taskName, unique.key]),
    until: unique?.until ?? null,
  };
}

export function givenSettlement({ lease: { uuid, fence }, verdict }: Settlement, nowMs: number) {
  switch (verdict.status) {
    case "success":
      return {
        uuid,
        fence,
        status: "success",
        outcome: verdict.returning,
        shown: viewable(verdict.returning),
      };
    case "cancel":
      return { uuid, fence, status: "cancel", outcome: JSON.stringify(verdict.reason) };
    case "error": {
      const { error, traceback } = verdict;
      return {
        uuid,
        fence,
        status: "error",
        error: JSON.stringify(error),
        traceback: JSON.stringify(traceback),
        failed_reason: viewableText(error.message),
        stacktrace: viewable(JSON.stringify(traceback === null ? [] : [traceback])),
      };
    }
    case "new":
      return {
        uuid,
        fence,
        status: "new",
        run: verdict.run,
        error: JSON.stringify(verdict.error),
        run_at_ms: whole(verdict.runAtMs),
        is_due: verdict.runAtMs <= nowMs,
        spent: verdict.spent,
        crashed: verdict.crashed,
        alone: verdict.alone,
      };
  }
}

export function givenReport({ lease: { uuid, fence }, progress, lines = [] }: RunReport) {
  const text = progress === undefined ? null : JSON.stringify(progress);
  return {
    uuid,
    fence,
    progress: text,
    shown: text === null ? null : viewable(text),
    lines: lines.map((line) => JSON.stringify(line)),
  };
}

export function toNumber(text: string | null | undefined): number | null {
  return text === null || text === undefined ? null : Number(text);
}

function fromJson<T>(text: string | null): T | null {
  return text === null ? null : (JSON.parse(text) as T | null);
}
