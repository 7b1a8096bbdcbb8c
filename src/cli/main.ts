import { Writable } from "node:stream";
import { exitCodeOf } from "./exit.js";
import { runProgram } from "./program.js";
import { reportError } from "./report.js";
import { Stage } from "./stage.js";
import { type OwnStreams, ownStreams } from "./streams.js";

/** The `qtasks` command: runs what the words ask for and ends the process with the documented exit code. */
export async function main(argv: readonly string[]): Promise<never> {
  endQuietlyWhenNobodyReads();
  const streams = ownStreams();
  const { words, literal } = splitAtDashes(argv);
  let code: number;
  try {
    code = await runProgram(words, literal, streams);
  } catch (error) {
    code = exitCodeOf(error);
    reportError(stageForErrors(words, streams), error);
  }
  return await exit(code);
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

/** `qtasks list | head -1` closes the pipe early: that is no error of ours. A command that listens too decides itself. */
function endQuietlyWhenNobodyReads(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
      if (stream === process.stdout && stream.listenerCount("error") === 1) process.exit(0);
    });
  }
}

/** User code may have left timers and sockets open, so the end does not wait for them; the streams are written out. */
async function exit(code: number): Promise<never> {
  for (const stream of [process.stdout, process.stderr]) {
    // Not `drain`, which comes only to who was told to wait; nor the stream's own write, which user code's is led through.
    await new Promise<void>((resolve) => Writable.prototype.write.call(stream, "", "utf8", () => resolve()));
  }
  process.exit(code);
}
