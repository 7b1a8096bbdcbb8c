import { UnknownIdError } from "../../core/errors.js";
import { isFinal } from "../../core/status.js";
import type { LogLine } from "../../ports/broker.js";
import { atLeast } from "../atLeast.js";
import { Bell } from "../bell.js";
import { EXIT } from "../exit.js";
import { resolveOnly } from "../ids.js";
import { interruptible } from "../interrupt.js";
import { type GlobalOptions, openProject, type Session } from "../session.js";
import type { Stage } from "../stage.js";
import { escapeControls } from "../ui/escape.js";

export interface LogsFlags extends GlobalOptions {
  readonly follow?: boolean | undefined;
  readonly attempt?: string | undefined;
  readonly tail?: string | undefined;
}

interface Wanted {
  readonly attempt: number | undefined;
  readonly tail: number | undefined;
}

/** Output rings no bell, or every waiter would wake with each line: it is looked for so often while it is followed. */
const FOLLOW_EVERY_MS = 250;

/** What a task printed and logged. */
export async function logs(stage: Stage, word: string, flags: LogsFlags): Promise<number> {
  const wanted = { attempt: atLeast("--attempt", flags.attempt, 1), tail: atLeast("--tail", flags.tail, 0) };
  const session = await openProject(stage, flags);
  const uuid = await resolveOnly(session, word);
  const task = await session.app.get(uuid);
  if (task === undefined) throw new UnknownIdError(uuid);
  if (flags.follow)
    return await interruptible(
      () => {},
      () => follow(session, uuid, wanted),
    );
  const all = await session.app.logs(uuid);
  const lines = lastOf(ofAttempt(all, wanted), wanted);
  if (stage.json) stage.document(lines.map(toJson));
  else for (const line of lines) stage.answer(forPeople(stage, line));
  if (all.length === 0)
    stage.hint(task.startedAt === null ? "It has not started." : "It has printed nothing so far.");
  return EXIT.ok;
}

/** Every line once, until the task is done; what was read is not read again. */
async function follow({ stage, app }: Session, uuid: string, wanted: Wanted): Promise<number> {
  const end = new Bell();
  const unsubscribe = await app.broker.subscribe({ settled: end.ring });
  try {
    for (let read = 0, isFirst = true; ; isFirst = false) {
      // The status first: what is printed until the end is then among the lines.
      const task = await app.get(uuid);
      const fresh = await app.logs(uuid, read);
      read += fresh.length;
      const lines = ofAttempt(fresh, wanted);
      for (const line of isFirst ? lastOf(lines, wanted) : lines) {
        if (stage.json) stage.document(toJson(line));
        else stage.answer(forPeople(stage, line));
      }
      if (task === undefined || isFinal(task.status)) return EXIT.ok;
      await end.within(FOLLOW_EVERY_MS);
    }
  } finally {
    unsubscribe();
  }
}

function ofAttempt(lines: readonly LogLine[], { attempt }: Wanted): readonly LogLine[] {
  return attempt === undefined ? lines : lines.filter((line) => line.attempt === attempt);
}

function lastOf(lines: readonly LogLine[], { tail }: Wanted): readonly LogLine[] {
  return tail === undefined ? lines : lines.slice(Math.max(0, lines.length - tail));
}

function toJson({ attempt, timeMs, stream, text }: LogLine) {
  return { attempt, time: new Date(timeMs).toISOString(), stream, text };
}

/** On a terminal with its time and stream; elsewhere as it was printed. */
function forPeople(stage: Stage, { timeMs, stream, text }: LogLine): string {
  if (!stage.outIsTerminal) return text;
  const time = new Date(timeMs).toTimeString().slice(0, 8);
  return `${stage.outPaint.dim(`${time} ${stream.padEnd(6)}`)} ${escapeControls(text)}`;
}
