import type { WaitingTasks } from "../../ports/broker.js";
import { readCounts } from "./counts.js";
import type { Sql } from "./sql.js";

/** What waits under each task name, by a look at the front of each line. */
export function waitingByName(sql: Sql, nowMs: number): readonly WaitingTasks[] {
  const names = readCounts(sql).flatMap((row) => (row.new > 0 ? row.name : []));
  const rows = sql.json<readonly Row[]>(FRONTS, nowMs, nowMs, JSON.stringify(names));
  return rows.map(({ name, isDue, next }) => ({
    name,
    isDue: isDue === 1,
    nextDueAtMs: next?.dueMs ?? null,
    nextIsRetry: (next?.attempt ?? 0) > 0,
  }));
}

interface Row {
  readonly name: string;
  readonly isDue: 0 | 1;
  readonly next: { readonly dueMs: number; readonly attempt: number } | null;
}

/** A scheduled task whose time has come is due although no claim has let it in line yet. */
const IS_DUE = `
  EXISTS (SELECT 1 FROM ready WHERE name = n.value) OR EXISTS (SELECT 1 FROM later WHERE name = n.value AND due <= ?)`;

const NEXT = `(
  SELECT json_object('dueMs', l.due, 'attempt', t.attempt) FROM later AS l CROSS JOIN tasks AS t ON t.id = l.id
  WHERE l.name = n.value AND l.due > ? ORDER BY l.due, l.id LIMIT 1)`;

const FRONTS = `
  SELECT json_group_array(json_object('name', n.value, 'isDue', ${IS_DUE}, 'next', json(${NEXT}))) AS json
  FROM json_each(?) AS n`;
