import { setTimeout as sleep } from "node:timers/promises";
import { UnknownIdError } from "../../core/errors.js";
import { isFinal } from "../../core/status.js";
import type { LogLine } from "../../ports/broker.js";
import { EXIT } from "../exit.js";
import { readIds, resolveId } from "../ids.js";
import { interruptible } from "../interrupt.js";
import { type GlobalOptions, openProject, type Session } from "../session.js";
import type { Stage } from "../stage.js";
import { UsageError } from "../usage.js";
import { wholeNumber } from "./call.js";

export interface LogsFlags extends GlobalOptions {
  readonly follow?: boolean | undefined;
  readonly attempt?: string | undefined;
  readonly tail?: string | undefined;
}

/** Output rings no bell, or every waiter would wake with each line: it is looked for so often while it is followed. */
const FOLLOW_EVERY_MS = 250;

/** What a task printed and logged. */
export async function logs(stage: Stage, word: string, flags: LogsFlags): Promise<number> {
  const attempt = atLeast("--attempt", flags.attempt, 1);
  const tail = atLeast("--tail", flags.tail, 0);
  const session = await openProject(stage, flags);
  const [id = ""] = readIds([word], session.project.root);
  const uuid = await resolveId(session.app, id);
  if ((await session.app.get(uuid)) === undefined) throw new UnknownIdError(id);
  const wanted = (lines: readonly LogLine[]) =>
    lines.filter((line) => attempt === undefined || line.attempt === attempt);
  if (flags.follow)
    return await interruptible(
      () => {},
      () => follow(session, uuid, wanted, tail),
    );
  const lines = lastOf(wanted(await session.app.logs(uuid)), tail);
  if (stage.json) stage.document(lines.map(toJson));
  else for (const line of lines) stage.result(line.text);
  return EXIT.ok;
}

async function follow(
  { stage, app }: Session,
  uuid: string,
  wanted: (lines: readonly LogLine[]) => readonly LogLine[],
  tail: number | undefined,
): Promise<number> {
  let shown = 0;
  for (;;) {
    // The status first: what is printed until the end is then among the lines.
    const task = await app.get(uuid);
    const lines = wanted(await app.logs(uuid));
    for (const line of shown === 0 ? lastOf(lines, tail) : lines.slice(shown)) {
      if (stage.json) stage.answer(JSON.stringify(toJson(line)));
      else stage.result(line.text);
    }
    shown = lines.length;
    if (task === undefined || isFinal(task.status)) return EXIT.ok;
    await sleep(FOLLOW_EVERY_MS);
  }
}

function toJson({ attempt, timeMs, stream, text }: LogLine) {
  return { attempt, time: new Date(timeMs).toISOString(), stream, text };
}

function lastOf(lines: readonly LogLine[], tail: number | undefined): readonly LogLine[] {
  return tail === undefined ? lines : lines.slice(Math.max(0, lines.length - tail));
}

function atLeast(flag: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const value = wholeNumber(flag, text);
  if (value >= least) return value;
  throw new UsageError(`${flag} is ${text}.`, `Give a whole number, ${least} or more.`);
}
