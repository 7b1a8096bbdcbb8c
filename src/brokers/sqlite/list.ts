import type { TaskRecord } from "../../core/record.js";
import type { Status } from "../../core/status.js";
import type { TaskCounts, TaskQuery } from "../../ports/broker.js";
import type { Value } from "./driver.js";
import { loadRecords } from "./records.js";
import type { Sql } from "./sql.js";
import { toText } from "./text.js";

/** Newest first. */
export function list(sql: Sql, query: TaskQuery): readonly TaskRecord[] {
  const statuses = query.statuses === undefined ? [undefined] : [...new Set(query.statuses)];
  const ids = statuses.flatMap((status) => idsOf(sql, query, status));
  ids.sort((a, b) => b - a);
  return loadRecords(sql, ids.slice(0, Math.max(0, query.limit)));
}

export function counts(sql: Sql): readonly TaskCounts[] {
  return sql.all<TaskCounts>(COUNTS).map((row) => ({ ...row }));
}

const COUNTS = `
  SELECT name, new, process, success, error, cancel FROM counts
  WHERE new + process + success + error + cancel > 0 ORDER BY name`;

/** Ids of one status (undefined: of any), newest first. */
function idsOf(sql: Sql, query: TaskQuery, status: Status | undefined): number[] {
  const start = startFor(query, status);
  const filters = filtersFor(query, status);
  const conditions = [...start.conditions, ...filters].map(({ text }) => text);
  const values = [...start.conditions, ...filters].flatMap((condition) => condition.values);
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
  const ids = `SELECT t.id FROM ${start.from} ${where} ORDER BY ${start.order} DESC LIMIT ?`;
  return sql.json(`SELECT json_group_array(id) AS json FROM (${ids})`, ...values, Math.max(0, query.limit));
}

interface Condition {
  readonly text: string;
  readonly values: readonly Value[];
}

/** Where the search starts: the table or index that is walked, newest first, until `limit` tasks are found. */
interface Start {
  readonly from: string;
  readonly order: string;
  readonly conditions: readonly Condition[];
}

/** Takes what is likely to be the rarest: one error among a million successes is to be found at once. */
function startFor(query: TaskQuery, status: Status | undefined): Start {
  // The plus keeps SQLite from walking all ids in order instead of looking the prefix up.
  if (query.uuidPrefix !== undefined) return { from: "tasks AS t", order: "+t.id", conditions: [] };
  if (status === "error" || status === "cancel") {
    return statusStart("finished", [{ text: "s.status <> 'success' AND s.status = ?", values: [status] }]);
  }
  if (status === "process") return statusStart("active");
  if (query.tag !== undefined) {
    const conditions = [{ text: "g.tag = ?", values: [toText(query.tag)] }];
    return { from: "task_tags AS g CROSS JOIN tasks AS t ON t.id = g.id", order: "g.id", conditions };
  }
  if (status === "new") return statusStart("waiting");
  if (query.taskName !== undefined) {
    return { from: "tasks AS t INDEXED BY tasks_by_name", order: "t.id", conditions: [] };
  }
  return status === "success"
    ? statusStart("finished")
    : { from: "tasks AS t", order: "t.id", conditions: [] };
}

function statusStart(table: string, conditions: readonly Condition[] = []): Start {
  return { from: `${table} AS s CROSS JOIN tasks AS t ON t.id = s.id`, order: "s.id", conditions };
}

function filtersFor(query: TaskQuery, status: Status | undefined): readonly Condition[] {
  const filters: Condition[] = [];
  if (status !== undefined) filters.push(hasStatus(status));
  if (query.taskName !== undefined) filters.push({ text: "t.name = ?", values: [query.taskName] });
  if (query.sinceMs !== undefined) filters.push({ text: "t.created >= ?", values: [query.sinceMs] });
  if (query.uuidPrefix !== undefined) {
    const behindAll = `${query.uuidPrefix}\u{10ffff}`;
    filters.push({ text: "t.uuid >= ? AND t.uuid < ?", values: [query.uuidPrefix, behindAll] });
  }
  if (query.tag !== undefined) {
    filters.push({
      text: "EXISTS (SELECT 1 FROM task_tags WHERE tag = ? AND id = t.id)",
      values: [toText(query.tag)],
    });
  }
  return filters;
}

function hasStatus(status: Status): Condition {
  if (status === "new") return { text: "EXISTS (SELECT 1 FROM waiting WHERE id = t.id)", values: [] };
  if (status === "process") return { text: "EXISTS (SELECT 1 FROM active WHERE id = t.id)", values: [] };
  return { text: "EXISTS (SELECT 1 FROM finished WHERE id = t.id AND status = ?)", values: [status] };
}
