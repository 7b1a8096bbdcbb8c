import type { QueueEvents, QueueEventsListener } from "bullmq";
import type { BrokerListener, Unsubscribe } from "../../ports/broker.js";

/** Tells listeners of this process what BullMQ's events say, those of plain BullMQ workers among them. */
export class Listeners {
  readonly #listeners = new Set<BrokerListener>();
  readonly #connect: () => Promise<QueueEvents>;
  #events: Promise<QueueEvents> | undefined;
  #heard: Heard = nothing();
  #isScheduled = false;

  /** @param connect starts to listen; from then on no event is missed */
  constructor(connect: () => Promise<QueueEvents>) {
    this.#connect = connect;
  }

  async add(listener: BrokerListener): Promise<Unsubscribe> {
    // A copy, so that subscribing one object twice gives two subscriptions.
    const own = { ...listener };
    this.#events ??= this.#listen();
    await this.#events;
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    const events = this.#events;
    this.#events = undefined;
    await events?.then(
      (each) => each.close(),
      () => undefined,
    );
  }

  async #listen(): Promise<QueueEvents> {
    const events = await this.#connect();
    // It connects again by itself, and then reads on from where it was.
    events.on("error", () => {});
    const queued = () => this.#hear((heard) => (heard.queued = true));
    const settled = ({ jobId }: { jobId: string }) => this.#hear((heard) => heard.settled.add(jobId));
    events.on("waiting", queued).on("delayed", queued).on("completed", settled).on("failed", settled);
    const cancelling = ({ jobId }: { jobId: string }) => this.#hear((heard) => heard.cancelling.add(jobId));
    events.on<CancellingEvent>("cancelling", cancelling);
    return events;
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
