import type { BrokerListener, Unsubscribe } from "../../ports/broker.js";

/** What has happened; no uuid means that there may be any. */
export type Tell = (event: keyof Omit<BrokerListener, "failed">, uuid?: string) => void;
export type Stop = () => Promise<void>;

/** Tells listeners of this process what the server says, from the first one on. */
export class Listeners {
  readonly #listeners = new Set<BrokerListener>();
  readonly #listen: (tell: Tell) => Promise<Stop>;
  #listening: Promise<Stop> | undefined;
  #heard: Heard = nothing();
  #isScheduled = false;

  /** @param listen when it resolves, nothing that happens from then on is missed */
  constructor(listen: (tell: Tell) => Promise<Stop>) {
    this.#listen = listen;
  }

  async add(listener: BrokerListener): Promise<Unsubscribe> {
    // A copy, so that subscribing one object twice gives two subscriptions.
    const own = { ...listener };
    this.#listening ??= this.#listen((event, uuid) => this.#hear(event, uuid));
    try {
      await this.#listening;
    } catch (error) {
      this.#listening = undefined;
      throw error;
    }
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    const listening = this.#listening;
    this.#listening = undefined;
    const stop = await listening?.catch(() => undefined);
    await stop?.();
  }

  /** What comes together is told once. */
  #hear(event: keyof Heard, uuid: string | undefined): void {
    const sofar = this.#heard[event];
    this.#heard[event] = uuid === undefined || sofar === "any" ? "any" : (sofar ?? new Set()).add(uuid);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      const heard = this.#heard;
      this.#heard = nothing();
      for (const listener of this.#listeners) {
        if (heard.queued !== undefined) listener.queued?.();
        if (heard.settled !== undefined) listener.settled?.(uuidsOf(heard.settled));
        if (heard.cancelling !== undefined) listener.cancelling?.(uuidsOf(heard.cancelling));
      }
    });
  }
}

type Heard = Record<Parameters<Tell>[0], Set<string> | "any" | undefined>;

function nothing(): Heard {
  return { queued: undefined, settled: undefined, cancelling: undefined };
}

function uuidsOf(heard: Set<string> | "any"): readonly string[] | undefined {
  return heard === "any" ? undefined : [...heard];
}
