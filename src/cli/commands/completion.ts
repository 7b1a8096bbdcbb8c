import type { Command } from "commander";
import { bashScript } from "../completion/bash.js";
import { fishScript } from "../completion/fish.js";
import { wordsOf } from "../completion/words.js";
import { zshScript } from "../completion/zsh.js";
import { EXIT } from "../exit.js";
import type { Stage } from "../stage.js";
import { UsageError } from "../usage.js";

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript };

/** Prints the script that teaches a shell the words of the command line. */
export function completion(stage: Stage, shell: string, program: Command): number {
  if (!Object.hasOwn(SCRIPTS, shell)) {
    throw new UsageError(
      `There is no completion for ${shell}.`,
      `Give one of ${Object.keys(SCRIPTS).join(", ")}.`,
    );
  }
  stage.answer(SCRIPTS[shell as keyof typeof SCRIPTS](wordsOf(program)).trimEnd());
  return EXIT.ok;
}
