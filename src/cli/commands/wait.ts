import { seconds } from "../../core/duration.js";
import type { AsyncResult } from "../../engine/result.js";
import { EXIT, exitCodeOfStatus, worstOf } from "../exit.js";
import { Failures, resolveIds } from "../ids.js";
import { interruptible } from "../interrupt.js";
import { resultText, showOutcome } from "../outcome.js";
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
  const failures = new Failures(stage);
  const uuids = await resolveIds(session, words, failures);
  const spinner = await startSpinner(
    stage,
    `waiting for ${uuids.length === 1 ? escapeLine(uuids[0] ?? "") : `${uuids.length} tasks`}`,
  );
  const tell = () =>
    stage.error(
      `Interrupted. ${uuids.length === 1 ? "The task goes" : "The tasks go"} on.`,
      waitAgain(uuids),
    );
  try {
    return await interruptible(tell, async () => {
      const waits = uuids.map((uuid) => waitFor(session, uuid, limit, failures));
      const results = await (flags.any ? firstOf(waits) : allOf(waits));
      spinner.stop();
      if (stage.json) failures.document(results);
      else show(stage, results, uuids.length + failures.codes.length);
      return worstOf([...failures.codes, ...results.map((result) => exitOf(result))]);
    });
  } finally {
    spinner.stop();
  }
}

function waitAgain(uuids: readonly string[]): string {
  const ids = uuids.length <= 3 ? uuids.join(" ") : "-";
  return `\`qtasks wait ${ids}\` waits for ${uuids.length === 1 ? "it" : "them"}.`;
}

/** An id that is unknown, or forgotten meanwhile, is told at once and does not keep the others from their end. */
async function waitFor(
  { app }: Session,
  uuid: string,
  limit: number | undefined,
  failures: Failures,
): Promise<AsyncResult | undefined> {
  try {
    return await app.wait(uuid, limit);
  } catch (error) {
    failures.add(error);
    return undefined;
  }
}

type Wait = Promise<AsyncResult | undefined>;

async function allOf(waits: readonly Wait[]): Promise<readonly AsyncResult[]> {
  return (await Promise.all(waits)).filter((result) => result !== undefined);
}

/** The first that is done; when the time is over, all as they are. */
async function firstOf(waits: readonly Wait[]): Promise<readonly AsyncResult[]> {
  const done = waits.map(async (wait) => {
    const result = await wait;
    if (!result?.done) throw new Error("not done");
    return result;
  });
  try {
    return [await Promise.any(done)];
  } catch {
    return await allOf(waits);
  }
}

/** One that was asked for is shown as `result` does; several, a line each. */
function show(stage: Stage, results: readonly AsyncResult[], asked: number): void {
  const [only] = results;
  if (asked === 1 && only !== undefined) {
    showOutcome(stage, only);
    return;
  }
  for (const { uuid, status, task, error, cancelReason, returning } of results) {
    const result = status === "success" ? resultText(returning) : "";
    const cells = [uuid, status, task.taskName, error?.message ?? cancelReason ?? result];
    stage.answer(cells.map(escapeLine).join("  ").trimEnd());
  }
}

function exitOf(result: AsyncResult): number {
  return result.done ? exitCodeOfStatus(result.status) : EXIT.waitOver;
}
