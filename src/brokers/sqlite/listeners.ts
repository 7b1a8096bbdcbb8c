import type { BrokerListener, Unsubscribe } from "../../ports/broker.js";
import { Doorbell } from "./doorbell.js";
import type { Effects } from "./effects.js";

/**
 * Tells listeners of this process, and through doorbells those of others, what was committed. There is one bell for
 * workers and one for waiters, so that neither is woken by what concerns the other.
 */
export class Listeners {
  readonly #work: Doorbell;
  readonly #done: Doorbell;
  readonly #cancellingUuids: () => readonly string[];
  readonly #listeners = new Set<BrokerListener>();
  #heard: Heard = nothing();
  #isScheduled = false;

  /** @param cancellingUuids looks up which running tasks are to be cancelled */
  constructor(path: string, cancellingUuids: () => readonly string[]) {
    this.#work = new Doorbell(`${path}-bell-work`);
    this.#done = new Doorbell(`${path}-bell-done`);
    this.#cancellingUuids = cancellingUuids;
  }

  add(listener: BrokerListener): Unsubscribe {
    this.#listeners.add(listener);
    if (this.#isWanted("queued") || this.#isWanted("cancelling")) this.#work.watch(() => this.#hearWork());
    if (this.#isWanted("settled")) this.#done.watch(() => this.#hearDone());
    return () => this.#remove(listener);
  }

  /** To be called after the commit. */
  announce(effects: Effects): void {
    const { queued, settled, cancelling } = effects;
    if (queued || cancelling.length > 0) this.#work.ring();
    if (settled.length > 0) this.#done.ring();
    if (this.#listeners.size === 0) return;
    if (queued) this.#heard.queued = true;
    for (const uuid of settled) this.#heard.settled.add(uuid);
    for (const uuid of cancelling) this.#heard.cancelling.add(uuid);
    if (queued || settled.length > 0 || cancelling.length > 0) this.#schedule();
  }

  close(): void {
    this.#listeners.clear();
    this.#work.close();
    this.#done.close();
  }

  #remove(listener: BrokerListener): void {
    this.#listeners.delete(listener);
    if (!this.#isWanted("queued") && !this.#isWanted("cancelling")) this.#work.stopWatching();
    if (!this.#isWanted("settled")) this.#done.stopWatching();
  }

  #isWanted(event: keyof BrokerListener): boolean {
    return [...this.#listeners].some((listener) => listener[event] !== undefined);
  }

  /** A bell says only that it rang. */
  #hearWork(): void {
    this.#heard.queued = true;
    if (this.#isWanted("cancelling")) this.#heard.lookForCancelling = true;
    this.#schedule();
  }

  #hearDone(): void {
    this.#heard.unknownSettled = true;
    this.#schedule();
  }

  /** What comes together is told once. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#tell();
    });
  }

  #tell(): void {
    const heard = this.#heard;
    this.#heard = nothing();
    if (heard.lookForCancelling) {
      for (const uuid of this.#cancellingUuids()) heard.cancelling.add(uuid);
    }
    const settled = heard.unknownSettled ? undefined : [...heard.settled];
    for (const listener of this.#listeners) {
      if (heard.queued) listener.queued?.();
      if (heard.unknownSettled || heard.settled.size > 0) listener.settled?.(settled);
      if (heard.cancelling.size > 0) listener.cancelling?.([...heard.cancelling]);
    }
  }
}

/** What has happened since the listeners were told last. */
interface Heard {
  queued: boolean;
  lookForCancelling: boolean;
  unknownSettled: boolean;
  readonly settled: Set<string>;
  readonly cancelling: Set<string>;
}

function nothing(): Heard {
  return {
    queued: false,
    lookForCancelling: false,
    unknownSettled: false,
    settled: new Set(),
    cancelling: new Set(),
  };
}
