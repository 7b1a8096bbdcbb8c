import type { RunRecord, TaskError, TaskRecord } from "../../../core/record.js";
import type { Status } from "../../../core/status.js";

/** The fields of a job hash that make a record, in the order of `toRecord`. */
export const RECORD_FIELDS = [
  "name",
  "data",
  "timestamp",
  "returnvalue",
  "failedReason",
  "qt:status",
  "qt:priority",
  "qt:tags",
  "qt:retry",
  "qt:max",
  "qt:runAt",
  "qt:attempt",
  "qt:deaths",
  "qt:updated",
  "qt:started",
  "qt:finished",
  "qt:history",
  "qt:error",
  "qt:trace",
  "qt:reason",
  "qt:progress",
  "qt:worker",
] as const;

type Field = (typeof RECORD_FIELDS)[number];

export function toRecord(uuid: string, values: readonly (string | null)[]): TaskRecord | undefined {
  const field = (name: Field) => values[RECORD_FIELDS.indexOf(name)] ?? null;
  const json = <T>(name: Field) => JSON.parse(field(name) || "null") as T | null;
  const number = (name: Field) => toNumber(field(name));
  const status = field("qt:status") as Status | null;
  if (status === null) return undefined;
  return {
    uuid,
    taskName: field("name") ?? "",
    args: toArgs(field("data")),
    priority: number("qt:priority") ?? 0,
    tags: json<string[]>("qt:tags") ?? [],
    retry: number("qt:retry"),
    maxTimeMs: number("qt:max"),
    runAtMs: number("qt:runAt") ?? 0,
    createdAtMs: number("timestamp") ?? 0,
    status,
    attempt: number("qt:attempt") ?? 0,
    deaths: number("qt:deaths") ?? 0,
    updatedAtMs: number("qt:updated") ?? 0,
    startedAtMs: number("qt:started"),
    finishedAtMs: number("qt:finished"),
    history: JSON.parse(`[${field("qt:history") ?? ""}]`) as RunRecord[],
    returning: status === "success" ? (field("returnvalue") ?? "null") : null,
    error: json<TaskError>("qt:error") ?? (status === "error" ? strangersError(field("failedReason")) : null),
    traceback: json<string>("qt:trace"),
    cancelReason: json<string>("qt:reason"),
    progress: json("qt:progress"),
    worker: json<string>("qt:worker"),
  };
}

/** A plain BullMQ producer gives one value: it becomes the task's one argument. */
export function toArgs(data: string | null): string {
  if (data === null) return "[]";
  return data.startsWith("[") ? data : `[${data}]`;
}

/** Empty and missing both stand for null. */
export function toNumber(text: string | null | undefined): number | null {
  return text === null || text === undefined || text === "" ? null : Number(text);
}

function strangersError(message: string | null): TaskError {
  return { name: "Error", message: message ?? "", code: "E_TASK", stack: null };
}
