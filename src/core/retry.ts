/** Pauses between attempts, in seconds: `base * factor^(attempt - 1)`, at most `max`, spread by `jitter` (0 to 1). */
export interface Backoff {
  readonly base: number;
  readonly factor: number;
  readonly max: number;
  /** share of the pause that is random: 0.1 takes off up to a tenth */
  readonly jitter: number;
}

/**
 * @param attempt the attempt that has just failed, from 1
 * @param dice from 0 up to but not including 1
 * @returns milliseconds
 */
export function backoffMs(backoff: Backoff, attempt: number, dice: number): number {
  // A large exponent overflows to Infinity, which `max` brings back; 0 times it would be NaN.
  const grown = backoff.base === 0 ? 0 : backoff.base * backoff.factor ** (attempt - 1);
  const pause = Math.min(backoff.max, grown);
  return Math.round(pause * (1 - backoff.jitter * dice) * 1000);
}
