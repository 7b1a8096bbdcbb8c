import { InputError, type InputIssue } from "../core/errors.js";
import type { StandardIssue, StandardSchema } from "../ports/execution.js";

/**
 * The one object argument as the schema makes it: parsed, with defaults.
 * @throws {InputError} with one issue for each field that is wrong
 */
export async function checkInput(
  taskName: string,
  input: StandardSchema,
  args: readonly unknown[],
): Promise<unknown> {
  requireOneArgument(taskName, args);
  const result = await input["~standard"].validate(args[0]);
  if (result.issues === undefined) return result.value;
  throw new InputError(taskName, result.issues.map(toIssue));
}

function requireOneArgument(taskName: string, args: readonly unknown[]): void {
  if (args.length <= 1) return;
  const message = `one object is wanted and ${args.length} arguments were given`;
  throw new InputError(taskName, [{ path: "", message }]);
}

function toIssue(issue: StandardIssue): InputIssue {
  const keys = (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part));
  return { path: keys.join("."), message: issue.message };
}
