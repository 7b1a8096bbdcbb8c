import type { WorkerInfo } from "../../ports/broker.js";
import type { Moment } from "../../ports/system.js";
import type { Sql } from "./sql.js";
import { toText } from "./text.js";
import { wholeMs } from "./time.js";

/** Enters the worker or renews its entry, and drops the entries of the dead. */
export function beat(sql: Sql, worker: WorkerInfo, leaseMs: number, now: Moment): void {
  sql.run("DELETE FROM workers WHERE boot <> ? OR alive_until <= ?", now.bootId, now.monoMs);
  const { id, name, pid, host, slots, busy, sinceMs } = worker;
  const tasks = toText(worker.tasks);
  sql.run(
    ENTER,
    id,
    toText(name),
    pid,
    toText(host),
    slots,
    busy,
    tasks,
    wholeMs(sinceMs),
    now.bootId,
    now.monoMs + leaseMs,
  );
}

export function leave(sql: Sql, workerId: string): void {
  sql.run("DELETE FROM workers WHERE id = ?", workerId);
}

/** The living, in the order of their start. */
export function livingWorkers(sql: Sql, now: Moment): readonly WorkerInfo[] {
  return sql.json(LIVING, now.bootId, now.monoMs);
}

const ENTER = `
  INSERT OR REPLACE INTO workers (id, name, pid, host, slots, busy, tasks, since, boot, alive_until)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

const LIVING = `
  SELECT json_group_array(json_object('id', id, 'name', json(name), 'pid', pid, 'host', json(host), 'slots', slots,
    'busy', busy, 'tasks', json(tasks), 'sinceMs', since)) AS json
  FROM (SELECT * FROM workers WHERE boot = ? AND alive_until > ? ORDER BY since, id)`;
