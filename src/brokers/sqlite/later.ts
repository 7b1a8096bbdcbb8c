import type { Sql } from "./sql.js";

/**
 * Puts scheduled tasks whose time has come in line with the due ones.
 * @returns the due time of the next one; null when there is none
 */
export function promoteDue(sql: Sql, names: readonly string[], nowMs: number): number | null {
  const earliest = earliestOf(sql, names);
  const due = earliest.filter(([, dueMs]) => dueMs <= nowMs);
  if (due.length === 0) return soonest(earliest);
  const share = Math.ceil(PROMOTED_AT_ONCE / due.length);
  for (const [name] of due) promote(sql, name, nowMs, share);
  return nextDueAtMs(sql, names);
}

/** @returns the due time of the next scheduled task of these names; null when there is none */
export function nextDueAtMs(sql: Sql, names: readonly string[]): number | null {
  return soonest(earliestOf(sql, names));
}

function soonest(earliest: readonly Earliest[]): number | null {
  return earliest.reduce<number | null>((least, [, dueMs]) => Math.min(least ?? dueMs, dueMs), null);
}

type Earliest = readonly [name: string, dueMs: number];

/** When very many become due at once, each claim takes over a part: none is to take longer than milliseconds. */
const PROMOTED_AT_ONCE = 1000;

function earliestOf(sql: Sql, names: readonly string[]): readonly Earliest[] {
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
