import type { Broker, Claim, ClaimRequest } from "../ports/broker.js";
import type { Isolation, RunRules } from "../ports/isolation.js";
import type { CancelTimer, System } from "../ports/system.js";
import type { Slots } from "./slots.js";

export interface ClaimingParts {
  readonly broker: Broker;
  readonly isolation: Isolation;
  readonly system: System;
  readonly slots: Slots;
  readonly workerId: string;
  readonly workerName: string;
  readonly leaseMs: number;
  readonly pollMs: number;
  /** how many it may claim in all */
  readonly atMost: number;
  /** claim only these, by uuid; undefined: whatever there is code for */
  readonly focus: ReadonlySet<string> | undefined;
  /** of the tasks that it may claim */
  facts(): ReadonlyMap<string, RunRules>;
  isOpen(): boolean;
  begin(claim: Claim): void;
  /** A claim brought nothing. */
  nothing(): Promise<void>;
  /** The next turn is to come, and to claim if `isWanted`. */
  turnLater(): void;
  troubled(where: string, error: unknown): void;
}

/** Takes tasks from the broker, never more than there are free places for; one claim at a time. */
export class Claiming {
  readonly #parts: ClaimingParts;
  #isWanted = false;
  #isUnderWay = false;
  #left: number;
  #stopDueTimer: CancelTimer = () => {};

  constructor(parts: ClaimingParts) {
    this.#parts = parts;
    this.#left = parts.atMost;
  }

  /** There may be something to claim, or room for more. */
  want(): void {
    this.#isWanted = true;
    this.#parts.turnLater();
  }

  get isWanted(): boolean {
    return this.#isWanted;
  }

  get isUnderWay(): boolean {
    return this.#isUnderWay;
  }

  /** It has claimed all that it may. */
  get isSpent(): boolean {
    return this.#left <= 0;
  }

  stop(): void {
    this.#stopDueTimer();
  }

  /** To be called in each turn. */
  claimIfWanted(): void {
    if (this.#isWanted && !this.#isUnderWay) void this.claim();
  }

  async claim(): Promise<void> {
    const { broker, slots, focus, system, workerId, workerName, leaseMs, troubled } = this.#parts;
    const { names, atMost, most } = this.#choice();
    const limit = Math.min(slots.free, this.#left, most);
    if (!this.#parts.isOpen() || limit <= 0 || focus?.size === 0) return;
    this.#isWanted = false;
    this.#isUnderWay = true;
    slots.take(limit);
    this.#left -= limit;
    let taken = 0;
    try {
      const uuids = focus === undefined ? undefined : [...focus];
      const request = { workerId, workerName, names, atMost, uuids, limit, leaseMs, now: system.now() };
      const { claims, nextDueAtMs } = await broker.claim(request);
      taken = claims.length;
      for (const claim of claims) this.#parts.begin(claim);
      if (taken === limit) this.#isWanted = true;
      this.#wantWhenDue(nextDueAtMs);
      if (taken === 0) await this.#parts.nothing();
    } catch (error) {
      // The safety poll tries again.
      troubled("claiming tasks", error);
    } finally {
      this.#isUnderWay = false;
      this.#left += limit - taken;
      slots.give(limit - taken);
      if (this.#isWanted || this.isSpent) this.#parts.turnLater();
    }
  }

  /** What there is room for: where a plain function would have to wait for a process, another worker may have one. */
  #choice(): { names: readonly string[]; atMost?: ClaimRequest["atMost"]; most: number } {
    const { isolation, slots } = this.#parts;
    const facts = this.#parts.facts();
    const { shared, blocking } = isolation.room();
    const names = [...facts.keys()];
    if (blocking >= slots.free && shared > 0) return { names, most: shared };
    const blockingNames = names.filter((name) => facts.get(name)?.blocking);
    if (shared <= 0) return { names: blockingNames, most: blocking };
    return { names, atMost: { names: blockingNames, limit: blocking }, most: shared };
  }

  #wantWhenDue(dueAtMs: number | null): void {
    const { system, pollMs } = this.#parts;
    this.#stopDueTimer();
    if (dueAtMs === null) return;
    const delayMs = Math.max(1, dueAtMs - system.now().wallMs);
    // Long delays are left to the poll: the wall clock may be set meanwhile.
    if (delayMs <= pollMs) this.#stopDueTimer = system.timer(delayMs, () => this.want());
  }
}
