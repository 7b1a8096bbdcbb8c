import type { Outcome } from "../core/verdict.js";
import type { AbortReason, Attempts, Isolation, Job, Room, RunHost, RunRules } from "../ports/isolation.js";
import type { System } from "../ports/system.js";
import { StopOrderOnce } from "./stopOrder.js";

/** Makes the error that aborts a run's signal. */
export type AbortError = (taskName: string, reason: AbortReason) => Error;

/**
 * Runs attempts in this process: simple, for tests and for embedding. It aborts a run's signal and, after the
 * `killGrace`, no longer waits for it; but it cannot stop code that goes on regardless. A busy loop blocks everything.
 */
export class InlineIsolation implements Isolation {
  readonly kind = "inline";
  readonly #attempts: Attempts;
  readonly #system: System;
  readonly #killGraceMs: number;
  readonly #abortError: AbortError;
  readonly #aborts = new Map<number, (reason: AbortReason) => void>();

  constructor(attempts: Attempts, system: System, killGraceMs: number, abortError: AbortError) {
    this.#attempts = attempts;
    this.#system = system;
    this.#killGraceMs = killGraceMs;
    this.#abortError = abortError;
  }

  async open(): Promise<readonly RunRules[]> {
    return this.#attempts.facts;
  }

  async run(job: Job, host: RunHost): Promise<Outcome> {
    const { fence } = job.lease;
    const stop = new StopOrderOnce();
    const started = this.#system.now().monoMs;
    const stopTimers: (() => void)[] = [];
    const abandoned = new Promise<Outcome>((resolve) => {
      this.#aborts.set(fence, (reason) => {
        if (stop.isGiven) return;
        stop.give(this.#abortError(job.taskName, reason));
        const giveUp = () => resolve(this.#attempts.aftermath(job, reason));
        stopTimers.push(this.#system.timer(this.#killGraceMs, giveUp));
      });
    });
    if (job.maxTimeMs !== null) {
      const overtime = () => {
        host.stopping({ kind: "overtime" });
        this.abort(fence, { kind: "overtime" });
      };
      stopTimers.push(this.#system.timer(job.maxTimeMs, overtime));
    }
    const outcome = await Promise.race([this.#attempts.run(job, stop, host), abandoned]);
    this.#aborts.delete(fence);
    for (const stopTimer of stopTimers) stopTimer();
    return stop.isGiven ? outcome : this.#overtimeSeenLate(job, started, outcome);
  }

  room(): Room {
    return { shared: Number.POSITIVE_INFINITY, blocking: Number.POSITIVE_INFINITY };
  }

  /** Their listeners are those of the worker's own application. */
  tell(): void {}

  abort(fence: number, reason: AbortReason): void {
    this.#aborts.get(fence)?.(reason);
  }

  async close(): Promise<void> {}

  /** A function that blocked the loop ends before its timer could fire: its limit holds all the same. */
  #overtimeSeenLate(job: Job, startedMonoMs: number, outcome: Outcome): Outcome {
    const spentMs = this.#system.now().monoMs - startedMonoMs;
    if (job.maxTimeMs === null || spentMs < job.maxTimeMs) return outcome;
    return this.#attempts.aftermath(job, { kind: "overtime" });
  }
}
