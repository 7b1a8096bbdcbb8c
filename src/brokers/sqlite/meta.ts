import type { Sql } from "./sql.js";

/** What the queue as a whole must remember: one row. */
export interface Meta {
  /** the newest claim number */
  readonly fence: number;
  /** the boot whose clock the leases are of */
  readonly boot: string;
  /** no lease runs out before, on the monotonic clock */
  readonly next_expiry: number;
  /** tasks with a higher id are not in `counts` yet */
  readonly counted_to: number;
}

export function readMeta(sql: Sql): Meta {
  const meta = sql.get<Meta>("SELECT fence, boot, next_expiry, counted_to FROM meta");
  if (meta === undefined) throw missing();
  return meta;
}

function missing(): Error {
  return new Error("The row of `meta` is missing.");
}

const RAISE_FENCE = "UPDATE meta SET fence = fence + ?, next_expiry = min(next_expiry, ?) RETURNING fence";

/** @returns the claim number before: the next `by` numbers are taken */
export function raiseFence(sql: Sql, by: number, leaseUntil: number): number {
  const raised = sql.get<Pick<Meta, "fence">>(RAISE_FENCE, by, leaseUntil);
  if (raised === undefined) throw missing();
  return raised.fence - by;
}
