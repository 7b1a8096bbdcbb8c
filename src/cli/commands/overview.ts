import { STATUSES, type Status } from "../../core/status.js";
import type { TaskCounts, WorkerInfo } from "../../ports/broker.js";
import { EXIT } from "../exit.js";
import type { Session } from "../session.js";
import type { Stage } from "../stage.js";
import { type Column, renderTable } from "../ui/table.js";

interface WorkerView extends Omit<WorkerInfo, "id" | "sinceMs"> {
  readonly since: Date;
}

interface Overview {
  readonly counts: Readonly<Record<Status, number>>;
  readonly tasks: readonly TaskCounts[];
  readonly workers: readonly WorkerView[];
  /** seconds */
  readonly oldestWaiting: number | null;
  readonly why: readonly { readonly code: string; readonly message: string }[];
}

/** The queue as a whole, and why nothing happens when nothing does. */
export async function overview({ stage, app }: Session): Promise<number> {
  await app.open();
  const [counts, tasks, workers, oldestAtMs] = await Promise.all([
    app.counts(),
    app.countsByTask(),
    app.workers(),
    app.broker.oldestWaiting(),
  ]);
  const seen: Overview = {
    counts,
    tasks,
    workers: workers.map(({ id: _, sinceMs, ...worker }) => ({ ...worker, since: new Date(sinceMs) })),
    oldestWaiting: oldestAtMs === null ? null : (Date.now() - oldestAtMs) / 1000,
    why: whyNothingHappens(tasks, workers),
  };
  if (stage.json) stage.document(seen);
  else show(stage, seen);
  return EXIT.ok;
}

function whyNothingHappens(tasks: readonly TaskCounts[], workers: readonly WorkerInfo[]): Overview["why"] {
  const waiting = tasks.filter((row) => row.new > 0).map(({ name }) => name);
  if (waiting.length === 0) return [];
  if (workers.length === 0) {
    return [{ code: "no-worker", message: "Tasks wait and no worker runs. `qtasks worker` starts one." }];
  }
  const unserved = waiting.filter((name) => !workers.some((worker) => worker.tasks.includes(name)));
  if (unserved.length === 0) return [];
  return [{ code: "unserved-task", message: `No running worker knows ${unserved.join(", ")}.` }];
}

function show(stage: Stage, { counts, tasks, workers, why }: Overview): void {
  const look = { width: stage.outWidth, title: stage.outPaint.bold };
  stage.answer(STATUSES.map((status) => `${status} ${counts[status]}`).join("  "));
  if (tasks.length > 0) stage.answer(renderTable(tasks, TASK_COLUMNS, look));
  if (workers.length > 0) stage.answer(renderTable(workers, WORKER_COLUMNS, look));
  for (const { message } of why) stage.hint(message);
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
