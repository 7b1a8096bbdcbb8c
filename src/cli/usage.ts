import { QTasksError } from "../core/errors.js";

/** The command line was called in a way it does not know: `E_USAGE`. */
export class UsageError extends QTasksError {
  constructor(message: string, hint?: string) {
    super("E_USAGE", message, { hint });
  }
}
