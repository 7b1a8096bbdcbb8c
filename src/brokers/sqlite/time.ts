import type { Moment } from "../../ports/system.js";

/**
 * Times of the wall clock are stored in whole milliseconds: SQLite writes fractions into JSON with 15 digits only.
 * Rounded up, so that nothing becomes due too early.
 */
export function wholeMs(timeMs: number): number {
  return Math.ceil(timeMs);
}

export function wholeMoment(now: Moment): Moment {
  return Number.isInteger(now.wallMs) ? now : { ...now, wallMs: wholeMs(now.wallMs) };
}
