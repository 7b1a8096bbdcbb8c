import { performance } from "node:perf_hooks";
import { isBusy } from "./errors.js";

export type Tried<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly cause: unknown };

/**
 * Repeats what another connection's lock prevents, with short jittered pauses: SQLite's own waiting lets one of two
 * busy writers starve for seconds. How short depends on how long this connection had to wait of late. All who compete
 * see the same, so that none is favoured, and fifty of them do not keep the one at work from its processor.
 */
export class LockWait {
  readonly #random: () => number;
  #usualMs = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /**
   * Tries at least once, and gives up after blocking the event loop for some milliseconds: the caller is to let it
   * turn and call again. Errors that are no lock's are thrown.
   * @param sinceMs when the first try for this was made, by `performance.now()`
   */
  try<T>(attempt: () => T, sinceMs: number): Tried<T> {
    const start = performance.now();
    for (let now = start; ; now = performance.now()) {
      try {
        const value = attempt();
        this.#usualMs += (now - sinceMs - this.#usualMs) * LEARNING;
        return { ok: true, value };
      } catch (error) {
        if (!isBusy(error)) throw error;
        if (now - start >= BLOCK_AT_MOST_MS) return { ok: false, cause: error };
      }
      this.#pause(now - sinceMs);
    }
  }

  #pause(waitedMs: number): void {
    // One who waits much longer than usual waits for something stuck.
    const meanMs = Math.max(this.#usualMs / 8, waitedMs / 32, SHORTEST_MS);
    Atomics.wait(NEVER, 0, 0, Math.min(meanMs, LONGEST_MS) * (0.4 + 1.2 * this.#random()));
  }
}

const BLOCK_AT_MOST_MS = 20;
const SHORTEST_MS = 0.25;
const LONGEST_MS = 5;
const LEARNING = 1 / 8;
const NEVER = new Int32Array(new SharedArrayBuffer(4));
