import type { CancelOutcome } from "../../ports/broker.js";
import { confirm } from "../confirm.js";
import { EXIT, worstOf } from "../exit.js";
import { Failures } from "../ids.js";
import { isSelection, type SelectionFlags, selectTasks } from "../select.js";
import { openProject } from "../session.js";
import type { Stage } from "../stage.js";

export interface CancelFlags extends SelectionFlags {
  readonly reason?: string | undefined;
  readonly now?: boolean | undefined;
  readonly yes?: boolean | undefined;
}

/** Cancels what waits at once, and has the workers end what runs. */
export async function cancel(stage: Stage, words: readonly string[], flags: CancelFlags): Promise<number> {
  const session = await openProject(stage, flags);
  const failures = new Failures(stage);
  const uuids = await selectTasks(session, words, flags, failures);
  if (
    isSelection(flags) &&
    uuids.length > 0 &&
    !(await confirm(stage, `Cancel ${uuids.length} tasks?`, flags.yes))
  )
    return EXIT.failed;
  const outcomes: { uuid: string; outcome: CancelOutcome }[] = [];
  for (const uuid of uuids) {
    try {
      const outcome = await session.app.cancel(uuid, flags.reason, { urgent: flags.now === true });
      outcomes.push({ uuid, outcome });
    } catch (error) {
      failures.add(error);
    }
  }
  if (stage.json) failures.document(outcomes);
  else if (isSelection(flags) && uuids.length === 0) stage.say("No task matches.");
  for (const { uuid, outcome } of outcomes) {
    if (!stage.json) stage.answer(`${uuid}  ${outcome}`);
    if (outcome === "finished")
      stage.error(`${uuid} is finished already.`, "Only tasks that wait or run can be cancelled.");
  }
  const late = outcomes.some(({ outcome }) => outcome === "finished");
  // Of a selection, what finished meanwhile is not what was asked for.
  return worstOf([...failures.codes, late && !isSelection(flags) ? EXIT.failed : EXIT.ok]);
}
