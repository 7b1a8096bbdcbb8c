import { InputError } from "../../core/errors.js";
import { isObject, type TaskFacts } from "../../core/facts.js";
import { givenTwice, readArguments } from "../args.js";
import { type FieldFlag, showFlag } from "./flags.js";
import { type Given, gather } from "./object.js";
import { checkArity } from "./params.js";
import type { TaskInput } from "./taskInput.js";
import { fieldValue } from "./value.js";
import type { TaskWords } from "./words.js";

/**
 * The arguments that the words and flags stand for: positional ones, then one object of all that has a name.
 * @throws {UsageError}
 */
export function callArguments(
  task: TaskFacts | undefined,
  { words, literal, given, flags, input }: TaskWords,
): readonly unknown[] {
  const list = flags.args;
  if (list !== undefined && given.length > 0) throw givenTwice();
  const { positional, pairs } = readArguments({ words, literal, raw: flags.raw === true, list });
  const named = [...pairs.map((pair) => withPath(pair, input?.flags ?? [])), ...given];
  // A task with a schema takes one object: without words of another kind it is there, and may be empty.
  const objects = positional.length === 0 && list === undefined ? (input?.objects ?? []) : [];
  const args = named.length + objects.length === 0 ? positional : [...positional, gather(named, objects)];
  checkArity(task, args);
  return args;
}

/** `user.name=ada` means the field in `user`, where the schema has one. */
function withPath(pair: Given, flags: readonly FieldFlag[]): Given {
  const [key] = pair.path;
  const one = flags.find(({ field }) => field.path.join(".") === key);
  return one === undefined ? pair : { ...pair, path: one.field.path };
}

/**
 * What the task's schema refused, in the terms of the command line.
 * @returns the error itself when it is another
 */
export function explainRefusal(
  error: unknown,
  task: string,
  args: readonly unknown[],
  input: TaskInput,
): unknown {
  if (!(error instanceof InputError)) return error;
  const issues = error.issues.map(({ path, message }) => {
    const one = input.flags.find(({ field }) => field.path.join(".") === path);
    return { path, message: one === undefined ? message : explain(one, message, args[0]) };
  });
  return new InputError(task, issues, `See \`qtasks call ${task} --help\`.`);
}

function explain(one: FieldFlag, message: string, object: unknown): string {
  const value = one.field.path.reduce<unknown>((at, key) => (isObject(at) ? at[key] : undefined), object);
  if (value === undefined) return `missing, give ${showFlag(one)}`;
  // What key=text leaves as text would be more as the value of a flag.
  const isMoreThanText = typeof value === "string" && fieldValue(one.field, value) !== value;
  return isMoreThanText
    ? `${message}; ${one.field.path.join(".")}= gives text, ${showFlag(one)} does not`
    : message;
}
