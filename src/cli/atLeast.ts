import { UsageError } from "./usage.js";

/** The whole number that a flag was given, if it was given. */
export function atLeast(flag: string, text: string | undefined, least: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\+?\d+$/.test(text.trim()) && Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(`${flag} is ${JSON.stringify(text)}.`, `Give a whole number, ${least} or more.`);
}
