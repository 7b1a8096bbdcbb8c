import { BadOptionError } from "../core/errors.js";
import { isStatus, STATUSES, type Status } from "../core/status.js";
import type { Failures } from "./ids.js";
import { readIds, resolveId } from "./ids.js";
import type { GlobalOptions, Session } from "./session.js";
import { UsageError } from "./usage.js";

/** Flags that choose tasks without naming them. */
export interface SelectionFlags extends GlobalOptions {
  readonly status?: readonly string[] | undefined;
  readonly task?: string | undefined;
  readonly tag?: string | undefined;
  readonly since?: string | undefined;
}

const AT_MOST = 1_000_000;

/** The tasks that ids name or, without ids, that flags choose; newest first. */
export async function selectTasks(
  { app, project }: Session,
  words: readonly string[],
  flags: SelectionFlags,
  failures: Failures,
): Promise<readonly string[]> {
  if (isSelection(flags)) {
    if (words.length > 0) throw new UsageError("Both ids and a selection were given.", "Give one of them.");
    const { task, tag, since } = flags;
    const found = await app.list({ status: toStatuses(flags.status), task, tag, since, limit: AT_MOST });
    return found.map(({ uuid }) => uuid);
  }
  const uuids: string[] = [];
  for (const id of readIds(words, project.root)) {
    try {
      uuids.push(await resolveId(app, id));
    } catch (error) {
      failures.add(error);
    }
  }
  return uuids;
}

export function isSelection({ status, task, tag, since }: SelectionFlags): boolean {
  return [status, task, tag, since].some((flag) => flag !== undefined);
}

/** @throws {BadOptionError} naming what is no status */
export function toStatuses(words: readonly string[] | undefined): readonly Status[] | undefined {
  const statuses = words?.flatMap((word) => word.split(","));
  const stray = statuses?.find((word) => !isStatus(word));
  if (stray === undefined) return statuses as readonly Status[] | undefined;
  throw new BadOptionError(`--status is ${JSON.stringify(stray)}.`, `Give one of ${STATUSES.join(", ")}.`);
}
