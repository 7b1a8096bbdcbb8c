import type { CommanderError } from "commander";
import { QTasksError } from "../core/errors.js";

/** The command line was called in a way it does not know: `E_USAGE`. */
export class UsageError extends QTasksError {
  constructor(message: string, hint?: string) {
    super("E_USAGE", message, { hint });
  }
}

/**
 * Commander puts what it guesses into the message; here it is the hint's.
 * @param help the command that explains more
 */
export function toUsageError(error: CommanderError, help = "qtasks --help"): UsageError {
  if (error.code === "commander.help")
    return new UsageError("No command was given.", "`qtasks --help` lists the commands.");
  const [message = "", ...guess] = error.message.replace(/^error: /, "").split("\n");
  const hints = [...guess.map((line) => line.replace(/^\((.*)\)$/, "$1")), `See \`${help}\`.`];
  return new UsageError(message, hints.join(" "));
}
