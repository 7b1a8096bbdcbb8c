import { type Duration, seconds } from "../core/duration.js";
import { BadOptionError } from "../core/errors.js";
import { show } from "../core/show.js";
import { isStatus, STATUSES, type Status } from "../core/status.js";
import type { Broker, PruneQuery, TaskQuery } from "../ports/broker.js";
import { checkedId } from "./client.js";

export interface ListQuery {
  readonly status?: Status | readonly Status[] | undefined;
  readonly task?: string | undefined;
  readonly tag?: string | undefined;
  /** created since: a time, or so long ago */
  readonly since?: Date | Duration | undefined;
  /** the id of the last task of an earlier list, to go on behind it; nothing once it is forgotten */
  readonly after?: string | undefined;
  /** default 100 */
  readonly limit?: number | undefined;
}

export interface PruneOptions {
  /** finished longer ago */
  readonly age?: Duration | undefined;
  /** all but the newest so many */
  readonly count?: number | undefined;
  readonly status?: Status | readonly Status[] | undefined;
}

const DEFAULT_LIST_LIMIT = 100;

/** @throws {BadOptionError} as `toPruneQuery` and `checkedId` do */
export function toTaskQuery(
  query: ListQuery,
  nowMs: number,
  broker: Pick<Broker, "hasForeignIds">,
): TaskQuery {
  const { status, task, tag, since, after, limit = DEFAULT_LIST_LIMIT } = query;
  return {
    statuses: toStatuses(status),
    taskName: task,
    tag,
    sinceMs: since instanceof Date ? since.getTime() : before(nowMs, "since", since),
    after: after === undefined ? undefined : checkedId(after, broker),
    limit: checkedCount("limit", limit),
  };
}

/** @throws {BadOptionError} when a status, a duration or a number is none */
export function toPruneQuery({ age, count, status }: PruneOptions, nowMs: number): PruneQuery {
  return {
    finishedBeforeMs: before(nowMs, "age", age),
    keep: count === undefined ? undefined : checkedCount("count", count),
    statuses: toStatuses(status),
  };
}

function before(nowMs: number, option: string, duration: Duration | undefined): number | undefined {
  return duration === undefined ? undefined : nowMs - seconds(option, duration) * 1000;
}

function checkedCount(option: string, count: number): number {
  if (Number.isSafeInteger(count) && count >= 0) return count;
  throw new BadOptionError(`${option} is ${show(count)}.`, "Give a whole number, 0 or more.");
}

function toStatuses(status: Status | readonly Status[] | undefined): readonly Status[] | undefined {
  if (status === undefined) return undefined;
  const statuses = typeof status === "string" ? [status] : status;
  const stray = statuses.find((candidate) => !isStatus(candidate));
  if (stray === undefined) return statuses;
  throw new BadOptionError(`${show(stray)} is no status.`, `The statuses are: ${STATUSES.join(", ")}.`);
}
