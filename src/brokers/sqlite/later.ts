import type { Sql } from "./sql.js";

/** Puts scheduled tasks whose time has come in line with the due ones. */
export function promoteDue(sql: Sql, names: readonly string[], nowMs: number): void {
  const due = earliestOf(sql, names).filter(([, dueMs]) => dueMs <= nowMs);
  const share = Math.ceil(PROMOTED_AT_ONCE / Math.max(1, due.length));
  for (const [name] of due) promote(sql, name, nowMs, share);
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

function promote(sql: Sql, name: string, nowMs: number, limit: number): void {
  const last = sql.get<{ readonly due: number; readonly id: number }>(LAST_DUE, name, nowMs, limit);
  if (last === undefined) return;
  sql.run(ENTER_READY, name, last.due, last.id);
  sql.run(LEAVE_LATER, name, last.due, last.id);
}

const EARLIEST = `
  SELECT json_group_array(json(first)) AS json
  FROM (
    SELECT (
      SELECT json_array(name, due) FROM later WHERE name = n.value ORDER BY due, id LIMIT 1
    ) AS first FROM json_each(?) AS n
  )
  WHERE first IS NOT NULL`;

const LAST_DUE = `
  SELECT due, id FROM (SELECT due, id FROM later WHERE name = ? AND due <= ? ORDER BY due, id LIMIT ?)
  ORDER BY due DESC, id DESC LIMIT 1`;

const ENTER_READY = `
  INSERT INTO ready (name, priority, due, id)
  SELECT name, priority, due, id FROM later WHERE name = ? AND (due, id) <= (?, ?)`;

const LEAVE_LATER = "DELETE FROM later WHERE name = ? AND (due, id) <= (?, ?)";
