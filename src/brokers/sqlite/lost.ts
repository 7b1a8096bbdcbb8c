import type { JsonText } from "../../core/json.js";
import type { Moment } from "../../ports/system.js";
import type { Transaction } from "./commit.js";
import { finish, freeKeys } from "./finish.js";
import { addRun } from "./runs.js";
import type { Sql } from "./sql.js";

export function hasLost(sql: Sql, now: Moment): boolean {
  if (!isOfThisBoot(sql, now)) return true;
  return sql.get(ANY_OVERDUE, now.monoMs) !== undefined;
}

/** Puts tasks back in line whose lease has run out: their worker died, or froze. */
export function takeBackLost(tx: Transaction, now: Moment): void {
  const { sql } = tx;
  for (const task of lostTasks(sql, now)) takeBack(tx, task, now);
  if (!isOfThisBoot(sql, now)) sql.run("UPDATE meta SET boot = ?", now.bootId);
}

interface LostTask {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  readonly attempt: number;
  readonly worker: JsonText;
  readonly started: number;
  readonly cancel_reason: JsonText | null;
  readonly progress: JsonText | null;
}

/** All leases are of the boot in `meta`: the first claim after a start of the machine takes all older ones back. */
function lostTasks(sql: Sql, now: Moment): readonly LostTask[] {
  return isOfThisBoot(sql, now) ? sql.all(OVERDUE, now.monoMs) : sql.all(ALL_ACTIVE);
}

function isOfThisBoot(sql: Sql, now: Moment): boolean {
  return sql.get<{ readonly boot: string }>("SELECT boot FROM meta")?.boot === now.bootId;
}

function takeBack(tx: Transaction, task: LostTask, now: Moment): void {
  const { sql, effects } = tx;
  addRun(sql, task.id, {
    attempt: task.attempt,
    status: "lost",
    startedMs: task.started,
    finishedMs: now.wallMs,
    worker: task.worker,
    error: null,
  });
  sql.run("UPDATE tasks SET deaths = deaths + 1, updated = ? WHERE id = ?", now.wallMs, task.id);
  sql.run("DELETE FROM active WHERE id = ?", task.id);
  effects.count(task.name, "process", -1);
  if (task.cancel_reason === null) putBackInLine(tx, task);
  else endCancelled(tx, task, task.cancel_reason, now);
}

/** In its old place: it was due when it was claimed. */
function putBackInLine({ sql, effects }: Transaction, task: LostTask): void {
  sql.run(PUT_BACK, task.id);
  effects.count(task.name, "new", 1);
  effects.queued = true;
}

function endCancelled(tx: Transaction, task: LostTask, cancelReason: JsonText, now: Moment): void {
  const { progress } = task;
  const attempt = task.attempt - 1;
  finish(tx, task, { status: "cancel", attempt, run: null, finishedMs: now.wallMs, cancelReason, progress });
  freeKeys(tx, [task.id]);
}

const ANY_OVERDUE = "SELECT 1 FROM active WHERE lease_until <= ? LIMIT 1";

const LOST_COLUMNS = `
  SELECT a.id, t.uuid, a.name, a.attempt, a.worker, a.started, a.cancel_reason, a.progress
  FROM active AS a JOIN tasks AS t ON t.id = a.id`;
const OVERDUE = `${LOST_COLUMNS} WHERE a.lease_until <= ?`;
const ALL_ACTIVE = LOST_COLUMNS;

const PUT_BACK = `
  INSERT INTO waiting (id, name, priority, due, later) SELECT id, name, priority, due, 0 FROM tasks WHERE id = ?`;
