import { durationText } from "../../core/duration.js";
import { STATUSES, type Status } from "../../core/status.js";
import type { Task } from "../../core/task.js";
import type { App } from "../../engine/app.js";
import { type Reason, whyTasksWait } from "../../engine/why.js";
import type { TaskCounts, WorkerInfo } from "../../ports/broker.js";
import type { Stage } from "../stage.js";
import { escapeLine } from "../ui/escape.js";
import { type Column, renderTable } from "../ui/table.js";
import { progressText } from "../ui/taskLines.js";

interface WorkerView extends Omit<WorkerInfo, "id" | "sinceMs"> {
  readonly since: Date;
}

type RunningView = Pick<Task, "uuid" | "taskName" | "attempt" | "worker" | "startedAt" | "progress">;

/** The queue as a whole, as `status --json` prints it. */
export interface Overview {
  readonly counts: Readonly<Record<Status, number>>;
  readonly tasks: readonly TaskCounts[];
  readonly workers: readonly WorkerView[];
  /** the newest of those that run */
  readonly running: readonly RunningView[];
  /** seconds */
  readonly oldestWaiting: number | null;
  readonly why: readonly Reason[];
}

const RUNNING_AT_MOST = 1000;

/** Looks at the queue, and at why nothing happens when nothing does. */
export async function lookAtQueue(app: App, now: Date): Promise<Overview> {
  await app.open();
  const [counts, tasks, workers, running, waiting, oldestAtMs, underWay] = await Promise.all([
    app.counts(),
    app.countsByTask(),
    app.workers(),
    app.list({ status: "process", limit: RUNNING_AT_MOST }),
    app.waiting(),
    app.broker.oldestWaiting(),
    app.broker.transfer?.underWay() ?? [],
  ]);
  return {
    counts,
    tasks,
    workers: workers.map(({ id: _, sinceMs, ...worker }) => ({ ...worker, since: new Date(sinceMs) })),
    running: running.map(({ uuid, taskName, attempt, worker, startedAt, progress }) => {
      return { uuid, taskName, attempt, worker, startedAt, progress };
    }),
    oldestWaiting: oldestAtMs === null ? null : (now.getTime() - oldestAtMs) / 1000,
    why: whyTasksWait({ waiting, workers, running, underWay, now }),
  };
}

/** What changes when something happens: not the ages, which change all the time. */
export function changesOf({ counts, tasks, workers, running, why }: Overview): unknown {
  return { counts, tasks, workers, running, why: why.map(({ code }) => code) };
}

/** For people; why nothing happens is told apart, as hints. */
export function overviewText(stage: Stage, { counts, tasks, workers, oldestWaiting }: Overview): string {
  const look = { width: stage.outWidth, title: stage.outPaint.bold };
  const age = oldestWaiting === null ? [] : [`oldest waiting ${durationText(oldestWaiting * 1000)}`];
  return [
    [...STATUSES.map((status) => `${status} ${counts[status]}`), ...age].join("  "),
    ...(tasks.length > 0 ? [renderTable(tasks, TASK_COLUMNS, look)] : []),
    ...(workers.length > 0 ? [renderTable(workers, WORKER_COLUMNS, look)] : []),
  ].join("\n");
}

/** The runs under way, for who watches. */
export function runningText(stage: Stage, { running }: Overview, now: Date): string {
  if (running.length === 0) return "";
  const columns: readonly Column<RunningView>[] = [
    { title: "RUNNING", value: ({ uuid }) => uuid, keep: true },
    { title: "TASK", value: ({ taskName }) => taskName },
    {
      title: "FOR",
      value: ({ startedAt }) =>
        startedAt === null ? "-" : durationText(now.getTime() - startedAt.getTime()),
      align: "right",
    },
    { title: "WORKER", value: ({ worker }) => worker ?? "-" },
    { title: "PROGRESS", value: ({ progress }) => (progress === null ? "-" : progressText(progress)) },
  ];
  return renderTable(running, columns, { width: stage.outWidth, title: stage.outPaint.bold });
}

/** Names of workers are of others' making. */
export function reasonLines(why: readonly Reason[]): readonly string[] {
  return why.map(({ message }) => escapeLine(message));
}

const TASK_COLUMNS: readonly Column<TaskCounts>[] = [
  { title: "TASK", value: ({ name }) => name },
  ...STATUSES.map(
    (status): Column<TaskCounts> => ({
      title: status.toUpperCase(),
      value: (row) => String(row[status]),
      align: "right",
    }),
  ),
];

const WORKER_COLUMNS: readonly Column<WorkerView>[] = [
  { title: "WORKER", value: ({ name }) => name },
  { title: "PID", value: ({ pid }) => String(pid), align: "right" },
  { title: "HOST", value: ({ host }) => host },
  { title: "BUSY", value: ({ busy, slots }) => `${busy}/${slots}`, align: "right" },
  { title: "SINCE", value: ({ since }) => since.toISOString() },
];
