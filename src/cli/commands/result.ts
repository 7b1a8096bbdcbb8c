import { readIds, resolveId } from "../ids.js";
import { showOutcome } from "../outcome.js";
import { type GlobalOptions, openProject } from "../session.js";
import type { Stage } from "../stage.js";

/** Prints what is stored, as `call --timeout` would have; does not wait. */
export async function result(stage: Stage, word: string, options: GlobalOptions): Promise<number> {
  const { app, project } = await openProject(stage, options);
  const [id = ""] = readIds([word], project.root);
  return showOutcome(stage, await app.wait(await resolveId(app, id), 0));
}
