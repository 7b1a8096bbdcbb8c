import { type Duration, seconds } from "../core/duration.js";
import { BadOptionError } from "../core/errors.js";
import { encodeJsonWithin } from "../core/json.js";
import type { NewTask, UniqueKey } from "../core/record.js";
import { show } from "../core/show.js";
import type { QueueSchema } from "../ports/execution.js";
import type { QueueDraft } from "../ports/plugin.js";
import { checkedMaxTime, checkedPriority, checkedRetry, checkedTags, checkedTaskName } from "./schema.js";

/** What can be said about one call, beside its arguments. */
export interface CallOptions {
  readonly priority?: number | undefined;
  /** Wait for the result, at most so long (0 counts); without it, queueing does not wait. */
  readonly timeout?: Duration | null | undefined;
  /** not started before so much time has passed */
  readonly delay?: Duration | undefined;
  /** not started before; text is ISO 8601 */
  readonly runAt?: Date | string | undefined;
  readonly retry?: number | undefined;
  readonly maxTime?: Duration | undefined;
  /** added to the task's own */
  readonly tags?: readonly string[] | undefined;
  /**
   * Text binds the key as long as the record exists: a repeat gives the same uuid back. With `until: "finished"`
   * the end status frees it. Keys of different tasks do not meet.
   */
  readonly unique?:
    | string
    | { readonly key: string; readonly until?: "exists" | "finished" | undefined }
    | undefined;
}

const OPTIONS = new Set(["priority", "timeout", "delay", "runAt", "retry", "maxTime", "tags", "unique"]);
const MOST_KEY_CHARACTERS = 500;

/** A call before it is stored, as plugins see and change it, with what they may not change. */
export interface Draft extends QueueDraft {
  readonly unique: UniqueKey | null;
}

/** @throws {BadOptionError} naming the option */
export function draftCall(
  taskName: string,
  args: readonly unknown[],
  options: CallOptions,
  schema: QueueSchema | undefined,
  defaultPriority: number,
  nowMs: number,
): Draft {
  checkCallOptions(taskName, options);
  const retry = checkedRetry(taskName, options.retry) ?? schema?.retry ?? null;
  return {
    taskName: checkedTaskName(taskName),
    args: withoutTrailingUndefined(checkedArgs(taskName, args)),
    priority: checkedPriority(taskName, options.priority) ?? schema?.priority ?? defaultPriority,
    tags: [...new Set([...(schema?.tags ?? []), ...checkedTags(taskName, options.tags)])],
    runAt: new Date(runAtMs(taskName, options, nowMs)),
    retry,
    maxTime: checkedMaxTime(taskName, options.maxTime) ?? schema?.maxTime ?? null,
    unique: uniqueKey(taskName, options.unique),
  };
}

/**
 * What plugins made of a draft is checked as a call's own options are.
 * @throws {BadOptionError} naming the option
 */
export function checkDraft({ taskName, args, priority, tags, runAt, retry, maxTime }: Draft): void {
  checkedArgs(taskName, args);
  checkedPriority(taskName, priority);
  checkedTags(taskName, tags);
  checkedRetry(taskName, retry);
  checkedMaxTime(taskName, maxTime);
  checkedTime("runAt", runAt, runAt.getTime());
}

/** @throws {NotJsonError | TooLargeError} */
export function toNewTask(draft: Draft, uuid: string, maxPayload: number, nowMs: number): NewTask {
  return {
    uuid,
    taskName: draft.taskName,
    args: encodeJsonWithin(draft.args, "args", maxPayload),
    priority: draft.priority,
    tags: draft.tags,
    retry: draft.retry,
    maxTimeMs: draft.maxTime === null ? null : draft.maxTime * 1000,
    runAtMs: Math.max(draft.runAt.getTime(), 0),
    createdAtMs: nowMs,
    unique: draft.unique,
  };
}

/** @returns undefined: do not wait */
export function timeoutMs(options: CallOptions): number | undefined {
  const { timeout } = options;
  return timeout === undefined || timeout === null ? undefined : seconds("timeout", timeout) * 1000;
}

export function checkCallOptions(taskName: string, options: CallOptions): void {
  for (const option of Object.keys(options)) {
    if (OPTIONS.has(option)) continue;
    throw new BadOptionError(
      `A call of "${taskName}" has no option "${option}".`,
      `The options are: ${[...OPTIONS].join(", ")}.`,
    );
  }
}

function runAtMs(taskName: string, { delay, runAt }: CallOptions, nowMs: number): number {
  if (delay !== undefined && runAt !== undefined) {
    throw new BadOptionError(`A call of "${taskName}" has both delay and runAt.`, "Give one of them.");
  }
  if (runAt !== undefined) return checkedTime("runAt", runAt, new Date(runAt).getTime());
  if (delay === undefined) return nowMs;
  return checkedTime("delay", delay, nowMs + Math.round(seconds("delay", delay) * 1000));
}

/** @returns `atMs` when a Date can hold it */
function checkedTime(option: string, given: unknown, atMs: number): number {
  if (!Number.isNaN(new Date(atMs).getTime())) return atMs;
  throw new BadOptionError(
    `${option} is ${show(given)}, which is no time.`,
    'Give a Date, or text such as "2030-01-31T08:00:00Z", or a delay that ends before the year 275760.',
  );
}

function checkedArgs(taskName: string, args: unknown): readonly unknown[] {
  if (Array.isArray(args)) return args;
  throw new BadOptionError(`args of a call of "${taskName}" is ${show(args)}.`, "Give a list of arguments.");
}

function uniqueKey(taskName: string, unique: CallOptions["unique"]): UniqueKey | null {
  if (unique === undefined || unique === null) return null;
  const { key, until = "exists" } = typeof unique === "string" ? { key: unique } : unique;
  const keyFits =
    typeof key === "string" && key !== "" && key.length <= MOST_KEY_CHARACTERS && key.isWellFormed();
  if (keyFits && (until === "exists" || until === "finished")) return { key, until };
  throw new BadOptionError(
    `unique of a call of "${taskName}" is ${show(unique)}.`,
    `Give a key of 1 to ${MOST_KEY_CHARACTERS} characters, or { key, until: "finished" }.`,
  );
}

/** `f(a, undefined)` calls as `f(a)` does, and JSON has no undefined. */
function withoutTrailingUndefined(args: readonly unknown[]): unknown[] {
  let length = args.length;
  while (length > 0 && args[length - 1] === undefined) length--;
  return args.slice(0, length);
}
