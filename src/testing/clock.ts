import { setImmediate as nextTurn } from "node:timers/promises";
import type { CancelTimer, Moment, System } from "../ports/system.js";
import { sequentialIds } from "./ids.js";

export interface VirtualSystemOptions {
  /** epoch milliseconds to start at */
  readonly wallMs?: number;
  readonly monoMs?: number;
  readonly bootId?: string;
  readonly host?: string;
  readonly pid?: number;
  /** of the dice: the same seed throws the same numbers */
  readonly seed?: number;
}

/** A `System` whose time stands still until it is moved by hand. */
export interface VirtualSystem extends System {
  /**
   * Moves both clocks on, calling back the timers that fall due, each at its own time, in order (of equal times: the
   * one set first). What a timer sets off is settled before the next one, and before this resolves. 0 is allowed.
   */
  advance(ms: number): Promise<void>;
  /** Moves only the wall clock; negative is back. No timer notices. */
  jumpWallClock(ms: number): void;
  /** how many timers are waiting */
  readonly pendingTimers: number;
}

export function virtualSystem(options: VirtualSystemOptions = {}): VirtualSystem {
  return new ManualSystem(options);
}

interface Timer {
  readonly dueMonoMs: number;
  readonly callback: () => void;
}

class ManualSystem implements VirtualSystem {
  readonly host: string;
  readonly pid: number;
  readonly random: () => number;
  readonly #bootId: string;
  readonly #newId = sequentialIds();
  // In the order in which they were set.
  readonly #timers = new Set<Timer>();
  #wallMs: number;
  #monoMs: number;

  constructor(options: VirtualSystemOptions) {
    this.host = options.host ?? "virtual-host";
    this.pid = options.pid ?? 4242;
    this.random = seededDice(options.seed ?? 1);
    this.#bootId = options.bootId ?? "virtual-boot";
    this.#wallMs = options.wallMs ?? Date.UTC(2026, 0, 1);
    this.#monoMs = options.monoMs ?? 1_000_000;
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  now(): Moment {
    return { wallMs: this.#wallMs, monoMs: this.#monoMs, bootId: this.#bootId };
  }

  newId(): string {
    return this.#newId(this.#wallMs);
  }

  timer(delayMs: number, callback: () => void): CancelTimer {
    const timer = { dueMonoMs: this.#monoMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return () => {
      this.#timers.delete(timer);
    };
  }

  async advance(ms: number): Promise<void> {
    const untilMonoMs = this.#monoMs + ms;
    // What was set off before may be about to set a timer.
    await nextTurn();
    for (let timer = this.#nextTimer(); timer !== undefined; timer = this.#nextTimer()) {
      if (timer.dueMonoMs > untilMonoMs) break;
      this.#timers.delete(timer);
      this.#moveTo(timer.dueMonoMs);
      timer.callback();
      await nextTurn();
    }
    this.#moveTo(untilMonoMs);
  }

  jumpWallClock(ms: number): void {
    this.#wallMs += ms;
  }

  #moveTo(monoMs: number): void {
    // Never back: a timer's callback may itself have advanced the clock further.
    const stepMs = Math.max(0, monoMs - this.#monoMs);
    this.#monoMs += stepMs;
    this.#wallMs += stepMs;
  }

  #nextTimer(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (next === undefined || timer.dueMonoMs < next.dueMonoMs) next = timer;
    }
    return next;
  }
}

/** mulberry32: small, even, and the same everywhere. */
function seededDice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
