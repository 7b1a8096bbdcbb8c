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
  const uuids = JSON.stringify(leases.map((lease) => lease.uuid));
  const rows = sql.json<HeldRow[]>(HELD, uuids);
  return new Map(rows.map((row) => [row[1], toHeld(row)]));
}

type HeldRow = readonly [
  id: number,
  uuid: string,
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

function toHeld(row: HeldRow): HeldTask {
  const [id, uuid, name, fence, attempt, worker, startedMs, cancelReason, progress, freesKey, isUrgent] = row;
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
  SELECT json_group_array(json_array(a.id, t.uuid, a.name, a.fence, a.attempt, a.worker, a.started, a.cancel_reason,
    a.progress, a.frees_key, a.cancel_urgent)) AS json
  FROM json_each(?) AS j CROSS JOIN tasks AS t ON t.uuid = j.value CROSS JOIN active AS a ON a.id = t.id`;
