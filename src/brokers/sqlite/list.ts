import type { TaskRecord } from "../../core/record.js";
import type { Status } from "../../core/status.js";
import type { TaskQuery } from "../../ports/broker.js";
import { readCounts } from "./counts.js";
import type { Value } from "./driver.js";
import { loadRecords } from "./records.js";
import type { Sql } from "./sql.js";
import { toText } from "./text.js";

/** Newest first. */
export function list(sql: Sql, query: TaskQuery): readonly TaskRecord[] {
  const statuses = query.statuses === undefined ? [undefined] : [...new Set(query.statuses)];
  const few = fewQueued(sql, query);
  const ids = statuses.flatMap((status) => {
    const scansLine = status === "new" && few === undefined && mayScanLine(sql, query);
    return scansLine ? idsInLine(sql, query) : idsOf(sql, query, status, few);
  });
  ids.sort((a, b) => b - a);
  return loadRecords(sql, ids.slice(0, Math.max(0, query.limit)));
}

/** When the task that has waited longest was created; null when none waits. */
export function oldestWaiting(sql: Sql): number | null {
  return sql.get<{ readonly created: number }>(OLDEST_WAITING)?.created ?? null;
}

/** Ids of one status (undefined: of any), newest first. */
function idsOf(sql: Sql, query: TaskQuery, status: Status | undefined, few: Few): number[] {
  const start = startFor(query, status, few);
  const filters = filtersFor(query, status);
  const conditions = [...start.conditions, ...filters].map(({ text }) => text);
  const values = [...start.values, ...[...start.conditions, ...filters].flatMap((one) => one.values)];
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
  const ids = `SELECT t.id FROM ${start.from} ${where} ORDER BY ${start.order} DESC LIMIT ?`;
  return sql.json(`SELECT json_group_array(id) AS json FROM (${ids})`, ...values, Math.max(0, query.limit));
}

/** Ids of all that was queued under the name and since the time asked for; undefined when they are many. */
type Few = readonly number[] | undefined;

/** So many are looked at one by one in a few milliseconds. Of more, a walk down from the newest soon finds enough. */
const FEW = 10_000;

function fewQueued(sql: Sql, { taskName, sinceMs, uuidPrefix }: TaskQuery): Few {
  if (uuidPrefix !== undefined || (taskName === undefined && sinceMs === undefined)) return undefined;
  const names = taskName === undefined ? readCounts(sql).map(({ name }) => name) : [taskName];
  const ids = sql.json<number[]>(QUEUED, JSON.stringify(names), sinceMs ?? Number.MIN_SAFE_INTEGER, FEW + 1);
  return ids.length > FEW ? undefined : ids;
}

/**
 * The line is not in the order of arrival, so that its newest are found by reading all of it, or by walking down from
 * the newest task of all: whichever passes fewer tasks of the other kind.
 */
function mayScanLine(sql: Sql, query: TaskQuery): boolean {
  const { uuidPrefix, tag, sinceMs, after } = query;
  if ([uuidPrefix, tag, sinceMs, after].some((one) => one !== undefined)) return false;
  const { waiting, others } = sql.get<WaitingShare>(WAITING_SHARE) ?? { waiting: 0, others: 0 };
  return waiting <= others;
}

interface WaitingShare {
  readonly waiting: number;
  readonly others: number;
}

function idsInLine(sql: Sql, query: TaskQuery): number[] {
  const { taskName } = query;
  const ofName = taskName === undefined ? "" : "WHERE name = ?";
  const names = taskName === undefined ? [] : [taskName, taskName];
  const ids = `
    SELECT id FROM (SELECT id FROM ready ${ofName} UNION ALL SELECT id FROM later ${ofName})
    ORDER BY id DESC LIMIT ?`;
  return sql.json(`SELECT json_group_array(id) AS json FROM (${ids})`, ...names, Math.max(0, query.limit));
}

interface Condition {
  readonly text: string;
  readonly values: readonly Value[];
}

/** Where the search starts: the table or index that is walked, newest first, until `limit` tasks are found. */
interface Start {
  readonly from: string;
  readonly values: readonly Value[];
  readonly order: string;
  readonly conditions: readonly Condition[];
}

/** Takes what is likely to be the rarest: one error among a million successes is to be found at once. */
function startFor(query: TaskQuery, status: Status | undefined, few: Few): Start {
  // The plus keeps SQLite from walking all ids in order instead of looking the prefix up.
  if (query.uuidPrefix !== undefined) return { ...ALL_TASKS, order: "+t.id" };
  if (status === "process") return statusStart("active");
  if (few !== undefined) return { ...ALL_TASKS, from: AMONG, values: [JSON.stringify(few)] };
  if (status === "error" || status === "cancel") {
    return statusStart("finished", [{ text: "s.status <> 'success' AND s.status = ?", values: [status] }]);
  }
  if (query.tag !== undefined) {
    const conditions = [{ text: "g.tag = ?", values: [toText(query.tag)] }];
    return {
      from: "task_tags AS g CROSS JOIN tasks AS t ON t.id = g.id",
      values: [],
      order: "g.id",
      conditions,
    };
  }
  return status === "success" ? statusStart("finished") : ALL_TASKS;
}

const ALL_TASKS: Start = { from: "tasks AS t", values: [], order: "t.id", conditions: [] };

function statusStart(table: string, conditions: readonly Condition[] = []): Start {
  return {
    from: `${table} AS s CROSS JOIN tasks AS t ON t.id = s.id`,
    values: [],
    order: "s.id",
    conditions,
  };
}

function filtersFor(query: TaskQuery, status: Status | undefined): readonly Condition[] {
  // The plus keeps SQLite from reading and sorting all of a name where a walk from the newest ends soon.
  const filters: Condition[] = [];
  if (status !== undefined) filters.push(hasStatus(status));
  if (query.taskName !== undefined) filters.push({ text: "+t.name = ?", values: [query.taskName] });
  if (query.sinceMs !== undefined) filters.push({ text: "+t.created >= ?", values: [query.sinceMs] });
  if (query.after !== undefined) {
    filters.push({ text: "t.id < (SELECT id FROM tasks WHERE uuid = ?)", values: [query.after] });
  }
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
  if (status === "new") return { text: IS_WAITING, values: [] };
  if (status === "process") return { text: "EXISTS (SELECT 1 FROM active WHERE id = t.id)", values: [] };
  return { text: "EXISTS (SELECT 1 FROM finished WHERE id = t.id AND status = ?)", values: [status] };
}

const QUEUED = `
  SELECT json_group_array(id) AS json
  FROM (
    SELECT t.id FROM json_each(?) AS n CROSS JOIN tasks AS t INDEXED BY tasks_by_name
    WHERE t.name = n.value AND t.created >= ? LIMIT ?
  )`;

const AMONG = "json_each(?) AS c CROSS JOIN tasks AS t ON t.id = c.value";

const IS_WAITING = `
  NOT EXISTS (SELECT 1 FROM active WHERE id = t.id) AND NOT EXISTS (SELECT 1 FROM finished WHERE id = t.id)`;

/** Tasks that are not in `counts` yet wait: few enough not to matter. */
const WAITING_SHARE = `
  SELECT coalesce(sum(new), 0) AS waiting, coalesce(sum(process + success + error + cancel), 0) AS others FROM counts`;

const OLDEST_WAITING = `
  SELECT created FROM tasks WHERE id = (SELECT min(id) FROM (SELECT id FROM ready UNION ALL SELECT id FROM later))`;
