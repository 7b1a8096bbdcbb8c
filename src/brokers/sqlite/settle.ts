import type { Verdict } from "../../core/verdict.js";
import type { Settlement } from "../../ports/broker.js";
import type { Moment } from "../../ports/system.js";
import type { Transaction } from "./commit.js";
import { finish, freeKeys } from "./finish.js";
import { findHeld, type HeldTask } from "./held.js";
import { putInLine } from "./line.js";
import { addRun } from "./runs.js";
import { toText } from "./text.js";
import { wholeMs } from "./time.js";

export function settle(tx: Transaction, settlements: readonly Settlement[], now: Moment): readonly boolean[] {
  const held = findHeld(
    tx.sql,
    settlements.map((settlement) => settlement.lease),
  );
  const ends = new Ends();
  const written = settlements.map(({ lease, verdict }) => {
    const task = held.get(lease.uuid);
    if (task === undefined || task.fence !== lease.fence) return false;
    held.delete(lease.uuid);
    if (verdict.status === "new" && task.cancelReason === null) putBackInLine(tx, task, verdict, now);
    else ends.add(tx, task, verdict, now);
    return true;
  });
  ends.write(tx, now);
  return written;
}

/** The ends of one batch. Successes, by far the most, are written with one statement for all. */
class Ends {
  readonly #successes: (readonly [id: number, returning: string])[] = [];
  readonly #ids: number[] = [];
  readonly #freeing: number[] = [];

  add(tx: Transaction, task: HeldTask, verdict: Verdict, now: Moment): void {
    tx.effects.count(task.name, "process", -1);
    this.#ids.push(task.id);
    if (task.freesKey) this.#freeing.push(task.id);
    if (verdict.status === "success") this.#addSuccess(tx, task, verdict.returning);
    else endBadly(tx, task, verdict, now);
  }

  write(tx: Transaction, now: Moment): void {
    const { sql } = tx;
    if (this.#successes.length > 0) sql.run(INSERT_SUCCESSES, now.wallMs, JSON.stringify(this.#successes));
    if (this.#ids.length > 0) sql.run(END_ACTIVE, JSON.stringify(this.#ids));
    freeKeys(tx, this.#freeing);
  }

  #addSuccess({ effects }: Transaction, task: HeldTask, returning: string): void {
    this.#successes.push([task.id, returning]);
    effects.count(task.name, "success", 1);
    effects.settled.push(task.uuid);
  }
}

/** `error` and `cancel`; also a verdict to go back in line, on a task that was to be cancelled. */
function endBadly(tx: Transaction, task: HeldTask, verdict: Verdict, now: Moment): void {
  const { attempt, worker, startedMs, progress } = task;
  const end = { attempt, run: { worker, startedMs }, finishedMs: now.wallMs, progress };
  if (verdict.status === "error") {
    const traceback = verdict.traceback === null ? null : toText(verdict.traceback);
    finish(tx, task, { ...end, status: "error", error: toText(verdict.error), traceback });
  } else {
    const cancelReason =
      verdict.status === "cancel" ? toText(verdict.reason) : (task.cancelReason ?? toText(""));
    finish(tx, task, { ...end, status: "cancel", cancelReason });
  }
}

type BackInLine = Extract<Verdict, { readonly status: "new" }>;

function putBackInLine(tx: Transaction, task: HeldTask, verdict: BackInLine, now: Moment): void {
  const { sql, effects } = tx;
  const { attempt, startedMs, worker } = task;
  const runAtMs = wholeMs(verdict.runAtMs);
  const error = verdict.error === null ? null : toText(verdict.error);
  addRun(sql, task.id, { attempt, status: verdict.run, startedMs, finishedMs: now.wallMs, worker, error });
  const spent = verdict.spent ? attempt : attempt - 1;
  sql.run(UPDATE_TASK, spent, Number(verdict.crashed), Number(verdict.alone), runAtMs, now.wallMs, task.id);
  sql.run("DELETE FROM active WHERE id = ?", task.id);
  putInLine(sql, task.id, runAtMs > now.wallMs);
  effects.move(task.name, "process", "new");
  effects.queued = true;
}

const INSERT_SUCCESSES = `
  INSERT INTO finished (id, status, attempt, worker, started, finished, "returning", progress)
  SELECT a.id, 'success', a.attempt, a.worker, a.started, ?, j.value ->> 1, a.progress
  FROM json_each(?) AS j CROSS JOIN active AS a ON a.id = j.value ->> 0`;

const END_ACTIVE = "DELETE FROM active WHERE id IN (SELECT value FROM json_each(?))";

const UPDATE_TASK = `
  UPDATE tasks SET attempt = ?, crashes = crashes + ?, alone = max(alone, ?), due = ?, updated = ? WHERE id = ?`;
