import type { System } from "../ports/system.js";

/** So many at once keep nobody waiting for long. */
export const PIECE = 500;

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
    const gone = await some(PIECE);
    forgotten += gone;
    if (gone < PIECE) return forgotten;
    const tookMs = system.now().monoMs - startMs;
    if (tookMs > 0) await new Promise<void>((resolve) => void system.timer(tookMs, resolve));
  }
}
