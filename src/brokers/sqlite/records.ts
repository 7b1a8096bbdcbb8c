import type { RunRecord, TaskRecord } from "../../core/record.js";
import type { EndStatus } from "../../core/status.js";
import type { LogLine } from "../../ports/broker.js";
import type { Sql } from "./sql.js";

/** In the order of the uuids, undefined where there is none. */
export function getRecords(sql: Sql, uuids: readonly string[]): readonly (TaskRecord | undefined)[] {
  const ids = sql.json<number[]>(IDS_OF_UUIDS, JSON.stringify(uuids));
  const records = new Map(loadRecords(sql, ids).map((record) => [record.uuid, record]));
  return uuids.map((uuid) => records.get(uuid));
}

/** In the order of the ids. */
export function loadRecords(sql: Sql, ids: readonly number[]): readonly TaskRecord[] {
  return ids.length === 0 ? [] : sql.json<Parts[]>(RECORDS, JSON.stringify(ids)).map(toRecord);
}

/** Without the oldest `after` lines: they are numbered from 1. */
export function getLogs(sql: Sql, uuid: string, after: number): readonly LogLine[] {
  return sql.json(LOGS, uuid, after);
}

/** A record as SQLite puts it together: `task`, and of the other parts those that there are. */
interface Parts {
  readonly task: TaskPart;
  readonly active: ActivePart | null;
  readonly end: EndPart | null;
  readonly runs: readonly RunRecord[];
}

type TaskPart = Pick<
  TaskRecord,
  "uuid" | "taskName" | "args" | "priority" | "retry" | "maxTimeMs" | "runAtMs" | "createdAtMs"
> & {
  readonly tags: readonly string[] | null;
  readonly attempt: number;
  readonly deaths: number;
  readonly updatedAtMs: number;
};

type ActivePart = Pick<TaskRecord, "attempt" | "progress" | "updatedAtMs"> & {
  readonly worker: string;
  readonly startedAtMs: number;
};

type EndPart = Pick<
  TaskRecord,
  "attempt" | "progress" | "returning" | "error" | "traceback" | "cancelReason"
> & {
  readonly status: EndStatus;
  readonly finishedAtMs: number;
  /** null, like `startedAtMs`, when no run ended the task */
  readonly worker: string | null;
  readonly startedAtMs: number | null;
};

function toRecord({ task, active, end, runs }: Parts): TaskRecord {
  const history = end === null ? runs : withLastRun(runs, end);
  const last = history.at(-1);
  const isWaiting = active === null && end === null;
  return {
    ...task,
    tags: task.tags ?? [],
    status: end?.status ?? (active === null ? "new" : "process"),
    attempt: end?.attempt ?? active?.attempt ?? task.attempt,
    updatedAtMs: end?.finishedAtMs ?? active?.updatedAtMs ?? task.updatedAtMs,
    startedAtMs: isWaiting ? null : (active?.startedAtMs ?? last?.startedAtMs ?? null),
    finishedAtMs: end?.finishedAtMs ?? null,
    history,
    returning: end?.returning ?? null,
    error: end?.error ?? null,
    traceback: end?.traceback ?? null,
    cancelReason: end?.cancelReason ?? null,
    progress: end?.progress ?? active?.progress ?? null,
    worker: active?.worker ?? last?.worker ?? null,
  };
}

/** The run that ended the task has no row of its own: the end tells it. */
function withLastRun(runs: readonly RunRecord[], end: EndPart): readonly RunRecord[] {
  if (end.startedAtMs === null) return runs;
  const { attempt, startedAtMs, finishedAtMs, status, error } = end;
  return [...runs, { attempt, startedAtMs, finishedAtMs, status, error, worker: end.worker ?? "" }];
}

const IDS_OF_UUIDS = `
  SELECT json_group_array(t.id) AS json FROM json_each(?) AS u CROSS JOIN tasks AS t ON t.uuid = u.value`;

const TASK = `json_object(
  'uuid', t.uuid, 'taskName', t.name, 'args', t.args, 'priority', t.priority, 'tags', json(t.tags), 'retry', t.retry,
  'maxTimeMs', json(t.max_time), 'runAtMs', t.due, 'createdAtMs', t.created, 'updatedAtMs', t.updated,
  'attempt', t.attempt, 'deaths', t.deaths)`;

const ACTIVE = `json_object(
  'attempt', a.attempt, 'worker', json(a.worker), 'startedAtMs', a.started, 'updatedAtMs', a.updated,
  'progress', json(a.progress))`;

const END = `json_object(
  'status', f.status, 'attempt', f.attempt, 'worker', json(f.worker), 'startedAtMs', f.started,
  'finishedAtMs', f.finished, 'returning', f."returning", 'error', json(f.error), 'traceback', json(f.traceback),
  'cancelReason', json(f.cancel_reason), 'progress', json(f.progress))`;

const RUNS = `(
  SELECT json_group_array(json_object(
    'attempt', attempt, 'startedAtMs', started, 'finishedAtMs', finished, 'status', status,
    'error', json(error), 'worker', json(worker)))
  FROM (SELECT * FROM runs WHERE task = t.id ORDER BY n))`;

const RECORDS = `
  SELECT json_group_array(json_object(
    'task', ${TASK},
    'active', json(CASE WHEN a.id IS NOT NULL THEN ${ACTIVE} END),
    'end', json(CASE WHEN f.id IS NOT NULL THEN ${END} END),
    'runs', json(${RUNS}))) AS json
  FROM json_each(?) AS j CROSS JOIN tasks AS t ON t.id = j.value
  LEFT JOIN active AS a ON a.id = t.id LEFT JOIN finished AS f ON f.id = t.id`;

const LOGS = `
  SELECT json_group_array(json_object('attempt', attempt, 'timeMs', time, 'stream', stream, 'text', json(text))) AS json
  FROM (
    SELECT l.attempt, l.time, l.stream, l.text FROM tasks AS t CROSS JOIN lines AS l ON l.task = t.id
    WHERE t.uuid = ? AND l.n > ? ORDER BY l.n
  )`;
