import type { Moment } from "../../ports/system.js";

/** An instant of the monotonic clock, which counts anew with each boot. */
export interface Deadline {
  readonly monoMs: number;
  readonly bootId: string;
}

export function deadlineIn(ms: number, now: Moment): Deadline {
  return { monoMs: now.monoMs + ms, bootId: now.bootId };
}

/** What was promised in another boot has run out: whoever made the promise is gone. */
export function hasPassed(deadline: Deadline, now: Moment): boolean {
  return deadline.bootId !== now.bootId || deadline.monoMs <= now.monoMs;
}
