import type { Config } from "../core/config.js";
import type { Broker } from "../ports/broker.js";
import type { CancelTimer, System } from "../ports/system.js";
import { PIECE } from "./forget.js";
import type { ReportFault } from "./hooks.js";

const EVERY_MS = 30_000;
/** While there is more, the next piece follows soon. */
const SOON_MS = 100;

/** Forgets finished tasks beyond `keepFinished`, in small pieces, while a worker runs. */
export class Retention {
  readonly #broker: Broker;
  readonly #system: System;
  readonly #keep: Config["keepFinished"];
  readonly #reportFault: ReportFault;
  #stopTimer: CancelTimer = () => {};
  #isStopped = false;

  constructor(broker: Broker, system: System, keep: Config["keepFinished"], reportFault: ReportFault) {
    this.#broker = broker;
    this.#system = system;
    this.#keep = keep;
    this.#reportFault = reportFault;
  }

  start(): void {
    const { age, count } = this.#keep;
    if (age !== null || count !== null) this.#later(SOON_MS);
  }

  stop(): void {
    this.#isStopped = true;
    this.#stopTimer();
  }

  #later(delayMs: number): void {
    if (this.#isStopped) return;
    this.#stopTimer = this.#system.timer(delayMs, () => void this.#forgetSome(), { idle: true });
  }

  async #forgetSome(): Promise<void> {
    const { age, count } = this.#keep;
    try {
      const finishedBeforeMs = age === null ? undefined : this.#system.now().wallMs - age * 1000;
      const tooOld = age === null ? 0 : await this.#broker.prune({ finishedBeforeMs, limit: PIECE });
      const tooMany = count === null ? 0 : await this.#broker.prune({ keep: count, limit: PIECE });
      this.#later(Math.max(tooOld, tooMany) >= PIECE ? SOON_MS : EVERY_MS);
    } catch (error) {
      // What was under way when the worker stopped may find the queue closed.
      if (this.#isStopped) return;
      this.#reportFault("forgetting finished tasks", error);
      this.#later(EVERY_MS);
    }
  }
}
