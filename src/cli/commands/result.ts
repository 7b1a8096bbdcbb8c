import { resolveOnly } from "../ids.js";
import { showOutcome } from "../outcome.js";
import { type GlobalOptions, openProject } from "../session.js";
import type { Stage } from "../stage.js";

/** Prints what is stored, as `call --timeout` would have; does not wait. */
export async function result(stage: Stage, word: string, options: GlobalOptions): Promise<number> {
  const session = await openProject(stage, options);
  return showOutcome(stage, await session.app.wait(await resolveOnly(session, word), 0));
}
