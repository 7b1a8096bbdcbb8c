import type { QueueEvents, QueueEventsListener } from "bullmq";
import type { BrokerListener, Unsubscribe } from "../../ports/broker.js";

/** BullMQ's events, on a connection of their own. */
export interface EventSource {
  readonly events: QueueEvents;
  close(): Promise<void>;
}

/** Tells listeners of this process what BullMQ's events say, those of plain BullMQ workers among them. */
export class Listeners {
  readonly #listeners = new Set<BrokerListener>();
  readonly #connect: () => Promise<EventSource>;
  #source: Promise<EventSource> | undefined;
  #heard: Heard = nothing();
  #isScheduled = false;

  /** @param connect starts to listen; from then on no event is missed */
  constructor(connect: () => Promise<EventSource>) {
    this.#connect = connect;
  }

  async add(listener: BrokerListener): Promise<Unsubscribe> {
    // A copy, so that subscribing one object twice gives two subscriptions.
    const own = { ...listener };
    this.#source ??= this.#listen();
    try {
      await this.#source;
    } catch (error) {
      this.#source = undefined;
      throw error;
    }
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    const source = this.#source;
    this.#source = undefined;
    await source?.then(
      (each) => each.close(),
      () => undefined,
    );
  }

  async #listen(): Promise<EventSource> {
    const source = await this.#connect();
    const { events } = source;
    // It connects again by itself, and then reads on from where it was.
    events.on("error", () => {});
    const queued = () => this.#hear((heard) => (heard.queued = true));
    const settled = ({ jobId }: { jobId: string }) => this.#hear((heard) => heard.settled.add(jobId));
    events.on("waiting", queued).on("delayed", queued).on("completed", settled).on("failed", settled);
    const cancelling = ({ jobId }: { jobId: string }) => this.#hear((heard) => heard.cancelling.add(jobId));
    events.on<CancellingEvent>("cancelling", cancelling);
    return source;
  }

  /** What comes together is told once. */
  #hear(note: (heard: Heard) => void): void {
    note(this.#heard);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      const { queued, settled, cancelling } = this.#heard;
      this.#heard = nothing();
      for (const listener of this.#listeners) {
        if (queued) listener.queued?.();
        if (settled.size > 0) listener.settled?.([...settled]);
        if (cancelling.size > 0) listener.cancelling?.([...cancelling]);
      }
    });
  }
}

/** One of our own, in BullMQ's stream. */
interface CancellingEvent extends QueueEventsListener {
  cancelling: (args: { jobId: string }, id: string) => void;
}

interface Heard {
  queued: boolean;
  readonly settled: Set<string>;
  readonly cancelling: Set<string>;
}

function nothing(): Heard {
  return { queued: false, settled: new Set(), cancelling: new Set() };
}
