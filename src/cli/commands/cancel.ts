import type { CancelOutcome } from "../../ports/broker.js";
import { confirm } from "../confirm.js";
import { EXIT, worstOf } from "../exit.js";
import { Failures } from "../ids.js";
import { inPieces } from "../inPieces.js";
import { type Aim, countOf, isSelection, type SelectionFlags, selectTasks } from "../select.js";
import { openProject } from "../session.js";
import type { Stage } from "../stage.js";
import { escapeLine } from "../ui/escape.js";

export interface CancelFlags extends SelectionFlags {
  readonly reason?: string | undefined;
  readonly now?: boolean | undefined;
  readonly yes?: boolean | undefined;
}

const UNFINISHED: Aim = { possible: ["new", "process"], meant: ["new", "process"] };

/** Cancels what waits at once, and has the workers end what runs. */
export async function cancel(stage: Stage, words: readonly string[], flags: CancelFlags): Promise<number> {
  const session = await openProject(stage, flags);
  const failures = new Failures(stage);
  const isChosen = isSelection(flags);
  const pages = await selectTasks(session, words, flags, UNFINISHED, failures);
  if (isChosen && !flags.yes) {
    const count = await countOf(pages);
    if (count > 0 && !(await confirm(stage, question(count), flags.yes))) return EXIT.failed;
  }
  const outcomes: { uuid: string; outcome: CancelOutcome }[] = [];
  await inPieces(
    pages(),
    async (uuid) => {
      const outcome = await session.app.cancel(uuid, flags.reason, { urgent: flags.now === true });
      return { uuid, outcome };
    },
    (done) => {
      outcomes.push(done);
      tell(stage, done);
    },
    (error) => failures.add(error),
  );
  if (stage.json) failures.document(outcomes);
  else if (isChosen && outcomes.length === 0) stage.say("No task matches.");
  const late = outcomes.some(({ outcome }) => outcome === "finished");
  // Of a selection, what finished meanwhile is not what was asked for.
  return worstOf([...failures.codes, late && !isChosen ? EXIT.failed : EXIT.ok]);
}

function question(count: number): string {
  return count === 1 ? "Cancel 1 task?" : `Cancel ${count} tasks?`;
}

function tell(stage: Stage, { uuid, outcome }: { uuid: string; outcome: CancelOutcome }): void {
  if (!stage.json) stage.answer(`${escapeLine(uuid)}  ${outcome}`);
  if (outcome === "finished")
    stage.error(`${uuid} is finished already.`, "Only tasks that wait or run can be cancelled.");
}
