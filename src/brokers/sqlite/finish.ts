import type { JsonText } from "../../core/json.js";
import type { EndStatus } from "../../core/status.js";
import type { Transaction } from "./commit.js";

/** How a task ends, texts as they are stored. `run` is the run that ended it, null when none did. */
export interface End {
  readonly status: EndStatus;
  readonly attempt: number;
  readonly run: { readonly worker: JsonText; readonly startedMs: number } | null;
  readonly finishedMs: number;
  readonly error?: JsonText;
  readonly traceback?: JsonText | null;
  readonly cancelReason?: JsonText;
  readonly progress?: JsonText | null;
}

export interface Ended {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
}

/** Writes the end of one task; taking it out of `waiting` or `active` and counting it out there is the caller's. */
export function finish(tx: Transaction, task: Ended, end: End): void {
  const { sql, effects } = tx;
  sql.run(
    INSERT_FINISHED,
    task.id,
    end.status,
    end.attempt,
    end.run?.worker ?? null,
    end.run?.startedMs ?? null,
    end.finishedMs,
    end.error ?? null,
    end.traceback ?? null,
    end.cancelReason ?? null,
    end.progress ?? null,
  );
  effects.count(task.name, end.status, 1);
  effects.settled.push(task.uuid);
}

/** Lets go of the unique keys that these tasks bind only until they are finished. */
export function freeKeys(tx: Transaction, ids: readonly number[]): void {
  if (ids.length > 0) tx.sql.run(FREE_KEYS, JSON.stringify(ids));
}

const INSERT_FINISHED = `
  INSERT INTO finished
    (id, status, attempt, worker, started, finished, error, traceback, cancel_reason, progress)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** A key may be bound by a later task by now: only the row of this very task goes. */
const FREE_KEYS = `
  DELETE FROM uniques WHERE (name, key, id) IN (
    SELECT t.name, t.unique_key, t.id FROM json_each(?) AS j CROSS JOIN tasks AS t ON t.id = j.value
    WHERE t.unique_until = 'finished'
  )`;
