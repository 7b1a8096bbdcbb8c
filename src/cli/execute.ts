import { Elsewhere } from "./elsewhere.js";
import { exitCodeOf } from "./exit.js";
import { runProgram } from "./program.js";
import { reportError } from "./report.js";
import { Stage } from "./stage.js";
import type { OwnStreams } from "./streams.js";

/** Runs what the words ask for and tells what goes wrong. Resolves to the documented exit code. */
export async function execute(argv: readonly string[], streams: OwnStreams): Promise<number> {
  const { words, literal } = splitAtDashes(argv);
  try {
    return await runProgram(words, literal, streams);
  } catch (error) {
    if (error instanceof Elsewhere) throw error;
    reportError(stageForErrors(words, streams), error);
    return exitCodeOf(error);
  }
}

/** What follows `--` belongs to the task, whatever it looks like. */
function splitAtDashes(argv: readonly string[]): { words: readonly string[]; literal: readonly string[] } {
  const at = argv.indexOf("--");
  return at < 0 ? { words: argv, literal: [] } : { words: argv.slice(0, at), literal: argv.slice(at + 1) };
}

/** The command line may be what was wrong, so its options are looked for by hand. */
function stageForErrors(words: readonly string[], streams: OwnStreams): Stage {
  const [, asked] = /(?:^| )--color[= ](always|never)(?: |$)/.exec(words.join(" ")) ?? [];
  const color = asked === "always" || asked === "never" ? asked : "auto";
  const has = (flag: string) => words.includes(flag);
  return new Stage({ json: has("--json"), quiet: has("--quiet"), verbose: has("--verbose"), color }, streams);
}
