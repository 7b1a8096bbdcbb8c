import type { UniqueKey } from "../../core/record.js";
import type { LogLine } from "../../ports/broker.js";

/** Times of the wall clock are stored in whole milliseconds, rounded up so that nothing is due too early. */
export function whole(timeMs: number): number {
  return Math.ceil(timeMs);
}

/** BullMQ's priorities begin at 1, and 2^21 is the last: ours are moved up by half of that. */
export function bullPriority(priority: number): number {
  const middle = 2 ** 20;
  return Math.max(1, Math.min(2 * middle, priority + middle));
}

/** A row of BullMQ's job log. A plain BullMQ worker logs text. */
export function toLogLine(row: string): LogLine {
  try {
    const line = JSON.parse(row) as Partial<LogLine> | null;
    if (typeof line?.text === "string" && typeof line.timeMs === "number") return line as LogLine;
  } catch {}
  return { attempt: 1, timeMs: 0, stream: "log", text: row };
}

/** A unique key as it is stored: `["task name","key"]`. */
export function toUnique(binding: string | null, until: string | null): UniqueKey | null {
  if (binding === null || (until !== "exists" && until !== "finished")) return null;
  const [, key] = JSON.parse(binding) as [string, string];
  return { key, until };
}

/** How long the answer may take to what may touch every task of the queue. */
export const LONG_MS = 120_000;

/** How long the answer may take to a batch of this size. */
export function longer(tasks: number): number {
  return 5000 + tasks;
}
