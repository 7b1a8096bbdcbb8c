import type { JsonText } from "../../core/json.js";
import type { RunStatus } from "../../core/status.js";
import type { Sql } from "./sql.js";

/** Texts as they are stored. */
export interface EndedRun {
  readonly attempt: number;
  readonly status: RunStatus;
  readonly startedMs: number;
  readonly finishedMs: number;
  readonly worker: JsonText;
  readonly error: JsonText | null;
}

/** Adds a run that did not end its task to the history. */
export function addRun(sql: Sql, id: number, run: EndedRun): void {
  sql.run(ADD_RUN, id, id, run.attempt, run.status, run.startedMs, run.finishedMs, run.worker, run.error);
}

const ADD_RUN = `
  INSERT INTO runs (task, n, attempt, status, started, finished, worker, error)
  VALUES (?, (SELECT coalesce(max(n), 0) + 1 FROM runs WHERE task = ?), ?, ?, ?, ?, ?, ?)`;
