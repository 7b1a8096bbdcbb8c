import { parseDuration } from "../../core/duration.js";
import { BadOptionError } from "../../core/errors.js";
import { END_STATUSES } from "../../core/status.js";
import { atLeast } from "../atLeast.js";
import { confirm } from "../confirm.js";
import { EXIT } from "../exit.js";
import { refuseOthers, toStatuses } from "../select.js";
import { type GlobalOptions, openProject } from "../session.js";
import type { Stage } from "../stage.js";
import { UsageError } from "../usage.js";

export interface PruneFlags extends GlobalOptions {
  readonly age?: string | undefined;
  readonly count?: string | undefined;
  readonly status?: readonly string[] | undefined;
}

export interface PurgeFlags extends GlobalOptions {
  readonly yes?: boolean | undefined;
}

/** Forgets finished tasks that match all that is given. */
export async function prune(stage: Stage, flags: PruneFlags): Promise<number> {
  const { age, count, status } = flags;
  if (age === undefined && count === undefined && status === undefined) {
    throw new UsageError(
      "What is to be forgotten was not said.",
      "Give --age 7d, --count 1000 or --status error.",
    );
  }
  const query = { age: ageOf(age), count: atLeast("--count", count, 0), status: toStatuses(status) };
  refuseOthers(query.status, END_STATUSES);
  const { app } = await openProject(stage, flags);
  return tell(stage, await app.prune(query));
}

/** Empties the queue: forgets every task that waits. */
export async function purge(stage: Stage, flags: PurgeFlags): Promise<number> {
  const { app } = await openProject(stage, flags);
  const waiting = (await app.counts()).new;
  if (waiting > 0 && !(await confirm(stage, `Forget all ${waiting} waiting tasks?`, flags.yes)))
    return EXIT.failed;
  return tell(stage, await app.purge());
}

function tell(stage: Stage, removed: number): number {
  if (stage.json) stage.document({ removed });
  else stage.answer(`${removed} removed`);
  return EXIT.ok;
}

function ageOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const parsed = parseDuration(text);
  if (parsed !== undefined) return parsed;
  throw new BadOptionError(`--age is ${JSON.stringify(text)}.`, 'Give seconds, or text such as "7d".');
}
