import type { TaskRecord, UniqueKey } from "../../core/record.js";
import { isFinal } from "../../core/status.js";
import type { MovingTask } from "../../ports/broker.js";
import type { Moment } from "../../ports/system.js";
import type { Transaction } from "./commit.js";
import { countArrivals } from "./counts.js";
import { putInLine } from "./line.js";
import { addRun } from "./runs.js";
import { toText } from "./text.js";
import { wholeMs } from "./time.js";

/** Puts tasks that were in a queue before, this one or another, into their places here; not those that are here. */
export function restore(tx: Transaction, tasks: readonly MovingTask[], now: Moment): void {
  const ids = tasks.flatMap((task) => restoreOne(tx, task, now) ?? []);
  const [first, last] = [ids[0], ids.at(-1)];
  if (first !== undefined && last !== undefined) countArrivals(tx.sql, first, last);
}

function restoreOne(tx: Transaction, task: MovingTask, now: Moment): number | undefined {
  const { sql, effects } = tx;
  const { record, unique } = task;
  const id = insertTask(tx, task);
  if (id === undefined) return undefined;
  if (unique !== null && bindsStill(unique, record)) {
    sql.run(
      "INSERT OR IGNORE INTO uniques (name, key, id) VALUES (?, ?, ?)",
      record.taskName,
      toText(unique.key),
      id,
    );
  }
  for (const tag of new Set(record.tags))
    sql.run("INSERT INTO task_tags (tag, id) VALUES (?, ?)", toText(tag), id);
  for (const [place, line] of task.log.entries()) {
    sql.run(INSERT_LINE, id, place + 1, line.attempt, wholeMs(line.timeMs), line.stream, toText(line.text));
  }
  if (isFinal(record.status)) insertEnd(tx, id, record);
  else {
    addRuns(tx, id, record.history);
    putInLine(sql, id, record.runAtMs > now.wallMs);
    effects.queued = true;
  }
  return id;
}

function bindsStill(unique: UniqueKey, record: TaskRecord): boolean {
  return unique.until === "exists" || !isFinal(record.status);
}

/** @returns undefined when there is a task of this uuid */
function insertTask(
  { sql }: Transaction,
  { record, unique, crashes, alone }: MovingTask,
): number | undefined {
  const values = [
    record.uuid,
    record.taskName,
    record.args,
    record.priority,
    wholeMs(record.runAtMs),
    wholeMs(record.createdAtMs),
    wholeMs(record.updatedAtMs),
    record.retry,
    record.maxTimeMs === null ? null : toText(record.maxTimeMs),
    record.tags.length === 0 ? null : toText(record.tags),
    unique === null ? null : toText(unique.key),
    unique?.until ?? null,
    record.attempt,
    record.deaths,
    crashes,
    Number(alone),
  ];
  if (sql.run(INSERT_TASK, ...values) === 0) return undefined;
  return sql.get<{ readonly id: number }>("SELECT id FROM tasks WHERE uuid = ?", record.uuid)?.id;
}

function insertEnd(tx: Transaction, id: number, record: TaskRecord): void {
  const { status, history, error, traceback, cancelReason, progress } = record;
  const run = runThatEnded(record);
  addRuns(tx, id, run === undefined ? history : history.slice(0, -1));
  tx.sql.run(
    INSERT_END,
    id,
    status,
    record.attempt,
    run === undefined ? null : toText(run.worker),
    run === undefined ? null : wholeMs(run.startedAtMs),
    wholeMs(record.finishedAtMs ?? record.updatedAtMs),
    record.returning,
    error && toText(error),
    traceback && toText(traceback),
    cancelReason === null ? null : toText(cancelReason),
    progress && toText(progress),
  );
  // It was counted in as one that waits, like all that arrives.
  tx.effects.move(record.taskName, "new", status);
  tx.effects.settled.push(record.uuid);
}

/** The run that ended the task has no row of its own. None did where it was cancelled while it waited. */
function runThatEnded({
  history,
  status,
  finishedAtMs,
}: TaskRecord): TaskRecord["history"][number] | undefined {
  const last = history.at(-1);
  return last?.status === status && last.finishedAtMs === finishedAtMs ? last : undefined;
}

function addRuns({ sql }: Transaction, id: number, runs: TaskRecord["history"]): void {
  for (const { attempt, status, startedAtMs, finishedAtMs, worker, error } of runs) {
    const [startedMs, finishedMs] = [wholeMs(startedAtMs), wholeMs(finishedAtMs)];
    addRun(sql, id, {
      attempt,
      status,
      startedMs,
      finishedMs,
      worker: toText(worker),
      error: error && toText(error),
    });
  }
}

const INSERT_TASK = `
  INSERT INTO tasks (uuid, name, args, priority, due, created, updated, retry, max_time, tags, unique_key, unique_until,
    attempt, deaths, crashes, alone)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (uuid) DO NOTHING`;

const INSERT_LINE = "INSERT INTO lines (task, n, attempt, time, stream, text) VALUES (?, ?, ?, ?, ?, ?)";

const INSERT_END = `
  INSERT INTO finished
    (id, status, attempt, worker, started, finished, "returning", error, traceback, cancel_reason, progress)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;
