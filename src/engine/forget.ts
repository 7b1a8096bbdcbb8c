import type { System } from "../ports/system.js";

/** One piece keeps nobody waiting for long. */
const AT_ONCE = 500;

/**
 * Forgets very many tasks in pieces. After each it rests for as long as that took: whoever else wants the queue has
 * half of the time, where letting go of it for a moment would leave them nearly none.
 * @param some forgets at most so many; resolves to how many
 * @returns how many in all
 */
export async function forgetInPieces(
  system: System,
  some: (limit: number) => Promise<number>,
): Promise<number> {
  let forgotten = 0;
  for (;;) {
    const startMs = system.now().monoMs;
    const gone = await some(AT_ONCE);
    forgotten += gone;
    if (gone < AT_ONCE) return forgotten;
    const tookMs = system.now().monoMs - startMs;
    if (tookMs > 0) await new Promise<void>((resolve) => void system.timer(tookMs, resolve));
  }
}
