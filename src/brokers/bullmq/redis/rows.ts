import type { NewTask } from "../../../core/record.js";
import type { Claim, LeaseState, RunReport, Settlement } from "../../../ports/broker.js";
import { bullPriority, whole } from "../given.js";
import type { StoredWorker, WorkerEntry } from "../workers.js";
import type { ENQUEUE_FIELDS } from "./lua/enqueue.js";
import type { SETTLE_FIELDS } from "./lua/settle.js";
import { toArgs, toNumber } from "./record.js";
import type { Argument } from "./scripts.js";

type Row<Fields extends readonly string[]> = { readonly [Place in keyof Fields]: Argument };

export function enqueueRow(task: NewTask): Row<typeof ENQUEUE_FIELDS> {
  const { uuid, createdAtMs, runAtMs, unique } = task;
  const delay = Math.max(0, whole(runAtMs) - whole(createdAtMs));
  const priority = bullPriority(task.priority);
  return [
    uuid,
    task.taskName,
    task.args,
    JSON.stringify({ jobId: uuid, priority, delay, attempts: 1 }),
    whole(createdAtMs),
    delay,
    priority,
    task.priority,
    whole(runAtMs),
    flag(runAtMs <= createdAtMs),
    JSON.stringify(task.tags),
    task.retry ?? "",
    task.maxTimeMs ?? "",
    unique === null ? "" : JSON.stringify([task.taskName, unique.key]),
    unique?.until ?? "",
  ];
}

export function settleRow({ lease, verdict }: Settlement, nowMs: number): Row<typeof SETTLE_FIELDS> {
  const { uuid, fence } = lease;
  const error = verdict.status === "error" || verdict.status === "new" ? verdict.error : null;
  const traceback = verdict.status === "error" ? verdict.traceback : null;
  const isBack = verdict.status === "new";
  return [
    uuid,
    fence,
    verdict.status,
    isBack ? verdict.run : "",
    verdict.status === "success"
      ? verdict.returning
      : verdict.status === "cancel"
        ? JSON.stringify(verdict.reason)
        : "",
    JSON.stringify(error),
    JSON.stringify(traceback),
    error?.message ?? "",
    JSON.stringify(traceback === null ? [] : [traceback]),
    isBack ? whole(verdict.runAtMs) : "",
    flag(isBack && verdict.runAtMs <= nowMs),
    flag(isBack && verdict.spent),
    flag(isBack && verdict.crashed),
    flag(isBack && verdict.alone),
  ];
}

export function reportRow({ lease, progress, lines = [] }: RunReport): readonly Argument[] {
  return [
    lease.uuid,
    lease.fence,
    progress === undefined ? "" : JSON.stringify(progress),
    lines.length,
    ...lines.map((line) => JSON.stringify(line)),
  ];
}

export type ClaimRow = readonly (string | null)[];

export function toClaim(row: ClaimRow): Claim {
  const [uuid, fence, taskName, data, priority, attempt, retry, maxTimeMs, deaths, crashes, alone] = row;
  return {
    lease: { uuid: uuid ?? "", fence: Number(fence) },
    taskName: taskName ?? "",
    args: toArgs(data ?? null),
    priority: Number(priority),
    attempt: Number(attempt),
    retry: toNumber(retry),
    maxTimeMs: toNumber(maxTimeMs),
    deaths: Number(deaths),
    crashes: Number(crashes ?? 0),
    alone: alone === "1",
  };
}

export function toLeaseState([state, reason, urgent]: readonly string[]): LeaseState {
  if (state === "held" || state === "lost") return { state };
  return {
    state: "cancelling",
    reason: JSON.parse(reason ?? '""') as string,
    ...(urgent === "1" && { urgent: true }),
  };
}

/** A worker's entry behind the end of its lease. */
export function toWorker(row: string): StoredWorker {
  const space = row.indexOf(" ");
  return { endMs: Number(row.slice(0, space)), entry: JSON.parse(row.slice(space + 1)) as WorkerEntry };
}

export function flag(value: boolean): "1" | "0" {
  return value ? "1" : "0";
}
