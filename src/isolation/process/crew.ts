import { LoadError } from "../../core/errors.js";
import type { RunRules } from "../../ports/isolation.js";
import type { System } from "../../ports/system.js";
import { Child } from "./child.js";
import { groupMemory } from "./memory.js";
import type { FromChild, WireError } from "./protocol.js";

export interface CrewOptions {
  /** the script that a child runs */
  readonly entry: string;
  /** what a child needs to load the project; sent as JSON */
  readonly project: unknown;
  /** how many children work at once */
  readonly processes: number;
  /** how long a child may take to load the project */
  readonly loadTimeoutMs: number;
  readonly maxTasksPerChild: number | null;
  /** bytes of a child and all that it started */
  readonly maxMemoryPerChild: number | null;
  readonly system: System;
  reportFault(where: string, error: unknown): void;
  /** Something was printed past every capture. */
  stray(text: string): void;
}

export interface CrewEvents {
  message(child: Child, message: FromChild): void;
  /** It is gone; its runs are the listener's to end. */
  gone(child: Child, how: string): void;
  /** There may be more room. */
  changed(): void;
  /** A run waits for a child. */
  needsOne(): boolean;
  /** A run waits that wants a child which nothing has run in before. */
  needsFresh(): boolean;
}

const MEASURE_EVERY_MS = 1000;
const CLOSE_MS = 300;
/** A busy machine may need so long for what precedes the load itself. */
const OWN_START_MS = 10_000;
const RESTART_PAUSE_MS = 1000;
/** What is over sooner needs no second child, and a start costs more than most commands do. */
const SPARE_AFTER_MS = 500;

/** The children of a pool: started when they are needed, one more kept warm, and replaced when they are worn. */
export class Crew {
  readonly children = new Set<Child>();
  readonly #options: CrewOptions;
  readonly #events: CrewEvents;
  /** the child that shows whether the code can be loaded, at first or anew */
  #scout:
    | { child: Child; resolve(facts: readonly RunRules[]): void; reject(error: unknown): void }
    | undefined;
  /** The code was changed and cannot be loaded: children that have it from before are not to be replaced. */
  #isBroken = false;
  #isClosed = false;
  #onEmpty: () => void = () => {};
  #pauseBeforeStart = false;
  #isMeasuring = false;
  #isSpareDue = false;

