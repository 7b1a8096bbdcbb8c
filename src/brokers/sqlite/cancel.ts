import type { JsonText } from "../../core/json.js";
import { defaultCancelReason } from "../../core/record.js";
import type { EndStatus } from "../../core/status.js";
import type { CancelOutcome } from "../../ports/broker.js";
import type { Moment } from "../../ports/system.js";
import type { Transaction } from "./commit.js";
import { finish, freeKeys } from "./finish.js";
import { putInLine, takeOutOfLine } from "./line.js";
import { addRun } from "./runs.js";
import type { Sql } from "./sql.js";
import { toText } from "./text.js";

export function cancel(
  tx: Transaction,
  uuid: string,
  reason: string | null,
  now: Moment,
  urgent: boolean,
): CancelOutcome | undefined {
  const task = find(tx.sql, uuid);
  if (task === undefined) return undefined;
  const cancelReason = toText(reason ?? defaultCancelReason(task.name));
  switch (task.place) {
    case "finished":
      return "finished";
    case "active":
      askToCancel(tx, task, cancelReason, urgent);
      return "cancelling";
    case "waiting":
      endWaiting(tx, task, cancelReason, now);
      return "cancelled";
  }
}

/** Puts a finished task back in line. False: it is not finished. Undefined: no such task. */
export function requeue(tx: Transaction, uuid: string, now: Moment): boolean | undefined {
  const { sql, effects } = tx;
  const task = find(sql, uuid);
  if (task?.place !== "finished") return task && false;
  const status = moveEndToHistory(sql, task.id);
  sql.run("DELETE FROM finished WHERE id = ?", task.id);
  sql.run(AFRESH, now.wallMs, now.wallMs, task.id);
  putInLine(sql, task.id, false);
  effects.move(task.name, status, "new");
  effects.queued = true;
  return true;
}

interface FoundTask {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  /** spent attempts of ended runs */
  readonly attempt: number;
  readonly place: "waiting" | "active" | "finished";
}

function find(sql: Sql, uuid: string): FoundTask | undefined {
  return sql.get(FIND, uuid);
}

/** The first reason stays: the worker may have been told already. */
function askToCancel(
  { sql, effects }: Transaction,
  task: FoundTask,
  reason: JsonText,
  urgent: boolean,
): void {
  sql.run(ASK_TO_CANCEL, reason, urgent ? 1 : 0, task.id);
  effects.cancelling.push(task.uuid);
}

function endWaiting(tx: Transaction, task: FoundTask, cancelReason: JsonText, now: Moment): void {
  takeOutOfLine(tx.sql, JSON.stringify([task.id]));
  tx.effects.count(task.name, "new", -1);
  finish(tx, task, {
    status: "cancel",
    attempt: task.attempt,
    run: null,
    finishedMs: now.wallMs,
    cancelReason,
  });
  freeKeys(tx, [task.id]);
}

interface EndRow {
  readonly status: EndStatus;
  readonly attempt: number;
  readonly worker: JsonText | null;
  readonly started: number | null;
  readonly finished: number;
  readonly error: JsonText | null;
}

function moveEndToHistory(sql: Sql, id: number): EndStatus {
  const end = sql.get<EndRow>(END, id);
  if (end === undefined) throw new Error(`Task ${id} is finished and has no end.`);
  if (end.started !== null && end.worker !== null) {
    addRun(sql, id, {
      attempt: end.attempt,
      status: end.status,
      startedMs: end.started,
      finishedMs: end.finished,
      worker: end.worker,
      error: end.error,
    });
  }
  return end.status;
}

const FIND = `
  SELECT id, uuid, name, attempt, CASE
    WHEN EXISTS (SELECT 1 FROM finished WHERE id = t.id) THEN 'finished'
    WHEN EXISTS (SELECT 1 FROM active WHERE id = t.id) THEN 'active'
    ELSE 'waiting' END AS place
  FROM tasks AS t WHERE uuid = ?`;

const ASK_TO_CANCEL = `
  UPDATE active SET cancel_reason = coalesce(cancel_reason, ?), cancel_urgent = max(cancel_urgent, ?) WHERE id = ?`;

const END = "SELECT status, attempt, worker, started, finished, error FROM finished WHERE id = ?";

const AFRESH = `
  UPDATE tasks SET attempt = 0, deaths = 0, crashes = 0, due = ?, updated = ? WHERE id = ?`;
