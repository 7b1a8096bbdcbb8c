import type { JsonText } from "../../core/json.js";
import type { Moment } from "../../ports/system.js";
import type { Transaction } from "./commit.js";
import { finish, freeKeys } from "./finish.js";
import { putInLine } from "./line.js";
import type { Held, Liveness } from "./liveness.js";
import { type Meta, readMeta } from "./meta.js";
import { addRun } from "./runs.js";
import type { Sql } from "./sql.js";

/** Whether a claim would find tasks to take back. */
export function hasLost(sql: Sql, now: Moment, liveness: Liveness): boolean {
  liveness.look(() => workersWithTasks(sql), now);
  const meta = readMeta(sql);
  return meta.boot !== now.bootId || lostTasks(sql, meta, now, liveness).length > 0;
}

/** Puts tasks back in line whose worker died, or froze past their lease. */
export function takeBackLost(tx: Transaction, now: Moment, liveness: Liveness): void {
  const { sql } = tx;
  liveness.look(() => workersWithTasks(sql), now);
  const meta = readMeta(sql);
  if (meta.boot === now.bootId && now.monoMs < meta.next_expiry && liveness.dead.size === 0) return;
  for (const task of lostTasks(sql, meta, now, liveness)) takeBack(tx, task, now);
  sql.run(LOOK_AGAIN, NEVER, now.bootId);
  if (liveness.dead.size === 0) return;
  sql.run(FORGET_WORKERS, JSON.stringify([...liveness.dead]));
  tx.effects.afterCommit.push(() => liveness.bury());
}

interface LostTask extends Held {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  readonly attempt: number;
  readonly worker: JsonText;
  readonly started: number;
  readonly cancel_reason: JsonText | null;
  readonly progress: JsonText | null;
}

/** All leases are of one boot: the first claim after a start of the machine takes all older ones back. */
function lostTasks(sql: Sql, meta: Meta, now: Moment, liveness: Liveness): readonly LostTask[] {
  if (meta.boot !== now.bootId) return sql.all(ALL_ACTIVE);
  if (now.monoMs < meta.next_expiry && liveness.dead.size === 0) return [];
  const suspects = sql.all<LostTask>(SUSPECTS, now.monoMs, JSON.stringify([...liveness.dead]));
  return suspects.filter((task) => liveness.mayTakeBack(task, now));
}

function workersWithTasks(sql: Sql): readonly string[] {
  return sql.json("SELECT json_group_array(DISTINCT worker_id) AS json FROM active");
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
  putInLine(sql, task.id, false);
  effects.count(task.name, "new", 1);
  effects.queued = true;
}

function endCancelled(tx: Transaction, task: LostTask, cancelReason: JsonText, now: Moment): void {
  const { progress } = task;
  const attempt = task.attempt - 1;
  finish(tx, task, { status: "cancel", attempt, run: null, finishedMs: now.wallMs, cancelReason, progress });
  freeKeys(tx, [task.id]);
}

const LOST_COLUMNS = `
  SELECT a.id, t.uuid, a.name, a.attempt, a.fence, a.worker_id, a.lease_until, a.worker, a.started, a.cancel_reason,
    a.progress
  FROM active AS a JOIN tasks AS t ON t.id = a.id`;
const SUSPECTS = `
  ${LOST_COLUMNS} WHERE a.lease_until <= ? OR a.worker_id IN (SELECT value FROM json_each(?))`;
const ALL_ACTIVE = LOST_COLUMNS;

/** Leases only move on, so the earliest end is a bound until it is reached: no claim before has to look. */
const LOOK_AGAIN =
  "UPDATE meta SET next_expiry = coalesce((SELECT min(lease_until) FROM active), ?), boot = ?";
const FORGET_WORKERS = "DELETE FROM workers WHERE id IN (SELECT value FROM json_each(?))";
const NEVER = Number.MAX_VALUE;
