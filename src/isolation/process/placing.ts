import type { Room } from "../../ports/isolation.js";
import type { Assignment } from "./assignment.js";
import type { Child } from "./child.js";

/** Plain functions that are short are claimed ahead of their turn: so much work, as it was of late, waits for a child. */
const AHEAD_MS = 10;
const LEARNING = 1 / 8;

/** Which child takes which run. Async tasks share one, a plain function has one where nothing else runs. */
export class Placing {
  readonly #children: ReadonlySet<Child>;
  readonly #processes: number;
  /** in order of arrival, by claim number */
  readonly #waiting = new Map<number, Assignment>();
  /** how long a plain function took of late; undefined: nothing is known, or one took much longer than that */
  #paceMs: number | undefined;

  constructor(children: ReadonlySet<Child>, processes: number) {
    this.#children = children;
    this.#processes = processes;
  }

  room(): Room {
    const open = this.#ready().filter((child) => !child.isRetiring);
    const free = this.#freePlaces();
    const waiting = this.#waitingForWhole;
    const mayDrain = open.some((child) => child.active > 0 && !child.isOccupied && !child.isReserved);
    const shared = free > 0 || open.some((child) => !child.isOccupied && !child.isReserved);
    return {
      shared: shared ? Number.POSITIVE_INFINITY : 0,
      blocking:
        Math.max(0, free + this.#ahead() - waiting) + (waiting === 0 && free === 0 && mayDrain ? 1 : 0),
    };
  }

  add(run: Assignment): void {
    this.#waiting.set(run.fence, run);
  }

  find(fence: number): Assignment | undefined {
    return this.#waiting.get(fence);
  }

  /** Takes those that fit out of the line, and gives them back. */
  withdraw(fits: (run: Assignment) => boolean): readonly Assignment[] {
    const withdrawn = [...this.#waiting.values()].filter(fits);
    for (const run of withdrawn) this.#waiting.delete(run.fence);
    return withdrawn;
  }

  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** A run waits that wants a child which nothing has run in before. */
  get needsFresh(): boolean {
    return [...this.#waiting.values()].some((run) => run.isAlone);
  }

  /** Gives each waiting run, in order, the child that has the fewest runs of those that can take it. */
  place(assign: (child: Child, run: Assignment) => void): void {
    this.#releaseReserved();
    for (const run of this.#waiting.values()) {
      const child = this.#placeFor(run);
      if (child === undefined) {
        // At once: the next in line may be one that would take the last child from it.
        this.#reserveForBlocking();
        continue;
      }
      this.#waiting.delete(run.fence);
      child.isReserved = false;
      assign(child, run);
    }
  }

  /** A plain function took so long. */
  learn(ms: number): void {
    this.#paceMs = this.#paceMs === undefined ? ms : this.#paceMs + (ms - this.#paceMs) * LEARNING;
  }

  /**
   * To be called when a run has waited for long.
   * @returns true when plain functions keep all children from it: another worker may have a place for it
   */
  isStuck(run: Assignment): boolean {
    if (!this.#waiting.has(run.fence) || !this.#ready().every((child) => child.isOccupied)) return false;
    this.#paceMs = undefined;
    return true;
  }

  #ahead(): number {
    return this.#paceMs === undefined
      ? 0
      : Math.floor(AHEAD_MS / Math.max(this.#paceMs, 0.1)) * this.#processes;
  }

  #placeFor(run: Assignment): Child | undefined {
    const mayUseAnother = this.#workingCount() < this.#processes;
    const takes = (child: Child) => {
      if (child.isRetiring || child.isOccupied) return false;
      if (child.active === 0 && !mayUseAnother) return false;
      if (run.isAlone) return child.isFresh;
      if (run.isBlocking) return child.active === 0;
      return !child.isReserved;
    };
    return leastBusy(this.#ready().filter(takes));
  }

  /** A blocking run that found no free child gets the one that is free soonest: it takes no other run until then. */
  #reserveForBlocking(): void {
    if (this.#reserved.length >= this.#waitingForWhole || this.#freePlaces() > 0) return;
    const child = leastBusy(
      this.#ready().filter((one) => one.active > 0 && !one.isOccupied && !one.isRetiring && !one.isReserved),
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
    let count = 0;
    for (const run of this.#waiting.values()) if (run.isBlocking || run.isAlone) count += 1;
    return count;
  }

  /** Those of old code do not count: a long run in one of them must not keep the new code from its turn. */
  #workingCount(): number {
    return [...this.#children].filter((child) => child.active > 0 && !child.isOutdated).length;
  }

  /** idle children that may be put to work now */
  #freePlaces(): number {
    const idle = this.#ready().filter(
      (child) => child.active === 0 && !child.isRetiring && !child.isOccupied,
    );
    return Math.max(0, Math.min(idle.length, this.#processes - this.#workingCount()));
  }

  #ready(): Child[] {
    return [...this.#children].filter((child) => child.state === "ready");
  }
}

function leastBusy(children: readonly Child[]): Child | undefined {
  return children.reduce<Child | undefined>(
    (best, child) => (best === undefined || child.runs.size < best.runs.size ? child : best),
    undefined,
  );
}
