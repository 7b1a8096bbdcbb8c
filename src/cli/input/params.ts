import type { TaskFacts } from "../../core/facts.js";
import type { Param } from "../../core/params.js";
import { UsageError } from "../usage.js";

/**
 * Refuses what the function's own parameter list cannot take. A task with an input schema checks its one argument
 * itself, and says more.
 * @throws {UsageError}
 */
export function checkArity(task: TaskFacts | undefined, args: readonly unknown[]): void {
  if (task === undefined || task.input !== null || task.params === null) return;
  const { params } = task;
  const required = params.filter((param) => param.required).length;
  const most = params.some((param) => param.rest) ? Infinity : params.length;
  if (args.length >= required && args.length <= most) return;
  const usage = ["qtasks call", task.name, ...params.map(showParam)].join(" ");
  const few = args.length < required;
  const missing = params.slice(args.length, required).map(({ name }) => name);
  throw new UsageError(
    few
      ? `${task.name} needs ${count(required, "argument")} and got ${args.length}: ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} missing.`
      : `${task.name} takes ${most === 0 ? "no arguments" : `at most ${count(most, "argument")}`} and got ${args.length}.`,
    `Usage: ${usage}`,
  );
}

export function showParam({ name, required, rest }: Param): string {
  if (rest) return `[${name}...]`;
  return required ? `<${name}>` : `[${name}]`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
