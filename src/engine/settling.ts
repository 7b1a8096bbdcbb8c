import type { Outcome, Verdict } from "../core/verdict.js";
import type { Broker, Lease, RunReport } from "../ports/broker.js";
import type { System } from "../ports/system.js";
import type { Run } from "./run.js";

/** A run that is over and whose verdict is not stored yet. */
export interface Ended {
  readonly run: Run;
  readonly outcome: Outcome;
  readonly verdict: Verdict;
  readonly seconds: number;
}

export interface SettlingEvents {
  /** These are stored, so they have happened: a frozen worker's late result is nobody's event. */
  stored(ended: readonly Ended[]): void;
  troubled(where: string, error: unknown): void;
  /** A batch has been stored, or is kept for another try. */
  done(): void;
}

const HOLD_AT_MOST_MS = 5;

/** Stores what runs come to, and what they say meanwhile; a result that cannot be stored is kept, with its lease. */
export class Settling {
  readonly #broker: Broker;
  readonly #system: System;
  readonly #events: SettlingEvents;
  #ended: Ended[] = [];
  #reports: RunReport[] = [];
  /** batches under way */
  #underWay = 0;
  #lastTookMs = 0;
  #lastDoneMonoMs = Number.NEGATIVE_INFINITY;

  constructor(broker: Broker, system: System, events: SettlingEvents) {
    this.#broker = broker;
    this.#system = system;
    this.#events = events;
  }

  add(ended: Ended): void {
    this.#ended.push(ended);
  }

  report(report: RunReport): void {
    this.#reports.push(report);
  }

  get isBusy(): boolean {
    return this.#ended.length > 0 || this.#underWay > 0;
  }

  /** how many results are not stored yet */
  get size(): number {
    return this.#ended.length;
  }

  /** their leases */
  get leases(): readonly Lease[] {
    return this.#ended.map(({ run }) => run.job.lease);
  }

  /** The storage is gone: nothing that is kept can ever be stored. */
  drop(): void {
    this.#ended = [];
  }

  /**
   * How long what has ended waits for company while other runs go on: as long as the last commit took, so that at most
   * half of the time goes into commits, however slow the disk.
   */
  get holdMs(): number {
    const sinceMs = this.#system.now().monoMs - this.#lastDoneMonoMs;
    return Math.min(this.#lastTookMs, HOLD_AT_MOST_MS) - sinceMs;
  }

  send(): void {
    this.#sendReports();
    this.#sendEnded();
  }

  #sendReports(): void {
    const batch = this.#reports.splice(0);
    if (batch.length === 0) return;
    this.#broker.report(batch, this.#system.now()).catch((error: unknown) => {
      this.#events.troubled("storing progress and output", error);
    });
  }

  #sendEnded(): void {
    const batch = this.#ended.splice(0);
    if (batch.length === 0) return;
    this.#underWay += 1;
    const now = this.#system.now();
    const settlements = batch.map(({ run, verdict }) => ({ lease: run.job.lease, verdict }));
    this.#broker
      .settle(settlements, now)
      .then(
        (stored) => this.#events.stored(batch.filter((_, index) => stored[index])),
        (error: unknown) => {
          // A result is not lost because the disk is full: it is tried again by the poll.
          this.#ended.unshift(...batch);
          this.#events.troubled("storing results", error);
        },
      )
      .finally(() => {
        this.#underWay -= 1;
        this.#lastDoneMonoMs = this.#system.now().monoMs;
        this.#lastTookMs = this.#lastDoneMonoMs - now.monoMs;
        this.#events.done();
      });
  }
}
