import { parseDuration } from "../core/duration.js";
import { BadOptionError } from "../core/errors.js";
import { isStatus, STATUSES, type Status } from "../core/status.js";
import type { App } from "../engine/app.js";
import type { ListQuery } from "../engine/query.js";
import { type Failures, resolveIds } from "./ids.js";
import type { GlobalOptions, Session } from "./session.js";
import { UsageError } from "./usage.js";

/** Flags that choose tasks without naming them. */
export interface SelectionFlags extends GlobalOptions {
  readonly status?: readonly string[] | undefined;
  readonly task?: string | undefined;
  readonly tag?: string | undefined;
  readonly since?: string | undefined;
}

/** What a command can do to tasks of some statuses only. */
export interface Aim {
  /** those that it can be done to */
  readonly possible: readonly Status[];
  /** those that are meant where `--status` does not say it */
  readonly meant: readonly Status[];
}

/** Uuids, page by page. May be read more than once; what was chosen by flags is then looked for again. */
export type Pages = () => AsyncIterable<readonly string[]>;

/** Of a million tasks only so many are held in memory. */
const PAGE = 2000;

/** The tasks that ids name or, without ids, that flags choose, newest first; each once. */
export async function selectTasks(
  session: Session,
  words: readonly string[],
  flags: SelectionFlags,
  aim: Aim,
  failures: Failures,
): Promise<Pages> {
  if (!isSelection(flags)) {
    const uuids = await resolveIds(session, words, failures);
    return async function* () {
      yield uuids;
    };
  }
  refuseBoth(words);
  const query = toQuery(flags);
  refuseOthers(query.status, aim.possible);
  return () => pagesOf(session.app, { ...query, status: query.status ?? aim.meant });
}

export async function countOf(pages: Pages): Promise<number> {
  let count = 0;
  for await (const page of pages()) count += page.length;
  return count;
}

async function* pagesOf(app: App, query: ListQuery): AsyncGenerator<readonly string[]> {
  let after: string | undefined;
  do {
    const found = await app.list({ ...query, after, limit: PAGE });
    yield found.map(({ uuid }) => uuid);
    after = found[PAGE - 1]?.uuid;
  } while (after !== undefined);
}

export function isSelection({ status, task, tag, since }: SelectionFlags): boolean {
  return [status, task, tag, since].some((flag) => flag !== undefined);
}

/** @throws {UsageError} when there are ids beside a selection */
export function refuseBoth(words: readonly string[]): void {
  if (words.length > 0) throw new UsageError("Both ids and a selection were given.", "Give one of them.");
}

/** @throws {UsageError} when a command cannot be done to tasks of a status asked for */
export function refuseOthers(asked: readonly Status[] | undefined, possible: readonly Status[]): void {
  const stray = asked?.find((status) => !possible.includes(status));
  if (stray === undefined) return;
  throw new UsageError(
    `--status is ${stray}, and this is not possible with such tasks.`,
    `Give ${possible.join(", ")}.`,
  );
}

export function toQuery({ status, task, tag, since }: SelectionFlags): ListQuery & {
  readonly status: readonly Status[] | undefined;
} {
  return { status: toStatuses(status), task, tag, since: since === undefined ? undefined : toSince(since) };
}

/** @throws {BadOptionError} naming what is no status */
export function toStatuses(words: readonly string[] | undefined): readonly Status[] | undefined {
  const statuses = words?.flatMap((word) => word.split(","));
  const stray = statuses?.find((word) => !isStatus(word));
  if (stray === undefined) return statuses as readonly Status[] | undefined;
  throw new BadOptionError(`--status is ${JSON.stringify(stray)}.`, `Give one of ${STATUSES.join(", ")}.`);
}

/** @returns so many seconds ago, or a time */
function toSince(text: string): number | Date {
  const ago = parseDuration(text);
  if (ago !== undefined) return ago;
  const time = new Date(text);
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(time.getTime())) return time;
  throw new BadOptionError(
    `--since is ${JSON.stringify(text)}.`,
    'Give how long ago, such as "1h30m", or a time, such as 2030-01-31T08:00:00Z.',
  );
}
