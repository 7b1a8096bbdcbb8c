import { performance } from "node:perf_hooks";
import { isBusy } from "./errors.js";

/** How long the event loop may stand still for a lock, in milliseconds. */
export const BLOCK_AT_MOST_MS = 20;

export type Tried<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly cause: unknown };

/**
 * Repeats what another connection's lock prevents, with short jittered sleeps: SQLite's own waiting lets one of two
 * busy writers starve for seconds. Errors of other kinds are thrown.
 * @param forMs gives up after this long; tries at least once
 */
export function tryLocked<T>(attempt: () => T, forMs: number, random: () => number): Tried<T> {
  const start = performance.now();
  for (;;) {
    try {
      return { ok: true, value: attempt() };
    } catch (error) {
      if (!isBusy(error)) throw error;
      if (performance.now() - start >= forMs) return { ok: false, cause: error };
    }
    Atomics.wait(NEVER, 0, 0, SHORTEST_MS + random() * SPREAD_MS);
  }
}

const SHORTEST_MS = 0.1;
const SPREAD_MS = 0.3;
const NEVER = new Int32Array(new SharedArrayBuffer(4));
