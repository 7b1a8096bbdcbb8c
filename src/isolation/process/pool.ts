import type { Outcome } from "../../core/verdict.js";
import type { RemoteVerb } from "../../ports/broker.js";
import type { AbortReason, Isolation, Job, Room, RunHost, RunRules } from "../../ports/isolation.js";
import type { EventMap, EventName } from "../../ports/plugin.js";
import { Assignment } from "./assignment.js";
import type { Child } from "./child.js";
import { Crew, type CrewOptions } from "./crew.js";
import { Placing } from "./placing.js";
import { type FromChild, toWire } from "./protocol.js";
import { isRemoteVerb } from "./remoteBroker.js";

export interface PoolOptions extends CrewOptions {
  readonly killGraceMs: number;
  /** Answers a verb of the broker that code in a child called. */
  call(verb: RemoteVerb, args: readonly unknown[]): Promise<unknown>;
  /** Calls back when tasks have ended, for waiters in children. */
  onSettled(callback: (uuids: readonly string[] | undefined) => void): Promise<() => void>;
  /** Files of the user's that a child has imported. */
  imported(files: readonly string[]): void;
}

/** For a run whose task another worker has already, or whose worker was told to stop twice. */
const SHORT_GRACE_MS = 300;
/** A plain function that was claimed ahead of its turn waits no longer for a child than this. */
const WAIT_MS = 1000;

const INTERRUPTED: Outcome = { kind: "interrupted" };

/**
 * Runs attempts in child processes. Async tasks share a child, a plain function has one to itself; a limit that is
 * not heeded ends the child and all that it started. One child more than may work is kept warm.
 */
