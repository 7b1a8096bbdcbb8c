import { BadOptionError } from "./errors.js";
import { show } from "./show.js";

/** A public duration: a number of seconds, or text such as `"90s"`, `"5m"`, `"1h30m"`, `"250ms"`. */
export type Duration = number | string;

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const WHOLE = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+$/;
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d|w)/g;
const PLAIN_NUMBER = /^\d+(?:\.\d+)?$/;

/**
 * @returns seconds, or undefined when the value is no duration: negative, not finite, or text that is not understood
 */
export function parseDuration(value: unknown): number | undefined {
  const parsed = typeof value === "string" ? fromText(value) : value;
  return typeof parsed === "number" && Number.isFinite(parsed) && parsed >= 0 ? parsed : undefined;
}

/** Like `parseDuration`, but throws `E_BAD_OPTION` naming the option. */
export function seconds(option: string, value: unknown): number {
  const parsed = parseDuration(value);
  if (parsed !== undefined) return parsed;
  throw new BadOptionError(
    `${option} is ${show(value)}, which is no duration.`,
    'Give seconds (0 or more), or text such as "90s", "5m" or "1h30m".',
  );
}

function fromText(value: string): number | undefined {
  const text = value.trim().toLowerCase();
  if (PLAIN_NUMBER.test(text)) return Number(text);
  if (!WHOLE.test(text)) return undefined;
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(PART))
    ms += Number(amount) * (UNIT_MS[unit as string] as number);
  return ms / 1000;
}

/** For people, in the two largest units: `250ms`, `9s`, `3m12s`, `2h5m`, `4d1h`. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`;
  const seconds = Math.floor(ms / 1000);
  const [large, small, per, size] = UNITS_TO_READ.find(([, , , unit]) => seconds >= unit) ?? ["s", "", 1, 1];
  const count = Math.floor(seconds / size);
  const rest = small === "" ? 0 : Math.floor((seconds % size) / (size / per));
  return `${count}${large}${rest === 0 ? "" : `${rest}${small}`}`;
}

/** unit, the next smaller one, how many of that it has, its seconds */
const UNITS_TO_READ: readonly (readonly [string, string, number, number])[] = [
  ["d", "h", 24, 86_400],
  ["h", "m", 60, 3600],
  ["m", "s", 60, 60],
];