  constructor(options: CrewOptions, events: CrewEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** Resolves to what a new child has loaded; rejects when it cannot load it. */
  sendScout(): Promise<readonly RunRules[]> {
    return new Promise((resolve, reject) => {
      this.#scout = { child: this.#start(), resolve, reject };
    });
  }

  /** The code on disk is broken; what was loaded before is still good. */
  keepOldCode(): void {
    this.#isBroken = true;
  }

  /** It has loaded the code. If it was sent as scout, from here on all that begins, begins in it and in later ones. */
  ready(child: Child, tasks: readonly RunRules[]): void {
    child.state = "ready";
    if (this.#scout?.child !== child) return;
    this.#isBroken = false;
    for (const other of this.children) if (other !== child) this.#outdate(other);
    this.#scout.resolve(tasks);
    this.#scout = undefined;
  }

  loadFailed(child: Child, { code, message, hint }: WireError): void {
    const error = new LoadError(message, hint ?? undefined, undefined, code ?? "E_LOAD");
    if (this.#scout?.child === child) this.#rejectScout(error);
    else this.#options.reportFault("starting a child process", error);
    child.kill();
    this.#waitBeforeStart();
  }

  /**
   * There is always one child that could begin at once, or one on its way; soon, where nothing waits for it. Once
   * something has run, this holds also when any one child dies.
   */
  keepWarm(): void {
    if (!this.#lacksSpare()) return;
    if (this.#events.needsOne()) this.#startSpare();
    else if (!this.#isSpareDue) {
      this.#isSpareDue = true;
      this.#options.system.timer(SPARE_AFTER_MS, () => this.#startSpareIfDue(), { idle: true });
    }
  }

  #startSpareIfDue(): void {
    this.#isSpareDue = false;
    if (this.#lacksSpare()) this.#startSpare();
  }

  #lacksSpare(): boolean {
    if (this.#isClosed || this.#pauseBeforeStart) return false;
    const usable = this.#usable;
    if (this.#isBroken && usable.length > 0) return false;
    const mustBeFresh = this.#events.needsFresh();
    if (idleOf(usable).some((child) => child.isFresh || !mustBeFresh))
      return usable.length === 1 && !usable[0]?.isFresh;
    return usable.filter((child) => child.active > 0).length <= this.#options.processes;
  }

  /** In the place of an idle one that is not fresh enough, if there is one. */
  #startSpare(): void {
    const worn = idleOf(this.#usable).find((child) => child.runs.size === 0);
    if (worn !== undefined && this.#events.needsFresh()) this.#retire(worn);
    this.#start();
  }

  get #usable(): readonly Child[] {
    return [...this.children].filter((child) => !child.isRetiring && !child.isKilled);
  }

  /** To be called for each run that a child was given. */
  wear(child: Child): void {
    const { maxTasksPerChild } = this.#options;
    if (maxTasksPerChild !== null && child.served >= maxTasksPerChild) child.isRetiring = true;
    this.#measureMemory();
  }

  /** To be called for each run of a child that has ended: what it keeps of it is measured once more. */
  relieve(child: Child): void {
    this.#measureMemory();
    this.#closeIfDone(child);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.children.size === 0) return;
    const empty = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    for (const child of this.children) child.close(CLOSE_MS);
    await empty;
  }

  #start(): Child {
    const { entry, project, system, loadTimeoutMs, stray } = this.#options;
    const child = new Child(entry, project, system, {
      message: (from, message) => this.#events.message(from, message),
      gone: (from, how) => this.#gone(from, how),
      printed: stray,
    });
    this.children.add(child);
    const killIfStarting = () => {
      if (child.state === "starting") child.kill();
    };
    // The child ends a load that hangs by itself, and says so; this is for one that cannot.
    system.timer(loadTimeoutMs * 1.5 + OWN_START_MS, killIfStarting, { idle: true });
    return child;
  }

  #gone(child: Child, how: string): void {
    const neverReady =
      this.children.has(child) && child.runs.size === 0 && child.served === 0 && !child.isKilled;
    this.children.delete(child);
    this.#events.gone(child, how);
    if (this.#scout?.child === child) {
      const hint = "See what it printed.";
      this.#rejectScout(new LoadError(`The process that loads the tasks died: ${how}.`, hint));
    }
    if (this.#isClosed) {
      if (this.children.size === 0) this.#onEmpty();
      return;
    }
    if (neverReady && !child.isRetiring) this.#waitBeforeStart();
    this.#events.changed();
  }

  #rejectScout(error: LoadError): void {
    this.#scout?.reject(error);
    this.#scout = undefined;
  }

  #outdate(child: Child): void {
    child.isOutdated = true;
    child.isReserved = false;
    this.#retire(child);
  }

  /** It takes no more runs, and ends when those that it has are over. */
  #retire(child: Child): void {
    child.isRetiring = true;
    this.#closeIfDone(child);
  }

  #closeIfDone(child: Child): void {
    if (child.isRetiring && child.runs.size === 0) child.close(CLOSE_MS);
  }

  /** What cannot be loaded now is not tried again at once, over and over. */
  #waitBeforeStart(): void {
    this.#pauseBeforeStart = true;
    const startAgain = () => {
      this.#pauseBeforeStart = false;
      this.keepWarm();
    };
    this.#options.system.timer(RESTART_PAUSE_MS, startAgain, { idle: true });
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
    for (const child of this.children) {
      const isLarge = (bytes.get(child.pid) ?? 0) > mostBytes;
      if (child.state === "ready" && !child.isRetiring && isLarge) this.#retire(child);
    }
    this.#events.changed();
    if ([...this.children].some((child) => child.runs.size > 0)) this.#measureMemory();
  }
}

function idleOf(children: readonly Child[]): readonly Child[] {
  return children.filter((child) => child.active === 0 && !child.isOccupied);
}
