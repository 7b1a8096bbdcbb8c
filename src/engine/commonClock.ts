import type { Broker } from "../ports/broker.js";
import type { Moment, System } from "../ports/system.js";

/** Clocks that are so near each other need no setting, which would only add the unrest of the line. */
const TOLERANCE_MS = 100;
/** A clock may be set, or corrected, while the program runs. */
const FRESH_FOR_MS = 30_000;

/**
 * A system whose wall clock goes by that of the storage, where this is another machine's: what one machine schedules,
 * another then takes when it is due. The monotonic clock stays this machine's own.
 */
export class CommonClock {
  readonly system: System;
  readonly #own: System;
  readonly #broker: Broker;
  #aheadMs = 0;
  #lookedAtMonoMs = -Infinity;
  #looking: Promise<void> | undefined;

  constructor(broker: Broker, own: System) {
    this.#broker = broker;
    this.#own = own;
    this.system = {
      host: own.host,
      pid: own.pid,
      now: () => this.#now(),
      random: () => own.random(),
      newId: () => own.newId(),
      timer: (delayMs, callback, options) => own.timer(delayMs, callback, options),
    };
  }

  /**
   * Looks at the storage's clock, unless that was done lately; never rejects, and where it cannot be asked all stays as
   * it was. Who calls meanwhile waits for the same look, so that calls keep their order.
   */
  async keep(): Promise<void> {
    const isFresh = this.#own.now().monoMs - this.#lookedAtMonoMs < FRESH_FOR_MS;
    if (!isFresh) this.#looking ??= this.#look();
    await this.#looking;
  }

  async #look(): Promise<void> {
    const asked = this.#own.now();
    // A tick even where there is nothing to ask, by which `#looking` is set before it is done.
    const serverMs = await this.#broker.serverTimeMs?.().catch(() => undefined);
    const answered = this.#own.now();
    this.#lookedAtMonoMs = answered.monoMs;
    this.#looking = undefined;
    if (typeof serverMs !== "number") return;
    const tripMs = answered.monoMs - asked.monoMs;
    const aheadMs = serverMs - (answered.wallMs - tripMs / 2);
    this.#aheadMs = Math.abs(aheadMs) <= Math.max(TOLERANCE_MS, tripMs) ? 0 : aheadMs;
  }

  #now(): Moment {
    const now = this.#own.now();
    return this.#aheadMs === 0 ? now : { ...now, wallMs: now.wallMs + this.#aheadMs };
  }
}
