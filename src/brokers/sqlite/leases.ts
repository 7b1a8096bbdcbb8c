import type { Lease, LeaseState, LogLine, RunReport } from "../../ports/broker.js";
import type { Moment } from "../../ports/system.js";
import type { Transaction } from "./commit.js";
import { findHeld, type HeldTask } from "./held.js";
import type { Sql } from "./sql.js";
import { toText } from "./text.js";
import { wholeMs } from "./time.js";

export function extend(
  tx: Transaction,
  leases: readonly Lease[],
  leaseMs: number,
  now: Moment,
): readonly LeaseState[] {
  const held = findHeld(tx.sql, leases);
  const ids: number[] = [];
  const states = leases.map((lease): LeaseState => {
    const task = held.get(lease.uuid);
    if (task === undefined || task.fence !== lease.fence) return { state: "lost" };
    ids.push(task.id);
    if (task.cancelReason === null) return { state: "held" };
    const reason = JSON.parse(task.cancelReason) as string;
    return { state: "cancelling", reason, ...(task.isUrgent && { urgent: true }) };
  });
  if (ids.length > 0) tx.sql.run(EXTEND, now.monoMs + leaseMs, JSON.stringify(ids));
  return states;
}

export function report(tx: Transaction, reports: readonly RunReport[], now: Moment): readonly boolean[] {
  const held = findHeld(
    tx.sql,
    reports.map((one) => one.lease),
  );
  return reports.map((one) => {
    const task = held.get(one.lease.uuid);
    if (task === undefined || task.fence !== one.lease.fence) return false;
    store(tx.sql, task, one, now);
    return true;
  });
}

function store(sql: Sql, task: HeldTask, { progress, lines }: RunReport, now: Moment): void {
  if (progress !== undefined) {
    sql.run(
      "UPDATE active SET progress = ?, updated = ? WHERE id = ?",
      toText(progress),
      now.wallMs,
      task.id,
    );
  }
  if (lines !== undefined && lines.length > 0) addLines(sql, task.id, lines);
}

function addLines(sql: Sql, id: number, lines: readonly LogLine[]): void {
  let n = sql.get<{ readonly n: number }>(LAST_LINE, id)?.n ?? 0;
  for (const { attempt, timeMs, stream, text } of lines) {
    n += 1;
    sql.run(ADD_LINE, id, n, attempt, wholeMs(timeMs), stream, toText(text));
  }
}

const EXTEND = "UPDATE active SET lease_until = ? WHERE id IN (SELECT value FROM json_each(?))";
const LAST_LINE = "SELECT coalesce(max(n), 0) AS n FROM lines WHERE task = ?";
const ADD_LINE = "INSERT INTO lines (task, n, attempt, time, stream, text) VALUES (?, ?, ?, ?, ?, ?)";
