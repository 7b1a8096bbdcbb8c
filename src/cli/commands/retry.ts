import type { Task } from "../../core/task.js";
import { worstOf } from "../exit.js";
import { Failures } from "../ids.js";
import { type SelectionFlags, selectTasks } from "../select.js";
import { openProject } from "../session.js";
import type { Stage } from "../stage.js";
import { escapeLine } from "../ui/escape.js";

/** Puts finished tasks back in line. */
export async function retry(stage: Stage, words: readonly string[], flags: SelectionFlags): Promise<number> {
  const session = await openProject(stage, flags);
  const failures = new Failures(stage);
  const tasks: Task[] = [];
  for (const uuid of await selectTasks(session, words, flags, failures)) {
    try {
      tasks.push(await session.app.retryTask(uuid));
    } catch (error) {
      failures.add(error);
    }
  }
  if (stage.json) failures.document(tasks);
  else if (tasks.length === 0 && failures.codes.length === 0) stage.say("No task matches.");
  else for (const { uuid, taskName } of tasks) stage.answer(`${uuid}  back in line  ${escapeLine(taskName)}`);
  return worstOf(failures.codes);
}
