import { BrokerError } from "../core/errors.js";
import { isFinal } from "../core/status.js";
import { judge, judgeDeaths, type Outcome, type Verdict } from "../core/verdict.js";
import type { Broker, Claim, LeaseState, RunReport, Unsubscribe, WorkerInfo } from "../ports/broker.js";
import type { AbortReason, Isolation, RunRules } from "../ports/isolation.js";
import type { EventMap, EventName } from "../ports/plugin.js";
import type { CancelTimer, System } from "../ports/system.js";
import { Claiming } from "./claiming.js";
import type { Hooks, ReportFault } from "./hooks.js";
import { Pulse } from "./pulse.js";
import { endEvent, Run, type RunOwner } from "./run.js";
import { type Ended, Settling } from "./settling.js";
import { Slots } from "./slots.js";

export interface WorkerOptions {
  /** shown in records and by `status` */
  readonly name: string;
  /** how many tasks at once */
  readonly concurrency: number;
  /** claim only these; undefined: every task there is code for */
  readonly only?: readonly string[] | undefined;
  /** Stop by itself once nothing is due or running and no retry of what it ran is waiting. */
  readonly burst?: boolean | undefined;
  /** Stop by itself after so many runs. */
  readonly maxTasks?: number | undefined;
  /** Work only on what `focusOn` names, and on the tasks that those wait for. */
  readonly focused?: boolean | undefined;
  readonly leaseMs: number;
  readonly graceMs: number;
  readonly killGraceMs: number;
  readonly pollMs: number;
  readonly maxCrashes: number;
}

export interface WorkerParts {
  readonly broker: Broker;
  readonly isolation: Isolation;
  readonly system: System;
  readonly hooks: Hooks;
  readonly reportFault: ReportFault;
  /** Sets the system's clock by that of the storage, now and then. */
  keepTime?(): Promise<void>;
}

/** What a worker did, once it has stopped. */
export interface WorkerSummary {
  readonly succeeded: number;
  readonly failed: number;
  readonly cancelled: number;
  /** runs that were aborted by the stop and went back in line */
  readonly interrupted: number;
  /** why it could not go on: its storage is gone, or is another's */
  readonly fault?: BrokerError;
}

/** After the last run has been ended, so long its result may take to be stored. */
const LAST_WORDS_MS = 700;
/** After the second wish to stop, so long everything may take. */
const HURRY_MS = 400;
/** So long the queue is told that this worker is gone; where it is locked, others see it by themselves. */
const FAREWELL_MS = 200;

/** The queue is another one now, or none: going on would lose results and run other people's tasks. */
const LASTING_FAULTS = new Set([
  "E_BROKER_REPLACED",
  "E_BROKER_VERSION",
  "E_BROKER_FOREIGN",
  "E_BROKER_CORRUPT",
]);

type State = "idle" | "running" | "stopping" | "stopped";

const INTERRUPTED: Outcome = { kind: "interrupted" };

/**
 * Claims tasks, has them run, settles what they came to, keeps their leases, stops. It never claims more than it has
 * free places for. What comes to an end in one turn of the event loop is settled, and its places are claimed for, in
 * one go: the broker then commits both together.
 */
export class WorkerEngine implements RunOwner {
  readonly slots: Slots;
  readonly system: System;
  readonly options: WorkerOptions;
  /** Resolves when the worker has stopped, by itself or because it was told to. */
  readonly stopped: Promise<WorkerSummary>;
  readonly #parts: WorkerParts;
  readonly #id: string;
  readonly #runs = new Map<number, Run>();
  readonly #focus: Set<string> | undefined;
  /** retries of what it ran, which a burst waits for */
  readonly #retries = new Set<string>();
  readonly #claiming: Claiming;
  readonly #settling: Settling;
  readonly #pulse: Pulse;
  readonly #summary = { succeeded: 0, failed: 0, cancelled: 0, interrupted: 0 };
  #facts = new Map<string, RunRules>();
  #fault: BrokerError | undefined;
  #preparing: Promise<readonly string[]> | undefined;
  #state: State = "idle";
  #sinceMs = 0;
  #turnPending = false;
  #unsubscribe: Unsubscribe = () => {};
  #stopPoll: CancelTimer = () => {};
  #stopGrace: CancelTimer = () => {};
  #stopForce: CancelTimer = () => {};
  #resolveStopped: (summary: WorkerSummary) => void = () => {};

