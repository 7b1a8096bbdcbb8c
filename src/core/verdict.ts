import { MaxTimeError } from "./errors.js";
import type { JsonText } from "./json.js";
import type { TaskError } from "./record.js";

/** What one run came to, as told by whoever ran it. Data only: it may come from another process. */
export type Outcome =
  | { readonly kind: "success"; readonly returning: JsonText }
  | {
      readonly kind: "error";
      readonly error: TaskError;
      readonly traceback: string;
      /** what the task gave to `ctx.pluginError`, for listeners only */
      readonly details?: unknown;
      /** whether the task's `retryOnExc` covers it */
      readonly retryable: boolean;
      /** pause before the next attempt, worked out from the task's `retryDelay` */
      readonly delayMs: number;
    }
  | { readonly kind: "cancel"; readonly reason: string }
  /** stopped at `maxTime` */
  | { readonly kind: "overtime"; readonly retryable: boolean; readonly delayMs: number }
  /** stopped through no doing of its own: shutdown, or a neighbour in its process */
  | { readonly kind: "interrupted" }
  /** its process died by itself; alone: nothing else ran there, so this task did it */
  | { readonly kind: "crashed"; readonly alone: boolean; readonly detail: string; readonly delayMs: number };

/** What a broker is to write about a run that has ended. */
export type Verdict =
  | { readonly status: "success"; readonly returning: JsonText }
  | { readonly status: "error"; readonly error: TaskError; readonly traceback: string | null }
  | { readonly status: "cancel"; readonly reason: string }
  | {
      /** back in line */
      readonly status: "new";
      readonly runAtMs: number;
      /** how the run that ended goes into the history */
      readonly run: "error" | "interrupted";
      readonly error: TaskError | null;
      /** false gives the attempt back */
      readonly spent: boolean;
      /** one more on the record's count of crashes */
      readonly crashed: boolean;
      /** from now on it shares its process with no other task */
      readonly alone: boolean;
    };

/** What `judge` must know of the task beside the outcome. */
export interface Judged {
  readonly taskName: string;
  readonly attempt: number;
  readonly retry: number;
  readonly maxTimeMs: number | null;
  /** crashes of earlier runs */
  readonly crashes: number;
}

/** The one place where a run's consequence is decided. */
export function judge(task: Judged, outcome: Outcome, maxCrashes: number, nowMs: number): Verdict {
  switch (outcome.kind) {
    case "success":
      return { status: "success", returning: outcome.returning };
    case "cancel":
      return { status: "cancel", reason: outcome.reason };
    case "interrupted":
      return backInLine(nowMs, { run: "interrupted", error: null, spent: false });
    case "error":
      return failed(task, outcome.error, outcome.traceback, outcome, nowMs);
    case "overtime": {
      const error = overtimeError(task);
      return failed(task, error, null, outcome, nowMs);
    }
    case "crashed": {
      // The culprit is unknown while several tasks shared the process: each runs alone next time.
      if (!outcome.alone)
        return backInLine(nowMs, { run: "interrupted", error: null, spent: false, alone: true });
      const error = crashError(task.taskName, outcome.detail);
      const retryable = task.crashes + 1 < maxCrashes;
      return failed(task, error, null, { retryable, delayMs: outcome.delayMs }, nowMs, true);
    }
  }
}

/** The verdict on a task that took too many workers with it, before it runs again; undefined while it may. */
export function judgeDeaths(deaths: number, maxCrashes: number, taskName: string): Verdict | undefined {
  if (deaths < maxCrashes) return undefined;
  const message = `${taskName} was given up: ${deaths} workers died or froze while running it.`;
  return {
    status: "error",
    error: { name: "LostError", message, code: "E_LOST", stack: null },
    traceback: null,
  };
}

export function overtimeError(task: Pick<Judged, "taskName" | "maxTimeMs">): TaskError {
  const { name, message, code } = new MaxTimeError(task.taskName, (task.maxTimeMs ?? 0) / 1000);
  return { name, message, code, stack: null };
}

function crashError(taskName: string, detail: string): TaskError {
  return {
    name: "CrashedError",
    message: `The process that ran ${taskName} died: ${detail}.`,
    code: "E_CRASHED",
    stack: null,
  };
}

function failed(
  task: Judged,
  error: TaskError,
  traceback: string | null,
  next: { readonly retryable: boolean; readonly delayMs: number },
  nowMs: number,
  crashed = false,
): Verdict {
  const attemptsLeft = task.retry + 1 - task.attempt;
  if (!next.retryable || attemptsLeft <= 0) return { status: "error", error, traceback };
  return backInLine(nowMs + next.delayMs, { run: "error", error, spent: true, crashed });
}

function backInLine(
  runAtMs: number,
  how: {
    readonly run: "error" | "interrupted";
    readonly error: TaskError | null;
    readonly spent: boolean;
    readonly crashed?: boolean;
    readonly alone?: boolean;
  },
): Verdict {
  return { status: "new", runAtMs, crashed: false, alone: false, ...how };
}