export class ProcessIsolation implements Isolation {
  readonly kind = "process";
  readonly #options: PoolOptions;
  readonly #crew: Crew;
  readonly #placing: Placing;
  /** where each run was made, until its last event has been told */
  readonly #places = new Map<number, Child>();
  readonly #subscribers = new Set<Child>();
  /** not placed yet: what comes in one turn is placed together */
  #arrived: Assignment[] = [];
  #facts = new Map<string, RunRules>();
  #isRoomDue = false;
  #roomChanged: () => void = () => {};
  #unsubscribe: Promise<() => void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#crew = new Crew(options, {
      message: (child, message) => this.#receive(child, message),
      gone: (child, how) => this.#gone(child, how),
      changed: () => this.#changed(),
      needsOne: () => this.#placing.hasWaiting,
      needsFresh: () => this.#placing.needsFresh,
    });
    this.#placing = new Placing(this.#crew.children, options.processes);
  }

  open(roomChanged: () => void): Promise<readonly RunRules[]> {
    this.#roomChanged = roomChanged;
    return this.#crew.sendScout();
  }

  async reload(): Promise<readonly RunRules[]> {
    try {
      return await this.#crew.sendScout();
    } catch (error) {
      this.#crew.keepOldCode();
      throw error;
    }
  }

  room(): Room {
    return this.#placing.room();
  }

  run(job: Job, host: RunHost): Promise<Outcome> {
    const facts = this.#facts.get(job.taskName);
    // Claimed just before the code of it went away.
    if (facts === undefined) return Promise.resolve(INTERRUPTED);
    const run = new Assignment(job, host, facts);
    this.#placing.add(run);
    if (this.#arrived.push(run) === 1) queueMicrotask(() => this.#placeArrived());
    return run.outcome;
  }

  abort(fence: number, reason: AbortReason): void {
    const [waiting] = this.#placing.withdraw((run) => run.fence === fence);
    if (waiting !== undefined) {
      waiting.abortReason = reason;
      waiting.end(waiting.lostProcess("", true, false, 0));
      this.#placeWaiting();
      return;
    }
    const child = this.#places.get(fence);
    const run = child?.runs.get(fence);
    if (child !== undefined && run !== undefined) this.#abortRun(child, run, reason);
  }

  tell<Name extends EventName>(fence: number, name: Name, event: EventMap[Name]): void {
    const child = this.#places.get(fence);
    if (child === undefined) {
      this.#placing.find(fence)?.early.push({ type: "event", name, event });
      return;
    }
    if (child.hears.has(name)) child.post({ type: "event", name, event });
    if (!child.runs.has(fence)) this.#places.delete(fence);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const closed = this.#crew.close();
    (await this.#unsubscribe)?.();
    await closed;
  }

  // --- placing

  #placeArrived(): void {
    const arrived = this.#arrived;
    this.#arrived = [];
    this.#placeWaiting();
    for (const run of arrived)
      if (run.isBlocking && this.#placing.find(run.fence) !== undefined) this.#giveBackWhenStuck(run);
  }

  /** Once for all that children say together. */
  #changed(): void {
    if (this.#isRoomDue) return;
    this.#isRoomDue = true;
    queueMicrotask(() => {
      this.#isRoomDue = false;
      this.#placeWaiting();
      this.#roomChanged();
    });
  }

  #placeWaiting(): void {
    this.#placing.place((child, run) => {
      run.stopTimer();
      this.#places.set(run.fence, child);
      run.placedMonoMs = this.#nowMs();
      child.give(run);
      this.#crew.wear(child);
    });
    this.#crew.keepWarm();
  }

  /** It was thought to be short what is ahead of it. Nothing of it has begun, so any worker may have it. */
  #giveBackWhenStuck(run: Assignment): void {
    run.stopTimer = this.#options.system.timer(WAIT_MS, () => {
      if (!this.#placing.isStuck(run)) return;
      this.#placing.withdraw((one) => one === run);
      run.end(INTERRUPTED);
    });
  }

  // --- what children say

  #receive(child: Child, message: FromChild): void {
    switch (message.type) {
      case "ready":
        this.#ready(child, message.tasks);
        break;
      case "failed":
        this.#crew.loadFailed(child, message.error);
        break;
      case "imported":
        this.#options.imported(message.files);
        break;
      case "heard":
        child.heard = message.runs;
        break;
      case "call":
        this.#answer(child, message);
        break;
      case "subscribe":
        this.#subscribe(child);
        break;
      case "hears":
        child.hears.add(message.name);
        break;
      case "stray":
        this.#options.stray(message.text);
        break;
      case "fault":
        this.#options.reportFault(message.where, new Error(message.error.message));
        break;
      default: {
        const run = child.runs.get(message.fence);
        if (run !== undefined) this.#heard(child, run, message);
      }
    }
  }

  #ready(child: Child, tasks: readonly RunRules[]): void {
    this.#facts = new Map(tasks.map((facts) => [facts.name, facts]));
    this.#crew.ready(child, tasks);
    for (const run of this.#placing.withdraw(({ job }) => !this.#facts.has(job.taskName)))
      run.end(INTERRUPTED);
    this.#changed();
  }

  #heard(child: Child, run: Assignment, message: Extract<FromChild, { fence: number }>): void {
    switch (message.type) {
      case "started":
        run.overtime = message.overtime;
        this.#limit(child, run);
        break;
      case "progress":
        run.host.progress(message.progress);
        break;
      case "print":
        run.host.print(message.line);
        break;
      case "pause":
        child.pause(run, message.waitsFor);
        this.#placeWaiting();
        break;
      case "resume":
        void child.resume(run).then(() => child.post({ type: "resumed", fence: run.fence, id: message.id }));
        break;
      case "outcome":
        child.release(run);
        if (run.isBlocking) this.#placing.learn(this.#nowMs() - run.placedMonoMs);
        run.end(message.outcome);
        this.#crew.relieve(child);
        this.#changed();
    }
  }

  #gone(child: Child, how: string): void {
    this.#subscribers.delete(child);
    for (const run of child.runs.values()) {
      child.release(run);
      // In a child that was used before, something that another run left behind may have ended it.
      const wasAlone = run.isAlone || child.served === 1;
      run.end(run.lostProcess(how, child.isKilled, wasAlone, this.#options.system.random()));
    }
  }

  // --- limits

  #limit(child: Child, run: Assignment): void {
    const { maxTimeMs } = run.job;
    if (maxTimeMs === null || run.abortReason !== undefined) return;
    run.stopTimer = this.#options.system.timer(maxTimeMs, () => {
      run.host.stopping({ kind: "overtime" });
      this.#abortRun(child, run, { kind: "overtime" });
    });
  }

  /** A message first; a child that does not answer it within the grace is ended with its group. */
  #abortRun(child: Child, run: Assignment, reason: AbortReason): void {
    const isUrgent = "urgent" in reason && reason.urgent === true;
    if (run.abortReason !== undefined && !isUrgent) return;
    run.abortReason ??= reason;
    if (reason.kind === "cancel" && isUrgent) {
      child.kill();
      return;
    }
    child.post({ type: "abort", fence: run.fence, reason });
    const { killGraceMs, system } = this.#options;
    const isShort = reason.kind === "lost" || isUrgent;
    const graceMs = isShort ? Math.min(SHORT_GRACE_MS, killGraceMs) : killGraceMs;
    run.stopTimer();
    run.stopTimer = system.timer(graceMs, () => child.kill());
  }

  #nowMs(): number {
    return this.#options.system.now().monoMs;
  }

  // --- what children ask for

  async #answer(child: Child, { id, verb, args }: Extract<FromChild, { type: "call" }>): Promise<void> {
    try {
      if (!isRemoteVerb(verb)) throw new Error(`A child called "${verb}", which is no verb for it.`);
      child.post({ type: "reply", id, value: await this.#options.call(verb, args) });
    } catch (error) {
      child.post({ type: "reply", id, error: toWire(error) });
    }
  }

  #subscribe(child: Child): void {
    this.#subscribers.add(child);
    this.#unsubscribe ??= this.#options.onSettled((uuids) => {
      for (const subscriber of this.#subscribers) subscriber.post({ type: "settled", uuids: uuids ?? null });
    });
    // What ended before the subscription stood: waiters look once more.
    void this.#unsubscribe.then(() => child.post({ type: "settled", uuids: null }));
  }
}
