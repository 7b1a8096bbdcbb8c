import type { Task, TaskRun } from "../../core/task.js";
import { resultText } from "../outcome.js";
import type { Stage } from "../stage.js";
import { escapeControls, escapeLine } from "./escape.js";
import { type Column, renderTable } from "./table.js";
import { progressText } from "./taskLines.js";

/** A record for people: one fact a line, then its runs. */
export function describeTask(stage: Stage, task: Task): string {
  const paint = stage.outPaint;
  const facts: readonly (readonly [string, string | null])[] = [
    ["task", task.taskName],
    ["status", task.status],
    ["args", JSON.stringify(task.args)],
    ["priority", String(task.priority)],
    ["tags", task.tags.length > 0 ? task.tags.join(", ") : null],
    ["attempt", attemptText(task)],
    ["maxTime", task.maxTime === null ? null : `${task.maxTime}s`],
    ["created", task.createdAt.toISOString()],
    ["due", task.status === "new" ? task.runAt.toISOString() : null],
    ["started", task.startedAt?.toISOString() ?? null],
    ["finished", task.finishedAt?.toISOString() ?? null],
    ["worker", task.worker],
    ["deaths", task.deaths > 0 ? String(task.deaths) : null],
    ["progress", task.progress === null ? null : progressText(task.progress)],
    ["result", task.status === "success" ? resultText(task.returning) : null],
    ["error", task.error === null ? null : `${task.error.message} (${task.error.code})`],
    ["reason", task.cancelReason],
  ];
  const lines = facts.flatMap(([name, value]) =>
    value === null ? [] : [`${paint.dim(name.padEnd(9))} ${escapeLine(value)}`],
  );
  const trace = task.traceback === null ? [] : [paint.dim(escapeControls(task.traceback))];
  return [paint.bold(escapeLine(task.uuid)), ...lines, ...trace, ...history(stage, task)].join("\n");
}

export function attemptText({ attempt, retry }: Task): string {
  return retry === null ? String(attempt) : `${attempt} of ${retry + 1}`;
}

function history(stage: Stage, task: Task): readonly string[] {
  if (task.history.length === 0) return [];
  const seconds = (run: TaskRun) => ((run.finishedAt.getTime() - run.startedAt.getTime()) / 1000).toFixed(3);
  const columns: readonly Column<TaskRun>[] = [
    { title: "ATTEMPT", value: (run) => String(run.attempt), align: "right" },
    { title: "STATUS", value: (run) => run.status },
    { title: "STARTED", value: (run) => run.startedAt.toISOString() },
    { title: "SECONDS", value: seconds, align: "right" },
    { title: "WORKER", value: (run) => run.worker },
    { title: "ERROR", value: (run) => run.error?.message ?? "-" },
  ];
  return [renderTable(task.history, columns, { width: stage.outWidth, title: stage.outPaint.bold })];
}
