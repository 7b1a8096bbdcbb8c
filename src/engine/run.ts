import type { Outcome, Verdict } from "../core/verdict.js";
import type { RunReport } from "../ports/broker.js";
import type { AbortReason, Job, RunHost } from "../ports/isolation.js";
import type { EventMap, RunEvent } from "../ports/plugin.js";
import type { System } from "../ports/system.js";
import type { Slots } from "./slots.js";

/** What a run tells its worker while it goes on. */
export interface RunOwner {
  readonly slots: Slots;
  readonly system: System;
  report(run: Run, report: Omit<RunReport, "lease">): void;
  /** The run waits for that task. */
  waitsFor(uuid: string): void;
  /** A place became free. */
  placesChanged(): void;
  /** The run has been told to end. */
  stoppingRun(run: Run, reason: AbortReason): void;
}

/** One run in a worker's hands: its place, and what it says. */
export class Run implements RunHost {
  readonly job: Job;
  readonly startedMonoMs: number;
  #stopReason: AbortReason | undefined;
  readonly #owner: RunOwner;
  /** waits within the run that are open at the same time */
  #pauses = 0;
  #holdsPlace = true;
  #linedUp: Promise<void> | undefined;
  #ended = false;
  #letGo = () => {};
  #toldToEnd: Promise<void> | undefined;

  constructor(job: Job, owner: RunOwner) {
    this.job = job;
    this.#owner = owner;
    this.startedMonoMs = owner.system.now().monoMs;
  }

  /** why it has been told to end */
  get stopReason(): AbortReason | undefined {
    return this.#stopReason;
  }

  /** The first reason counts. */
  stopping(reason: AbortReason): void {
    if (this.#stopReason !== undefined) return;
    this.#stopReason = reason;
    this.#letGo();
    this.#owner.stoppingRun(this, reason);
  }

  progress(progress: NonNullable<RunReport["progress"]>): void {
    if (!this.#ended) this.#owner.report(this, { progress });
  }

  print(line: Parameters<RunHost["print"]>[0]): void {
    if (this.#ended) return;
    const timeMs = this.#owner.system.now().wallMs;
    this.#owner.report(this, { lines: [{ ...line, attempt: this.job.attempt, timeMs }] });
  }

  pause(waitsFor: string): void {
    this.#owner.waitsFor(waitsFor);
    this.#pauses += 1;
    this.#leavePlace();
  }

  async resume(): Promise<void> {
    this.#pauses -= 1;
    if (this.#pauses > 0 || this.#holdsPlace || this.#ended) return;
    // Who has been told to end does not stand in line for a place.
    if (this.#stopReason !== undefined) return;
    this.#linedUp ??= this.#lineUp();
    this.#toldToEnd ??= new Promise((resolve) => {
      this.#letGo = resolve;
    });
    await Promise.race([this.#linedUp, this.#toldToEnd]);
  }

  /** The run is over: its place is free, unless it gave it back itself. */
  end(): void {
    this.#ended = true;
    this.#leavePlace();
  }

  async #lineUp(): Promise<void> {
    await this.#owner.slots.takeAgain();
    this.#linedUp = undefined;
    this.#holdsPlace = true;
    // While it stood in line it ended, or began to wait again: the place is for others.
    if (this.#ended || this.#pauses > 0) this.#leavePlace();
  }

  #leavePlace(): void {
    if (!this.#holdsPlace) return;
    this.#holdsPlace = false;
    this.#owner.slots.give();
    this.#owner.placesChanged();
  }

  event(worker: string): RunEvent {
    const { lease, taskName, attempt } = this.job;
    return { uuid: lease.uuid, taskName, attempt, worker };
  }
}

type EndEvent = "taskSuccess" | "taskError" | "taskCancel" | "taskRetry" | "taskInterrupted";

/** What plugins and the worker's log hear of a run's end. */
export function endEvent(
  run: RunEvent & { readonly seconds: number },
  outcome: Outcome,
  verdict: Verdict,
): { [Name in EndEvent]: readonly [Name, EventMap[Name]] }[EndEvent] {
  const details =
    outcome.kind === "error" && outcome.details !== undefined ? { details: outcome.details } : {};
  switch (verdict.status) {
    case "success":
      return ["taskSuccess", run];
    case "cancel":
      return ["taskCancel", { ...run, reason: verdict.reason }];
    case "error":
      return ["taskError", { ...run, error: verdict.error, ...details }];
    case "new":
      if (verdict.error === null) return ["taskInterrupted", run];
      return ["taskRetry", { ...run, error: verdict.error, runAt: new Date(verdict.runAtMs), ...details }];
  }
}