  constructor(parts: WorkerParts, options: WorkerOptions) {
    this.#parts = parts;
    this.options = options;
    this.system = parts.system;
    this.slots = new Slots(options.concurrency);
    this.#id = parts.system.newId();
    this.#focus = options.focused ? new Set() : undefined;
    const { broker, system } = parts;
    const troubled = (where: string, error: unknown) => this.#troubled(where, error);
    this.#claiming = new Claiming({
      ...parts,
      slots: this.slots,
      workerId: this.#id,
      workerName: options.name,
      leaseMs: options.leaseMs,
      pollMs: options.pollMs,
      atMost: options.maxTasks ?? Infinity,
      focus: this.#focus,
      facts: () => this.#facts,
      isOpen: () => this.#state === "running",
      begin: (claim) => this.#begin(claim),
      nothing: () => this.#stopWhenIdle(),
      turnLater: () => this.#turnLater(),
      troubled,
    });
    this.#settling = new Settling(broker, system, {
      stored: (batch) => {
        for (const ended of batch) this.#tell(ended);
        if (options.burst) this.#claiming.want();
      },
      troubled,
      done: () => this.#stopWhenDone(),
    });
    this.#pulse = new Pulse({
      broker,
      system,
      leaseMs: options.leaseMs,
      info: () => this.#info(),
      keepTime: async () => parts.keepTime?.(),
      running: () => this.running,
      kept: () => this.#settling.leases,
      heed: (run, state) => this.#heed(run, state),
      troubled,
    });
    this.stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve;
    });
  }

  get state(): State {
    return this.#state;
  }

  /** what runs now */
  get running(): readonly Run[] {
    return [...this.#runs.values()];
  }

  /** names of the tasks it claims */
  get taskNames(): readonly string[] {
    return [...this.#facts.keys()];
  }

  /**
   * Gets ready without claiming, and resolves to the names of the tasks it can run. Rejects when their code cannot be
   * loaded; the worker is then stopped.
   */
  prepare(): Promise<readonly string[]> {
    this.#preparing ??= this.#prepare();
    return this.#preparing;
  }

  /** Resolves once it claims. A second call does nothing. */
  async start(): Promise<void> {
    if (this.#state !== "idle") return;
    this.#state = "running";
    this.#sinceMs = this.system.now().wallMs;
    await this.prepare();
    if (this.state !== "running") return;
    const unsubscribe = await this.#parts.broker.subscribe({
      queued: () => this.#claiming.want(),
      cancelling: () => void this.#pulse.renew(),
      failed: (error) => this.#troubled("the broker", error),
    });
    // Told to stop meanwhile, it has let go of everything else already.
    if (this.state !== "running") return unsubscribe();
    this.#unsubscribe = unsubscribe;
    await this.#introduce();
    if (this.#fault !== undefined) return;
    if (this.state !== "running") return await this.#parts.broker.leave(this.#id);
    this.#parts.hooks.emit("workerRunning", { worker: this.options.name });
    this.#pulse.go();
    this.#pollLater();
    await this.#claiming.claim();
  }

  async #prepare(): Promise<readonly string[]> {
    try {
      return this.#know(await this.#parts.isolation.open(() => this.#claiming.want()));
    } catch (error) {
      // Whoever waits for its end is told as well.
      this.#finish();
      await this.stopped;
      throw error;
    }
  }

  /**
   * Works with the code as it is now; what runs is finished with the old. Resolves to the names of the tasks that it can
   * run. Rejects when the code cannot be loaded: the worker then goes on as before.
   */
  async reload(): Promise<readonly string[]> {
    const { isolation } = this.#parts;
    if (isolation.reload === undefined) throw new Error(`Isolation ${isolation.kind} cannot load code anew.`);
    const names = this.#know(await isolation.reload());
    if (this.#state === "running") await this.#pulse.beat();
    this.#claiming.want();
    return names;
  }

  #know(facts: readonly RunRules[]): readonly string[] {
    const { only } = this.options;
    const wanted = facts.filter(({ name }) => only?.includes(name) ?? true);
    this.#facts = new Map(wanted.map((entry) => [entry.name, entry]));
    return facts.map(({ name }) => name);
  }

  /**
   * Claims no more and resolves when what runs has ended. After `graceMs` (default: the option) what is left is
   * aborted and goes back in line with its attempt given back. A second call may shorten the grace; with 0 it leaves
   * nothing more than a fraction of a second.
   */
  async stop(graceMs = this.options.graceMs): Promise<WorkerSummary> {
    const isRepeated = this.#state === "stopping";
    if (this.#state === "idle") this.#finish();
    if (this.#state === "running") this.#beginStop();
    if (this.#state === "stopping") {
      const abort = () => this.#abortAndFinish(isRepeated && graceMs <= 0);
      this.#stopGrace();
      if (graceMs <= 0) abort();
      else this.#stopGrace = this.system.timer(graceMs, abort);
    }
    return await this.stopped;
  }

  get isolation(): Isolation["kind"] {
    return this.#parts.isolation.kind;
  }

  waitsFor(uuid: string): void {
    this.#focus?.add(uuid);
  }

  /** Works on these tasks too, and claims them in this very turn. Only for a worker with a `focus`. */
  focusOn(uuids: readonly string[]): void {
    for (const uuid of uuids) this.#focus?.add(uuid);
    if (!this.#claiming.isUnderWay) void this.#claiming.claim();
    else this.#claiming.want();
  }

  placesChanged(): void {
    this.#claiming.want();
  }

  stoppingRun(run: Run, reason: AbortReason): void {
    const named = reason.kind === "overtime" ? "maxTime" : reason.kind;
    this.#emit(run, "taskStopping", { ...run.event(this.options.name), reason: named });
  }

  report(run: Run, report: Omit<RunReport, "lease">): void {
    this.#settling.report({ ...report, lease: run.job.lease });
    const event = run.event(this.options.name);
    if (report.progress) this.#emit(run, "taskProgress", { ...event, ...report.progress });
    for (const { stream, text } of report.lines ?? [])
      this.#emit(run, "taskOutput", { ...event, stream, text });
    this.#turnLater();
  }

  // --- turning

  #turnLater(): void {
    if (this.#turnPending) return;
    this.#turnPending = true;
    setImmediate(() => this.#turnOrHold());
  }

  /** Where most runs go on, what has ended waits a little for theirs: a commit costs the same for one and for many. */
  #turnOrHold(): void {
    const holdMs = this.#runs.size > this.#settling.size ? this.#settling.holdMs : 0;
    if (holdMs >= 1) this.system.timer(holdMs, () => this.#turnOrHold());
    else if (holdMs > 0) setImmediate(() => this.#turnOrHold());
    else {
      this.#turnPending = false;
      this.#turn();
    }
  }

  /** All verbs of a turn are called before any is waited for, so that they share one commit. */
  #turn(): void {
    this.#settling.send();
    this.#claiming.claimIfWanted();
    this.#stopWhenDone();
  }

  // --- running and settling

  #begin(claim: Claim): void {
    const facts = this.#facts.get(claim.taskName);
    const job = {
      ...claim,
      retry: claim.retry ?? facts?.retry ?? 0,
      maxTimeMs: claim.maxTimeMs ?? facts?.maxTimeMs ?? null,
    };
    const run = new Run(job, this);
    this.#retries.delete(claim.lease.uuid);
    const givenUp = judgeDeaths(claim.deaths, this.options.maxCrashes, claim.taskName);
    if (givenUp !== undefined) {
      this.#end(run, INTERRUPTED, givenUp);
      return;
    }
    if (this.#state !== "running") {
      // Its claim was under way when the worker was told to stop.
      this.#end(run, INTERRUPTED, judge(job, INTERRUPTED, this.options.maxCrashes, this.system.now().wallMs));
      return;
    }
    this.#runs.set(claim.lease.fence, run);
    const running = this.#parts.isolation.run(job, run);
    this.#emit(run, "taskRunning", run.event(this.options.name));
    void running.then((outcome) => {
      this.#runs.delete(claim.lease.fence);
      this.#end(run, outcome, judge(job, outcome, this.options.maxCrashes, this.system.now().wallMs));
    });
  }

  #end(run: Run, outcome: Outcome, verdict: Verdict): void {
    run.end();
    const seconds = (this.system.now().monoMs - run.startedMonoMs) / 1000;
    if (run.stopReason?.kind !== "lost" && this.#fault === undefined)
      this.#settling.add({ run, outcome, verdict, seconds });
    this.#claiming.want();
  }

  #tell({ run, outcome, verdict, seconds }: Ended): void {
    if (verdict.status === "success") this.#summary.succeeded += 1;
    else if (verdict.status === "error") this.#summary.failed += 1;
    else if (verdict.status === "cancel") this.#summary.cancelled += 1;
    else if (run.stopReason?.kind === "shutdown") this.#summary.interrupted += 1;
    if (verdict.status === "new") this.#retries.add(run.job.lease.uuid);
    const [name, event] = endEvent({ ...run.event(this.options.name), seconds }, outcome, verdict);
    this.#emit(run, name, event as never);
  }

  /** To the listeners here, and to those where the run was made. */
  #emit<Name extends EventName>(run: Run, name: Name, event: EventMap[Name]): void {
    this.#parts.hooks.emit(name, event);
    this.#parts.isolation.tell(run.job.lease.fence, name, event);
  }

  // --- staying alive

  /** What cannot even be begun is refused in one line: a queue that this user may not write, a full disk. */
  async #introduce(): Promise<void> {
    try {
      await this.#pulse.introduce();
    } catch (error) {
      if (error instanceof BrokerError && error.code !== "E_BROKER_BUSY") this.#giveUp(error);
      else this.#troubled("the worker's heartbeat", error);
    }
  }

  #info(): WorkerInfo {
    const { host, pid } = this.system;
    const { name, concurrency } = this.options;
    return {
      id: this.#id,
      name,
      pid,
      host,
      slots: concurrency,
      busy: this.#runs.size,
      tasks: this.taskNames,
      sinceMs: this.#sinceMs,
    };
  }

  #heed(run: Run, state: LeaseState): void {
    if (state.state === "lost") this.#abort(run, { kind: "lost" });
    if (state.state !== "cancelling") return;
    const { reason, urgent } = state;
    this.#abort(run, { kind: "cancel", reason });
    if (urgent) this.#parts.isolation.abort(run.job.lease.fence, { kind: "cancel", reason, urgent });
  }

  #pollLater(): void {
    this.#stopPoll = this.system.timer(this.options.pollMs, () => {
      this.#claiming.want();
      this.#pulse.beatIfChanged();
      if (this.#state === "running" || this.#state === "stopping") this.#pollLater();
    });
  }

  // --- stopping

  /** Most faults pass, and the next poll tries again. Some do not: then nothing can be claimed or stored any more. */
  #troubled(where: string, error: unknown): void {
    if (!(error instanceof BrokerError) || !LASTING_FAULTS.has(error.code)) {
      this.#parts.reportFault(where, error);
      return;
    }
    this.#giveUp(error);
  }

  #giveUp(error: BrokerError): void {
    if (this.#fault !== undefined) return;
    this.#fault = error;
    this.#settling.drop();
    if (this.#state === "running") this.#beginStop();
    this.#abortAll({ kind: "lost" });
  }

  /** What still runs goes back in line. The end does not wait for ever: what cannot be stored by then stays leased. */
  #abortAndFinish(urgent: boolean): void {
    this.#abortAll({ kind: "shutdown" });
    if (urgent) this.#hurryAll();
    const waitMs = urgent ? HURRY_MS : this.options.killGraceMs + LAST_WORDS_MS;
    this.#stopForce();
    this.#stopForce = this.system.timer(waitMs, () => {
      if (this.#state === "stopping") this.#finish(FAREWELL_MS);
    });
  }

  /** Also those that were told to end before, for whatever reason. */
  #hurryAll(): void {
    for (const { job } of this.running)
      this.#parts.isolation.abort(job.lease.fence, { kind: "shutdown", urgent: true });
  }

  #abortAll(reason: AbortReason): void {
    for (const run of this.running) this.#abort(run, reason);
  }

  #abort(run: Run, reason: AbortReason): void {
    if (!this.#runs.has(run.job.lease.fence) || run.stopReason !== undefined) return;
    run.stopping(reason);
    this.#parts.isolation.abort(run.job.lease.fence, reason);
  }

  #beginStop(): void {
    this.#state = "stopping";
    this.#parts.hooks.emit("workerStopping", { worker: this.options.name });
    this.#turnLater();
  }

  /** A burst is over when a claim brought nothing and no retry of what it ran is waiting. */
  async #stopWhenIdle(): Promise<void> {
    if (!this.options.burst || this.#state !== "running" || this.#isBusy() || this.#claiming.isWanted) return;
    const open = [...this.#retries];
    const records = await this.#parts.broker.getMany(open);
    for (const [index, uuid] of open.entries()) {
      const record = records[index];
      if (record === undefined || isFinal(record.status)) this.#retries.delete(uuid);
    }
    if (this.#retries.size === 0 && !this.#isBusy() && !this.#claiming.isWanted) this.#beginStop();
  }

  #stopWhenDone(): void {
    if (this.#isBusy() || this.#claiming.isUnderWay) return;
    if (this.#state === "running" && this.#claiming.isSpent) this.#beginStop();
    if (this.#state === "stopping") this.#finish();
  }

  #isBusy(): boolean {
    return this.#runs.size > 0 || this.#settling.isBusy;
  }

  /** @param farewellMs how long the queue may take to hear of it */
  #finish(farewellMs = Infinity): void {
    this.#state = "stopped";
    // What could not be ended or stored in time has not been told.
    this.#summary.interrupted += this.#runs.size + this.#settling.size;
    for (const stop of [this.#stopPoll, this.#stopGrace, this.#stopForce]) stop();
    this.#claiming.stop();
    this.#pulse.stop();
    this.#unsubscribe();
    const farewell = withinMs(this.system, farewellMs, this.#parts.broker.leave(this.#id));
    void Promise.allSettled([farewell, this.#parts.isolation.close()]).then(() => {
      this.#resolveStopped({ ...this.#summary, ...(this.#fault !== undefined && { fault: this.#fault }) });
    });
  }
}

/** Resolves with the promise, or when the time is up. */
async function withinMs(system: System, ms: number, promise: Promise<unknown>): Promise<void> {
  let cancelTimer: CancelTimer = () => {};
  const timeIsUp = new Promise<void>((resolve) => {
    if (ms !== Infinity) cancelTimer = system.timer(ms, resolve);
  });
  await Promise.race([promise, timeIsUp]).finally(cancelTimer);
}
