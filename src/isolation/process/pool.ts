import { LoadError } from "../../core/errors.js";
import type { Outcome } from "../../core/verdict.js";
import type { RemoteVerb } from "../../ports/broker.js";
import type { AbortReason, Isolation, Job, Room, RunHost, TaskFacts } from "../../ports/isolation.js";
import type { EventMap, EventName } from "../../ports/plugin.js";
import type { System } from "../../ports/system.js";
import { Assignment } from "./assignment.js";
import { Child } from "./child.js";
import { groupMemory } from "./memory.js";
import { type FromChild, toWire, type WireError } from "./protocol.js";
import { isRemoteVerb } from "./remoteBroker.js";

export interface PoolOptions {
  /** the script that a child runs */
  readonly entry: string;
  /** what a child needs to load the project; sent as JSON */
  readonly project: unknown;
  /** how many children work at once */
  readonly processes: number;
  readonly killGraceMs: number;
  /** how long a child may take to load the project */
  readonly loadTimeoutMs: number;
  readonly maxTasksPerChild: number | null;
  /** bytes of a child and all that it started */
  readonly maxMemoryPerChild: number | null;
  readonly system: System;
  /** Answers a verb of the broker that code in a child called. */
  call(verb: RemoteVerb, args: readonly unknown[]): Promise<unknown>;
  /** Calls back when tasks have ended, for waiters in children. */
  onSettled(callback: (uuids: readonly string[] | undefined) => void): Promise<() => void>;
  /** Files of the user's that a child has imported. */
  imported(files: readonly string[]): void;
  /** Something was printed that belongs to no run. */
  stray(text: string): void;
  reportFault(where: string, error: unknown): void;
}

/** For a run whose task another worker has already, or whose worker was told to stop twice. */
const SHORT_GRACE_MS = 300;
const MEASURE_EVERY_MS = 1000;
const CLOSE_MS = 300;
const RESTART_PAUSE_MS = 1000;

/**
 * Runs attempts in child processes. Async tasks share a child, a plain function has one to itself; a limit that is
 * not heeded ends the child and all that it started. One child more than may work is kept warm.
 */
