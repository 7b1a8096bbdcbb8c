import { setTimeout as sleep } from "node:timers/promises";

/** Epoch milliseconds, finer than `Date.now()`: it can be compared with times that others have stored. */
export function nowMs() {
  return performance.timeOrigin + performance.now();
}

/** Asks every few milliseconds until the answer is yes. */
export async function until(isSo, { everyMs = 5, withinMs = 120_000, what = "something" } = {}) {
  const start = performance.now();
  while (!(await isSo())) {
    if (performance.now() - start > withinMs) throw new Error(`${what} has not come within ${withinMs} ms`);
    await sleep(everyMs);
  }
}

/** Awaits `act` again and again for so long; @returns how often it was done in a second */
export async function ratePerSecond(windowMs, act) {
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < windowMs) {
    await act();
    count += 1;
  }
  return (count / (performance.now() - start)) * 1000;
}
