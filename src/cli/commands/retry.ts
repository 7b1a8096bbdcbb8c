import { END_STATUSES } from "../../core/status.js";
import type { Task } from "../../core/task.js";
import { worstOf } from "../exit.js";
import { Failures } from "../ids.js";
import { inPieces } from "../inPieces.js";
import { type Aim, isSelection, type SelectionFlags, selectTasks } from "../select.js";
import { openProject } from "../session.js";
import type { Stage } from "../stage.js";
import { escapeLine } from "../ui/escape.js";

/** What succeeded, or was cancelled on purpose, is done again only where that is said. */
const FAILED: Aim = { possible: END_STATUSES, meant: ["error"] };

/** Puts finished tasks back in line. */
export async function retry(stage: Stage, words: readonly string[], flags: SelectionFlags): Promise<number> {
  const session = await openProject(stage, flags);
  const failures = new Failures(stage);
  const pages = await selectTasks(session, words, flags, FAILED, failures);
  const tasks: Task[] = [];
  let count = 0;
  await inPieces(
    pages(),
    (uuid) => session.app.retryTask(uuid),
    (task) => {
      count += 1;
      if (stage.json) tasks.push(task);
      else stage.answer(`${escapeLine(task.uuid)}  back in line  ${escapeLine(task.taskName)}`);
    },
    (error) => failures.add(error),
  );
  if (stage.json) failures.document(tasks);
  else if (isSelection(flags) && count === 0) stage.say("No task matches.");
  return worstOf(failures.codes);
}
