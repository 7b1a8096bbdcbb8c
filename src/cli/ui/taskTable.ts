import { durationText } from "../../core/duration.js";
import type { Task } from "../../core/task.js";
import type { Stage } from "../stage.js";
import { type Column, renderTable } from "./table.js";
import { progressText } from "./taskLines.js";

/** Tasks for people, a line each. Ids are whole: they are there to be given to other commands. */
export function taskTable(stage: Stage, tasks: readonly Task[], now: Date): string {
  const columns: readonly Column<Task>[] = [
    { title: "ID", value: ({ uuid }) => uuid, keep: true },
    { title: "TASK", value: ({ taskName }) => taskName },
    { title: "STATUS", value: ({ status }) => status, keep: true },
    { title: "ATTEMPT", value: attempt, align: "right" },
    {
      title: "AGE",
      value: ({ createdAt }) => durationText(now.getTime() - createdAt.getTime()),
      align: "right",
    },
    { title: "WORKER", value: ({ worker }) => worker ?? "-" },
    { title: "ERROR", value: note },
  ];
  return renderTable(tasks, columns, { width: stage.outWidth, title: stage.outPaint.bold });
}

function attempt({ attempt, retry }: Task): string {
  return retry === null ? String(attempt) : `${attempt}/${retry + 1}`;
}

/** What went wrong, why it was cancelled or, while it runs, how far it is. */
function note({ error, cancelReason, progress, status }: Task): string {
  if (status === "process" && progress !== null) return progressText(progress);
  return error?.message ?? cancelReason ?? "-";
}
