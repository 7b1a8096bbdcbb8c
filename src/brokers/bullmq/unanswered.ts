import type { Claimed, ClaimRequest } from "../../ports/broker.js";

/**
 * Claims whose answer never came. What they took is leased to a worker that does not know of it: with its next claim it
 * goes back in line, as if it had not been taken. A worker has one claim under way at a time.
 */
export class UnansweredClaims {
  /** the newest claim number that each worker has been given */
  readonly #newest = new Map<string, number>();
  readonly #unsure = new Set<string>();

  /** @param ask gets the claim number above which the worker holds what it does not know of; null when there is none */
  async claim({ workerId }: ClaimRequest, ask: (above: number | null) => Promise<Claimed>): Promise<Claimed> {
    const newest = this.#newest.get(workerId) ?? 0;
    try {
      const claimed = await ask(this.#unsure.has(workerId) ? newest : null);
      this.#unsure.delete(workerId);
      const fences = claimed.claims.map(({ lease }) => lease.fence);
      if (fences.length > 0) this.#newest.set(workerId, Math.max(newest, ...fences));
      return claimed;
    } catch (error) {
      this.#unsure.add(workerId);
      throw error;
    }
  }
}
