import { END_STATUSES } from "../../core/status.js";
import type { PruneQuery } from "../../ports/broker.js";
import type { Transaction } from "./commit.js";
import { countAllArrivals, markAllCounted } from "./counts.js";
import { takeOutOfLine } from "./line.js";
import type { Sql } from "./sql.js";

/** Forgets the longest finished tasks that match. */
export function prune(tx: Transaction, query: PruneQuery): number {
  const ids = oldest(tx.sql, query);
  forgetFinished(tx, ids);
  return ids.length;
}

const NO_LIMIT = Number.MAX_SAFE_INTEGER;

/** @param ids of finished tasks */
export function forgetFinished(tx: Transaction, ids: readonly number[]): void {
  if (ids.length === 0) return;
  const list = JSON.stringify(ids);
  countAllArrivals(tx.sql);
  for (const { name, status, amount } of tx.sql.all<Group>(GROUPS, list)) {
    tx.effects.count(name, status, -amount);
  }
  for (const statement of FORGET) tx.sql.run(statement, list);
  markAllCounted(tx.sql);
}

function oldest(sql: Sql, query: PruneQuery): readonly number[] {
  const { statuses = END_STATUSES, keep, limit = NO_LIMIT } = query;
  const allowed = keep === undefined ? limit : Math.min(limit, countOf(sql, statuses) - keep);
  if (allowed <= 0) return [];
  const before = query.finishedBeforeMs ?? Number.MAX_VALUE;
  return sql.json(OLDEST, before, JSON.stringify(statuses), allowed);
}

/** Forgets waiting tasks. */
export function purge(tx: Transaction, limit = NO_LIMIT): number {
  const ids = tx.sql.json<readonly number[]>(IN_LINE, limit);
  forgetWaiting(tx, ids);
  return ids.length;
}

/** @param ids of waiting tasks */
export function forgetWaiting(tx: Transaction, ids: readonly number[]): void {
  if (ids.length === 0) return;
  const list = JSON.stringify(ids);
  countAllArrivals(tx.sql);
  for (const { name, amount } of tx.sql.all<{ name: string; amount: number }>(NAMES, list)) {
    tx.effects.count(name, "new", -amount);
  }
  takeOutOfLine(tx.sql, list);
  for (const statement of FORGET) tx.sql.run(statement, list);
  markAllCounted(tx.sql);
}

/** Those to keep are the newest: what is beyond them counts from the other end. */
function countOf(sql: Sql, statuses: readonly string[]): number {
  const row = sql.get<Record<string, number>>(TOTALS);
  const ends = statuses.filter((status) => status !== "new" && status !== "process");
  return [...new Set(ends)].reduce((sum, status) => sum + (row?.[status] ?? 0), 0);
}

interface Group {
  readonly name: string;
  readonly status: "success" | "error" | "cancel";
  readonly amount: number;
}

const OLDEST = `
  SELECT json_group_array(id) AS json
  FROM (
    SELECT id FROM finished INDEXED BY finished_by_time
    WHERE finished < ? AND status IN (SELECT value FROM json_each(?)) ORDER BY finished, id LIMIT ?
  )`;

const IN_LINE = `
  SELECT json_group_array(id) AS json
  FROM (SELECT id FROM ready UNION ALL SELECT id FROM later LIMIT ?)`;

const NAMES = `
  SELECT t.name, count(*) AS amount FROM json_each(?) AS j CROSS JOIN tasks AS t ON t.id = j.value GROUP BY t.name`;

const TOTALS = `
  SELECT coalesce(sum(success), 0) AS success, coalesce(sum(error), 0) AS error, coalesce(sum(cancel), 0) AS cancel
  FROM counts`;

const GROUPS = `
  SELECT t.name, f.status, count(*) AS amount
  FROM json_each(?) AS j CROSS JOIN finished AS f ON f.id = j.value CROSS JOIN tasks AS t ON t.id = j.value
  GROUP BY t.name, f.status`;

/** `tasks` last: the others find their rows through it. */
const FORGET = [
  `DELETE FROM uniques WHERE (name, key, id) IN (
    SELECT t.name, t.unique_key, t.id FROM json_each(?) AS j CROSS JOIN tasks AS t ON t.id = j.value
    WHERE t.unique_key IS NOT NULL)`,
  `DELETE FROM task_tags WHERE (tag, id) IN (
    SELECT t.tags -> tag.fullkey, t.id FROM json_each(?) AS j CROSS JOIN tasks AS t ON t.id = j.value, json_each(t.tags) AS tag)`,
  "DELETE FROM runs WHERE task IN (SELECT value FROM json_each(?))",
  "DELETE FROM lines WHERE task IN (SELECT value FROM json_each(?))",
  "DELETE FROM finished WHERE id IN (SELECT value FROM json_each(?))",
  "DELETE FROM tasks WHERE id IN (SELECT value FROM json_each(?))",
];
