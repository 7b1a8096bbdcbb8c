import { backoffMs } from "../../core/retry.js";
import type { Outcome } from "../../core/verdict.js";
import type { AbortReason, Job, RunHost, RunRules } from "../../ports/isolation.js";
import type { CancelTimer } from "../../ports/system.js";
import type { ToChild } from "./protocol.js";

/** One run on its way through a child, as the supervisor keeps it. */
export class Assignment {
  readonly job: Job;
  readonly host: RunHost;
  readonly isBlocking: boolean;
  readonly outcome: Promise<Outcome>;
  /** why it was told to end; the first reason counts */
  abortReason: AbortReason | undefined;
  /** what `overtime` would mean, as the child worked it out */
  overtime: Outcome = { kind: "overtime", retryable: true, delayMs: 0 };
  /** when it was given to its child, in milliseconds of the monotonic clock */
  placedMonoMs = 0;
  stopTimer: CancelTimer = () => {};
  /** events of the time before it had a child */
  readonly early: Extract<ToChild, { type: "event" }>[] = [];
  #pauses = 0;
  readonly #facts: RunRules;
  #resolve: (outcome: Outcome) => void = () => {};

  constructor(job: Job, host: RunHost, facts: RunRules) {
    this.job = job;
    this.host = host;
    this.#facts = facts;
    this.isBlocking = facts.blocking;
    this.outcome = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get fence(): number {
    return this.job.lease.fence;
  }

  get isAlone(): boolean {
    return this.job.alone;
  }

  /** it waits for another task */
  get isPaused(): boolean {
    return this.#pauses > 0;
  }

  pause(waitsFor: string): void {
    this.#pauses += 1;
    this.host.pause(waitsFor);
  }

  async resume(): Promise<void> {
    await this.host.resume();
    this.#pauses -= 1;
  }

  end(outcome: Outcome): void {
    this.stopTimer();
    this.#resolve(outcome);
  }

  /** What it means that its process is gone. `byUs`: the supervisor killed it, because of this run or of another. */
  lostProcess(how: string, byUs: boolean, wasAlone: boolean, dice: number): Outcome {
    if (this.abortReason?.kind === "overtime") return this.overtime;
    if (this.abortReason?.kind === "cancel") return { kind: "cancel", reason: this.abortReason.reason };
    if (this.abortReason !== undefined || byUs) return { kind: "interrupted" };
    const delayMs = this.#facts.backoff ? backoffMs(this.#facts.backoff, this.job.attempt, dice) : 0;
    return { kind: "crashed", alone: wasAlone, detail: how, delayMs };
  }
}
