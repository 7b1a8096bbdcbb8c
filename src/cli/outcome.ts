import { encodeJson } from "../core/json.js";
import type { AsyncResult } from "../engine/result.js";
import { exitCodeOfStatus } from "./exit.js";
import type { Stage } from "./stage.js";

/** Prints what waiting for a task came to, and returns the exit code that says the same. */
export function showOutcome(stage: Stage, result: AsyncResult<unknown>): number {
  if (stage.json) stage.document(result);
  else if (result.status === "success") stage.result(resultText(result.returning));
  if (result.status === "error")
    stage.error(failure(result), `\`qtasks status ${result.uuid}\` shows its attempts.`);
  if (result.status === "cancel")
    stage.error(`${result.task.taskName} was cancelled: ${result.cancelReason ?? ""}`, undefined);
  if (!result.done) tellUnfinished(stage, result);
  return result.done ? exitCodeOfStatus(result.status) : exitCodeOfStatus("process");
}

/** Text as it is, anything else as JSON. */
export function resultText(returning: unknown): string {
  return typeof returning === "string" ? returning : encodeJson(returning, "result");
}

function failure({ task, error }: AsyncResult<unknown>): string {
  const attempts = task.attempt > 1 ? ` (attempt ${task.attempt})` : "";
  return `${task.taskName} failed${attempts}: ${error?.message ?? "unknown"}`;
}

function tellUnfinished(stage: Stage, { uuid, status }: AsyncResult<unknown>): void {
  const state = status === "process" ? "runs" : "waits";
  stage.error(
    `The task is not finished and still ${state}: ${uuid}`,
    `It goes on. \`qtasks wait ${uuid}\` waits for it.`,
  );
}
