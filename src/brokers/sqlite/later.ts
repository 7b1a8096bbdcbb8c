import type { Sql } from "./sql.js";

/** Puts scheduled tasks whose time has come in line with the due ones. */
export function promoteDue(sql: Sql, names: readonly string[], nowMs: number): void {
  const due = earliestOf(sql, names).filter(([, dueMs]) => dueMs <= nowMs);
  const share = Math.ceil(PROMOTED_AT_ONCE / Math.max(1, due.length));
  for (const [name] of due) sql.run(PROMOTE, name, nowMs, share);
}

/** @returns the due time of the next scheduled task of these names; null when there is none */
export function nextDueAtMs(sql: Sql, names: readonly string[]): number | null {
  const times = earliestOf(sql, names).map(([, dueMs]) => dueMs);
  return times.length === 0 ? null : times.reduce((a, b) => Math.min(a, b));
}

/** When very many become due at once, each claim takes over a part: none is to take longer than milliseconds. */
const PROMOTED_AT_ONCE = 1000;

function earliestOf(sql: Sql, names: readonly string[]): readonly (readonly [name: string, dueMs: number])[] {
  return sql.json(EARLIEST, JSON.stringify(names));
}

const EARLIEST = `
  SELECT json_group_array(json_array(name, due)) AS json
  FROM (
    SELECT n.value AS name, (
      SELECT due FROM waiting WHERE name = n.value AND later = 1 ORDER BY due LIMIT 1
    ) AS due FROM json_each(?) AS n
  )
  WHERE due IS NOT NULL`;

const PROMOTE = `
  UPDATE waiting SET later = 0
  WHERE id IN (SELECT id FROM waiting WHERE name = ? AND later = 1 AND due <= ? ORDER BY due LIMIT ?)`;
