import type { Status } from "../../core/status.js";
import type { TaskCounts } from "../../ports/broker.js";
import type { Sql } from "./sql.js";

export type StatusCounts = Record<Status, number>;

/** One row for each task name that has a record, sorted by name, without looking at every task. */
export function readCounts(sql: Sql): readonly TaskCounts[] {
  return sql.all<TaskCounts>(COUNTS).map((row) => ({ ...row }));
}

/** To be called for the ids of an enqueue: tasks are counted in by the thousand, see `countAllArrivals`. */
export function countArrivals(sql: Sql, firstId: number, lastId: number): void {
  const hasCrossedThousand = Math.floor(lastId / 1000) > Math.floor((firstId - 1) / 1000);
  if (hasCrossedThousand) countAllArrivals(sql);
}

/**
 * A task that is queued alone does not change `counts`, which would be one page more to write: until they are a
 * thousand, those behind `counted_to` are counted when somebody asks. Their later moves are counted at once; the sum
 * is right at any time.
 */
export function countAllArrivals(sql: Sql): void {
  sql.run(COUNT_ARRIVALS);
  sql.run(MARK_COUNTED);
}

/** To be called where tasks were deleted: the ids of the newest may be given again. */
export function markAllCounted(sql: Sql): void {
  sql.run(MARK_COUNTED);
}

export function addCounts(sql: Sql, name: string, row: StatusCounts): void {
  sql.run(ADD_COUNTS, name, row.new, row.process, row.success, row.error, row.cancel);
}

const ARRIVALS = `
  SELECT name, count(*), 0, 0, 0, 0 FROM tasks NOT INDEXED WHERE id > (SELECT counted_to FROM meta) GROUP BY name`;

const COUNTS = `
  SELECT name, sum(new) AS new, sum(process) AS process, sum(success) AS success, sum(error) AS error,
    sum(cancel) AS cancel
  FROM (SELECT name, new, process, success, error, cancel FROM counts UNION ALL ${ARRIVALS})
  GROUP BY name HAVING sum(new + process + success + error + cancel) > 0 ORDER BY name`;

const MARK_COUNTED = "UPDATE meta SET counted_to = coalesce((SELECT max(id) FROM tasks), 0)";

const ON_CONFLICT = `
  ON CONFLICT DO UPDATE SET new = new + excluded.new, process = process + excluded.process,
    success = success + excluded.success, error = error + excluded.error, cancel = cancel + excluded.cancel`;

const COUNT_ARRIVALS = `INSERT INTO counts (name, new, process, success, error, cancel) ${ARRIVALS} ${ON_CONFLICT}`;

const ADD_COUNTS = `
  INSERT INTO counts (name, new, process, success, error, cancel) VALUES (?, ?, ?, ?, ?, ?) ${ON_CONFLICT}`;
