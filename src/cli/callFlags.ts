import type { CallOptions } from "../engine/call.js";
import type { GlobalOptions } from "./session.js";
import { UsageError } from "./usage.js";

/** The flags of `call` and `run`, beside those that a task brings. */
export interface CallFlags extends GlobalOptions {
  readonly help?: boolean | undefined;
  readonly timeout?: string | undefined;
  readonly priority?: string | undefined;
  readonly delay?: string | undefined;
  readonly at?: string | undefined;
  readonly retry?: string | undefined;
  readonly maxTime?: string | undefined;
  readonly unique?: string | undefined;
  readonly tag?: readonly string[] | undefined;
  readonly allowUnknown?: boolean | undefined;
  readonly raw?: boolean | undefined;
  readonly args?: string | undefined;
  readonly batch?: string | undefined;
}

/** @throws {UsageError} naming the flag */
export function callOptions(flags: CallFlags): CallOptions {
  return {
    ...(flags.timeout !== undefined && { timeout: flags.timeout }),
    ...(flags.priority !== undefined && { priority: wholeNumber("--priority", flags.priority) }),
    ...(flags.delay !== undefined && { delay: flags.delay }),
    ...(flags.at !== undefined && { runAt: flags.at }),
    ...(flags.retry !== undefined && { retry: wholeNumber("--retry", flags.retry) }),
    ...(flags.maxTime !== undefined && { maxTime: flags.maxTime }),
    ...(flags.unique !== undefined && { unique: flags.unique }),
    ...(flags.tag !== undefined && { tags: flags.tag }),
  };
}

/** @throws {UsageError} */
export function wholeNumber(flag: string, text: string): number {
  const value = Number(text);
  if (/^[+-]?\d+$/.test(text.trim()) && Number.isSafeInteger(value)) return value;
  throw new UsageError(`${flag} is ${JSON.stringify(text)}.`, "Give a whole number.");
}