export class ProcessIsolation implements Isolation {
  readonly kind = "process";
  readonly #options: PoolOptions;
  readonly #children = new Set<Child>();
  /** where each run was made, until its last event has been told */
  readonly #places = new Map<number, Child>();
  readonly #waiting: Assignment[] = [];
  #facts = new Map<string, TaskFacts>();
  #roomChanged: () => void = () => {};
  /** the child that shows whether the code can be loaded, at first or anew */
  #scout:
    | { child: Child; resolve(facts: readonly TaskFacts[]): void; reject(error: unknown): void }
    | undefined;
  /** The code was changed and cannot be loaded: children that have it from before are not to be replaced. */
  #isBroken = false;
  #subscribers = new Set<Child>();
  #unsubscribe: Promise<() => void> | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;
  #onEmpty: () => void = () => {};
  #pauseBeforeStart = false;
  #isMeasuring = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  open(roomChanged: () => void): Promise<readonly TaskFacts[]> {
    this.#roomChanged = roomChanged;
    return this.#sendScout();
  }

  async reload(): Promise<readonly TaskFacts[]> {
    try {
      return await this.#sendScout();
    } catch (error) {
      this.#isBroken = true;
      throw error;
    }
  }

  #sendScout(): Promise<readonly TaskFacts[]> {
    return new Promise((resolve, reject) => {
      this.#scout = { child: this.#startChild(), resolve, reject };
    });
  }

  room(): Room {
    const open = this.#inState("ready").filter((child) => !child.isRetiring);
    const free = this.#freePlaces();
    const waiting = this.#waitingForWhole;
    const mayDrain = open.some((child) => child.active > 0 && !child.isOccupied && !child.isReserved);
    const shared = free > 0 || open.some((child) => !child.isOccupied && !child.isReserved);
    return {
      shared: shared ? Number.POSITIVE_INFINITY : 0,
      blocking: Math.max(0, free - waiting) + (waiting === 0 && free === 0 && mayDrain ? 1 : 0),
    };
  }

  run(job: Job, host: RunHost): Promise<Outcome> {
    // Claimed just before the code of it went away.
    if (!this.#facts.has(job.taskName)) return Promise.resolve({ kind: "interrupted" });
    const run = new Assignment(job, host, this.#facts.get(job.taskName));
    this.#waiting.push(run);
    this.#placeWaiting();
    return run.outcome;
  }

  abort(fence: number, reason: AbortReason): void {
    const waiting = this.#waiting.find((run) => run.fence === fence);
    if (waiting !== undefined) {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
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
      this.#waiting.find((run) => run.fence === fence)?.early.push({ type: "event", name, event });
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
    this.#isClosed = true;
    (await this.#unsubscribe)?.();
    if (this.#children.size === 0) return;
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    for (const child of this.#children) child.close(CLOSE_MS);
    await empty;
  }

  // --- placing

  #placeWaiting(): void {
    this.#releaseReserved();
    for (const run of [...this.#waiting]) {
      const child = this.#placeFor(run);
      if (child === undefined) continue;
      this.#waiting.splice(this.#waiting.indexOf(run), 1);
      this.#assign(child, run);
    }
    this.#reserveForBlocking();
    this.#keepWarm();
  }

  /** The child that has the fewest runs of those that can take this one. */
  #placeFor(run: Assignment): Child | undefined {
    const mayUseAnother = this.#workingCount() < this.#options.processes;
    const takes = (child: Child) => {
      if (child.isRetiring || child.isOccupied) return false;
      if (child.active === 0 && !mayUseAnother) return false;
      if (run.isAlone) return child.isFresh;
      if (run.isBlocking) return child.active === 0;
      return !child.isReserved;
    };
    return leastBusy(this.#inState("ready").filter(takes));
  }

  #assign(child: Child, run: Assignment): void {
    child.isReserved = false;
    this.#places.set(run.fence, child);
    child.give(run);
    const { maxTasksPerChild } = this.#options;
    if (maxTasksPerChild !== null && child.served >= maxTasksPerChild) child.isRetiring = true;
    this.#measureMemory();
  }

  /** A blocking run that found no free child gets the one that is free soonest: it takes no other run until then. */
  #reserveForBlocking(): void {
    if (this.#reserved.length >= this.#waitingForWhole || this.#freePlaces() > 0) return;
    const child = leastBusy(
      this.#inState("ready").filter(
        (one) => one.active > 0 && !one.isOccupied && !one.isRetiring && !one.isReserved,
      ),
    );
    if (child !== undefined) child.isReserved = true;
  }

  /** The run that a child was kept free for may have found another one, or have been cancelled. */
  #releaseReserved(): void {
    for (const child of this.#reserved.slice(this.#waitingForWhole)) child.isReserved = false;
  }

  get #reserved(): readonly Child[] {
    return [...this.#children].filter((child) => child.isReserved);
  }

  /** how many runs wait that need a child for themselves */
  get #waitingForWhole(): number {
    return this.#waiting.filter((run) => run.isBlocking || run.isAlone).length;
  }

  /** Those of old code do not count: a long run in one of them must not keep the new code from its turn. */
  #workingCount(): number {
    return [...this.#children].filter((child) => child.active > 0 && !child.isOutdated).length;
  }

  /** idle children that may be put to work now */
  #freePlaces(): number {
    const idle = this.#inState("ready").filter(
      (child) => child.active === 0 && !child.isRetiring && !child.isOccupied,
    );
    return Math.max(0, Math.min(idle.length, this.#options.processes - this.#workingCount()));
  }

  #inState(state: Child["state"]): Child[] {
    return [...this.#children].filter((child) => child.state === state);
  }

  // --- children

  /** There is always one child that could begin at once, or one on its way. */
  #keepWarm(): void {
    if (this.#isClosed || this.#pauseBeforeStart) return;
    const usable = [...this.#children].filter((child) => !child.isRetiring && !child.isKilled);
    if (this.#isBroken && usable.length > 0) return;
    const idle = usable.filter((child) => child.active === 0 && !child.isOccupied);
    const mustBeFresh = this.#waiting.some((run) => run.isAlone);
    if (idle.some((child) => child.isFresh || !mustBeFresh)) return;
    const working = usable.filter((child) => child.active > 0).length;
    if (working > this.#options.processes) return;
    const worn = idle.find((child) => child.runs.size === 0);
    if (worn !== undefined) this.#retire(worn);
    this.#startChild();
  }

  /** It takes no more runs, and ends when those that it has are over. */
  #retire(child: Child): void {
    child.isRetiring = true;
    if (child.runs.size === 0) child.close(CLOSE_MS);
  }

  /** Looks from time to time whether a child has grown too large, as long as something runs. */
  #measureMemory(): void {
    const { maxMemoryPerChild, system } = this.#options;
    if (maxMemoryPerChild === null || this.#isMeasuring) return;
    this.#isMeasuring = true;
    system.timer(MEASURE_EVERY_MS, () => void this.#replaceLarge(maxMemoryPerChild), { idle: true });
  }

  async #replaceLarge(mostBytes: number): Promise<void> {
    const bytes = await groupMemory();
    this.#isMeasuring = false;
    if (this.#isClosed) return;
    for (const child of this.#inState("ready")) {
      if (!child.isRetiring && (bytes.get(child.pid) ?? 0) > mostBytes) this.#retire(child);
    }
    this.#placeWaiting();
    this.#roomChanged();
    if ([...this.#children].some((child) => child.runs.size > 0)) this.#measureMemory();
  }

  #startChild(): Child {
    const { entry, project, system, loadTimeoutMs, stray } = this.#options;
    const child = new Child(entry, project, system, {
      message: (from, message) => this.#receive(from, message),
      gone: (from, how) => this.#gone(from, how),
      printed: stray,
    });
    this.#children.add(child);
    // The child ends a load that hangs by itself, and says so; this is for one that cannot.
    const timer = system.timer(
      loadTimeoutMs * 1.5 + 2000,
      () => {
        if (child.state === "starting") child.kill();
      },
      { idle: true },
    );
    void timer;
    return child;
  }

  #receive(child: Child, message: FromChild): void {
    switch (message.type) {
      case "ready":
        this.#ready(child, message.tasks);
        break;
      case "failed":
        this.#loadFailed(child, message.error);
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
        run.pause(message.waitsFor);
        this.#placeWaiting();
        break;
      case "resume":
        void run.resume().then(() => child.post({ type: "resumed", fence: run.fence, id: message.id }));
        break;
      case "outcome":
        child.runs.delete(run.fence);
        run.end(message.outcome);
        if (child.isRetiring && child.runs.size === 0) child.close(CLOSE_MS);
        this.#placeWaiting();
        this.#roomChanged();
    }
  }

  #ready(child: Child, tasks: readonly TaskFacts[]): void {
    child.state = "ready";
    this.#facts = new Map(tasks.map((facts) => [facts.name, facts]));
    if (this.#scout?.child === child) {
      this.#isBroken = false;
      this.#outdateOthers(child);
      this.#scout.resolve(tasks);
      this.#scout = undefined;
    }
    this.#placeWaiting();
    this.#roomChanged();
  }

  /** From here on all that begins, begins with the code that this child has. */
  #outdateOthers(child: Child): void {
    for (const other of this.#children) {
      if (other === child) continue;
      other.isOutdated = true;
      other.isReserved = false;
      this.#retire(other);
    }
    for (const run of this.#waiting.filter(({ job }) => !this.#facts.has(job.taskName))) {
      this.#waiting.splice(this.#waiting.indexOf(run), 1);
      run.end({ kind: "interrupted" });
    }
  }

  #loadFailed(child: Child, { code, message, hint }: WireError): void {
    const error = new LoadError(message, hint ?? undefined, undefined, code ?? "E_LOAD");
    if (this.#scout?.child === child) this.#rejectScout(error);
    else this.#options.reportFault("starting a child process", error);
    child.kill();
    this.#waitBeforeStart();
  }

  #rejectScout(error: LoadError): void {
    this.#scout?.reject(error);
    this.#scout = undefined;
  }

  /** What cannot be loaded now is not tried again at once, over and over. */
  #waitBeforeStart(): void {
    this.#pauseBeforeStart = true;
    this.#options.system.timer(
      RESTART_PAUSE_MS,
      () => {
        this.#pauseBeforeStart = false;
        this.#keepWarm();
      },
      { idle: true },
    );
  }

  #gone(child: Child, how: string): void {
    const neverReady =
      this.#children.has(child) && child.runs.size === 0 && child.served === 0 && !child.isKilled;
    this.#children.delete(child);
    this.#subscribers.delete(child);
    for (const run of child.runs.values()) {
      // In a child that was used before, something that another run left behind may have ended it.
      const wasAlone = run.isAlone || child.served === 1;
      run.end(run.lostProcess(how, child.isKilled, wasAlone, this.#options.system.random()));
    }
    child.runs.clear();
    if (this.#scout?.child === child) {
      const hint = "See what it printed.";
      this.#rejectScout(new LoadError(`The process that loads the tasks died: ${how}.`, hint));
    }
    if (this.#isClosed) {
      if (this.#children.size === 0) this.#onEmpty();
      return;
    }
    if (neverReady && !child.isRetiring) this.#waitBeforeStart();
    this.#placeWaiting();
    this.#roomChanged();
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

function leastBusy(children: readonly Child[]): Child | undefined {
  return children.reduce<Child | undefined>(
    (best, child) => (best === undefined || child.runs.size < best.runs.size ? child : best),
    undefined,
  );
}
