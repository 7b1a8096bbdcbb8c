import { seconds } from "../../core/duration.js";
import type { AsyncResult } from "../../engine/result.js";
import { EXIT, exitCodeOf, exitCodeOfStatus, worstOf } from "../exit.js";
import { readIds, resolveId } from "../ids.js";
import { interruptible } from "../interrupt.js";
import { reportError } from "../report.js";
import { type GlobalOptions, openProject, type Session } from "../session.js";
import type { Stage } from "../stage.js";
import { escapeLine } from "../ui/escape.js";
import { startSpinner } from "../ui/spinner.js";

export interface WaitFlags extends GlobalOptions {
  readonly timeout?: string | undefined;
  readonly any?: boolean | undefined;
}

export async function wait(stage: Stage, words: readonly string[], flags: WaitFlags): Promise<number> {
  const limit = flags.timeout === undefined ? undefined : seconds("--timeout", flags.timeout);
  const session = await openProject(stage, flags);
  const given = readIds(words, session.project.root);
  const { uuids, codes } = await resolveAll(session, given);
  if (codes.includes(EXIT.usage)) return EXIT.usage;
  const spinner = await startSpinner(
    stage,
    `waiting for ${uuids.length === 1 ? uuids[0] : `${uuids.length} tasks`}`,
  );
  const tell = () =>
    stage.error("Interrupted. The tasks go on.", `\`qtasks wait ${given.join(" ")}\` waits for them.`);
  try {
    return await interruptible(tell, async () => {
      const results = flags.any
        ? await firstOf(session, uuids, limit)
        : await allOf(session, uuids, limit, codes);
      spinner.stop();
      show(stage, results);
      return worstOf([...codes, ...results.map((result) => exitOf(result))]);
    });
  } finally {
    spinner.stop();
  }
}

/** Unknown ids are reported and do not keep the others from being waited for. */
async function resolveAll({ stage, app }: Session, ids: readonly string[]) {
  const uuids: string[] = [];
  const codes: number[] = [];
  for (const id of ids) {
    try {
      uuids.push(await resolveId(app, id));
    } catch (error) {
      codes.push(exitCodeOf(error));
      reportError(stage, error, { document: exitCodeOf(error) === EXIT.usage });
      if (exitCodeOf(error) === EXIT.usage) break;
    }
  }
  return { uuids, codes };
}

async function allOf(
  { stage, app }: Session,
  uuids: readonly string[],
  limit: number | undefined,
  codes: number[],
) {
  const settled = await Promise.allSettled(uuids.map((uuid) => app.wait(uuid, limit)));
  return settled.flatMap((one) => {
    if (one.status === "fulfilled") return [one.value];
    codes.push(exitCodeOf(one.reason));
    reportError(stage, one.reason, { document: false });
    return [];
  });
}

/** The first that is done; when the time is over, all as they are. */
async function firstOf({ app }: Session, uuids: readonly string[], limit: number | undefined) {
  const waits = uuids.map((uuid) => app.wait(uuid, limit));
  const done = waits.map(async (one) => {
    const result = await one;
    if (!result.done) throw new Error("not done");
    return result;
  });
  try {
    return [await Promise.any(done)];
  } catch {
    return await Promise.all(waits);
  }
}

function show(stage: Stage, results: readonly AsyncResult[]): void {
  if (stage.json) {
    stage.document(results);
    return;
  }
  for (const { uuid, status, task, error, cancelReason } of results) {
    const why = error?.message ?? cancelReason ?? "";
    stage.answer([uuid, status, escapeLine(task.taskName), escapeLine(why)].join("  ").trimEnd());
  }
}

function exitOf(result: AsyncResult): number {
  return result.done ? exitCodeOfStatus(result.status) : EXIT.waitOver;
}
