import { performance } from "node:perf_hooks";
import { isBusy } from "./errors.js";

export type Tried<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly cause: unknown;
      /** how long to let the others work before the next try */
      readonly pauseMs: number;
    };

/**
 * Says how long to pause between tries for a lock that another connection holds: SQLite's own waiting lets one of two
 * busy writers starve for seconds. The more of them compete, the longer each had to wait of late, and the longer it
 * pauses: fifty do not keep the one at work from its processor. All who compete see the same, so none is favoured.
 */
export class LockWait {
  readonly #random: () => number;
  #usualMs = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /**
   * Errors that are no lock's are thrown.
   * @param sinceMs when the first try for this was made, by `performance.now()`
   */
  try<T>(attempt: () => T, sinceMs: number): Tried<T> {
    const waitedMs = performance.now() - sinceMs;
    try {
      const value = attempt();
      this.#usualMs += (waitedMs - this.#usualMs) * LEARNING;
      return { ok: true, value };
    } catch (cause) {
      if (!isBusy(cause)) throw cause;
      return { ok: false, cause, pauseMs: this.#pauseMs(waitedMs) };
    }
  }

  #pauseMs(waitedMs: number): number {
    // One who waits much longer than usual waits for something stuck, and need not hurry either.
    const stuckMs = Math.min(waitedMs / 32, STUCK_MS);
    const crowdMs = Math.min(this.#usualMs / 8, CROWD_MS);
    return Math.max(crowdMs, stuckMs, SHORTEST_MS) * (0.4 + 1.2 * this.#random());
  }
}

/** Blocks this thread: timers are too coarse for a fraction of a millisecond. */
export function pauseSync(ms: number): void {
  Atomics.wait(NEVER, 0, 0, ms);
}

const SHORTEST_MS = 0.25;
const STUCK_MS = 5;
const CROWD_MS = 60;
const LEARNING = 1 / 8;
const NEVER = new Int32Array(new SharedArrayBuffer(4));
