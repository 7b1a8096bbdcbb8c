import type { QueryResultRow } from "pg";
import type {
  Departing,
  DepartRequest,
  MovingTask,
  Transfer,
  TransferStep,
  UnderWay,
} from "../../../ports/broker.js";
import type { Moment } from "../../../ports/system.js";
import { bullPriority, toLogLine, toUnique, whole } from "../given.js";
import { viewable, viewableText } from "../viewable.js";
import { type TaskRow, toRecord } from "./rows.js";

/** Sends a statement whose first value, the queue, is filled in. */
type Call = <Row extends QueryResultRow>(text: string, values?: readonly unknown[]) => Promise<Row[]>;

/** `task` is a row of `qtasks_task` and `logs` a list of texts, both as JSON. */
interface DepartureRow {
  readonly destination: string;
  readonly has_left: boolean;
  readonly task: string;
  readonly logs: string;
  readonly fence: string;
}

type MovingRow = TaskRow & { readonly binding: string | null; readonly until: string | null };

export class PostgresTransfer implements Transfer {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  async depart({ to, which, limit, most }: DepartRequest): Promise<readonly Departing[]> {
    const text = "SELECT * FROM qtasks_depart($1, $2, $3, $4, $5)";
    return (await this.#call<DepartureRow & QueryResultRow>(text, [to, which, limit, most])).map(toDeparting);
  }

  async arrive(tasks: readonly MovingTask[]): Promise<void> {
    const fence = Math.max(0, ...tasks.map((task) => task.fence));
    await this.#call("SELECT qtasks_arrive($1, $2, $3)", [JSON.stringify(tasks.map(givenArrival)), fence]);
  }

  async step(uuids: readonly string[], step: TransferStep, now: Moment): Promise<readonly boolean[]> {
    const text = "SELECT * FROM qtasks_step($1, $2, $3, $4) ORDER BY place";
    const rows = await this.#call<{ done: boolean }>(text, [uuids, step, whole(now.wallMs)]);
    return rows.map(({ done }) => done);
  }

  async underWay(): Promise<readonly UnderWay[]> {
    return this.#call<{ to: string; count: number }>(
      `SELECT destination AS "to", count(*)::int AS count FROM qtasks_moving
       WHERE queue = $1 AND state <> 'arrived' GROUP BY destination ORDER BY 1`,
    );
  }
}

function toDeparting({ destination, has_left, task, logs, fence }: DepartureRow): Departing {
  const row = JSON.parse(task) as MovingRow;
  return {
    to: destination,
    hasLeft: has_left,
    task: {
      record: toRecord(row),
      unique: toUnique(row.binding, row.until),
      crashes: row.crashes,
      alone: row.alone,
      log: (JSON.parse(logs) as string[]).map(toLogLine),
      fence: Number(fence),
    },
  };
}

function givenArrival(task: MovingTask) {
  return { task: taskRow(task), job: jobRow(task), logs: task.log.map((line) => JSON.stringify(line)) };
}

function taskRow({ record, unique, crashes, alone }: MovingTask) {
  return {
    uuid: record.uuid,
    name: record.taskName,
    status: record.status,
    args: record.args,
    priority: record.priority,
    tags: record.tags.map((tag) => JSON.stringify(tag)),
    retry: record.retry,
    max_time_ms: record.maxTimeMs,
    run_at_ms: whole(record.runAtMs),
    is_due: true,
    created_at_ms: whole(record.createdAtMs),
    updated_at_ms: whole(record.updatedAtMs),
    started_at_ms: record.startedAtMs === null ? null : whole(record.startedAtMs),
    finished_at_ms: record.finishedAtMs === null ? null : whole(record.finishedAtMs),
    attempt: record.attempt,
    deaths: record.deaths,
    crashes,
    alone,
    history: record.history.map((run) => JSON.stringify(run)).join(),
    returning_: record.returning,
    error: jsonOf(record.error),
    traceback: jsonOf(record.traceback),
    reason: jsonOf(record.cancelReason),
    progress: jsonOf(record.progress),
    worker: jsonOf(record.worker),
    binding: unique === null ? null : JSON.stringify([record.taskName, unique.key]),
    until: unique?.until ?? null,
  };
}

/** What BullMQ's own tools show of it. */
function jobRow({ record }: MovingTask) {
  const { uuid, args, returning, error, traceback, progress, history } = record;
  const delay = Math.max(0, whole(record.runAtMs) - whole(record.createdAtMs));
  const priority = bullPriority(record.priority);
  const reason = record.cancelReason === null ? null : `cancelled: ${JSON.stringify(record.cancelReason)}`;
  return {
    data: shown(args),
    opts: { jobId: uuid, priority, delay, attempts: 1 },
    priority,
    delay_ms: delay,
    attempts_made: history.length,
    attempts_started: history.length,
    progress: progress && shown(JSON.stringify(progress)),
    return_value: returning === null ? null : shown(returning),
    failed_reason: reason ?? (error && viewableText(error.message)),
    stacktrace: error && shown(JSON.stringify(traceback === null ? [] : [traceback])),
  };
}

function shown(json: string): unknown {
  return JSON.parse(viewable(json));
}

function jsonOf(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}
