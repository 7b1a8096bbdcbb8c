import type { JsonText } from "../../core/json.js";
import type { Lease } from "../../ports/broker.js";
import type { Sql } from "./sql.js";

/** A running task, texts as they are stored. */
export interface HeldTask {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  readonly fence: number;
  readonly attempt: number;
  readonly worker: JsonText;
  readonly startedMs: number;
  readonly cancelReason: JsonText | null;
  readonly progress: JsonText | null;
  readonly freesKey: boolean;
  readonly isUrgent: boolean;
}

/**
 * The running tasks among those of the leases, by uuid. Whoever writes must compare the `fence`: only the newest
 * claim of a task may change it.
 */
export function findHeld(sql: Sql, leases: readonly Lease[]): Map<string, HeldTask> {
  const uuids = new Map(leases.map(({ uuid, row }) => [row ?? rowOf(sql, uuid), uuid]));
  const rows = sql.json<HeldRow[]>(HELD, JSON.stringify([...uuids.keys()]));
  return new Map(
    rows.map((row) => {
      const uuid = uuids.get(row[0]) ?? "";
      return [uuid, toHeld(row, uuid)];
    }),
  );
}

function rowOf(sql: Sql, uuid: string): number {
  return sql.get<{ readonly id: number }>("SELECT id FROM tasks WHERE uuid = ?", uuid)?.id ?? NOWHERE;
}

const NOWHERE = 0;

type HeldRow = readonly [
  id: number,
  name: string,
  fence: number,
  attempt: number,
  worker: JsonText,
  startedMs: number,
  cancelReason: JsonText | null,
  progress: JsonText | null,
  freesKey: number,
  isUrgent: number,
];

function toHeld(row: HeldRow, uuid: string): HeldTask {
  const [id, name, fence, attempt, worker, startedMs, cancelReason, progress, freesKey, isUrgent] = row;
  return {
    id,
    uuid,
    name,
    fence,
    attempt,
    worker,
    startedMs,
    cancelReason,
    progress,
    freesKey: freesKey === 1,
    isUrgent: isUrgent === 1,
  };
}

const HELD = `
  SELECT json_group_array(json_array(a.id, a.name, a.fence, a.attempt, a.worker, a.started, a.cancel_reason,
    a.progress, a.frees_key, a.cancel_urgent)) AS json
  FROM json_each(?) AS j CROSS JOIN active AS a ON a.id = j.value`;
