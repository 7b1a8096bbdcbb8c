import { setMaxListeners } from "node:events";
import type { StopOrder } from "../ports/isolation.js";

/** The order to a run to end. Its signal is made for whoever asks for it: few do, and it costs more than a short task. */
export class StopOrderOnce implements StopOrder {
  #reason: Error | undefined;
  #controller: AbortController | undefined;

  get isGiven(): boolean {
    return this.#reason !== undefined;
  }

  get reason(): Error | undefined {
    return this.#reason;
  }

  get signal(): AbortSignal {
    this.#controller ??= this.#makeController();
    return this.#controller.signal;
  }

  /** The first reason counts. */
  give(reason: Error): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }

  #makeController(): AbortController {
    const controller = new AbortController();
    // Every sleep and wait of the run listens.
    setMaxListeners(0, controller.signal);
    if (this.#reason !== undefined) controller.abort(this.#reason);
    return controller;
  }
}
