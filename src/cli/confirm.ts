import { createInterface } from "node:readline/promises";
import type { Stage } from "./stage.js";
import { UsageError } from "./usage.js";

/**
 * Asks before something with consequences. Where nobody can be asked, `--yes` must have been given.
 * @returns false when the answer is no
 */
export async function confirm(
  stage: Stage,
  question: string,
  yes: boolean | undefined,
  consequence = "This cannot be taken back.",
): Promise<boolean> {
  if (yes) return true;
  if (!stage.isInteractive || process.stdin.isTTY !== true) {
    throw new UsageError(`${question} ${consequence}`, "Give --yes to do it without being asked.");
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(?:es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
