/**
 * What is asked in one turn of the event loop goes on together at its end, in the order of asking. What is asked while
 * that is being sent goes on together after it.
 */
export class Turn<Asked> {
  readonly #send: (asked: readonly Asked[]) => Promise<void> | void;
  #asked: Asked[] = [];
  #sending: Promise<void> | undefined;

  /** @param send does not reject; it resolves when the next may go */
  constructor(send: (asked: readonly Asked[]) => Promise<void> | void) {
    this.#send = send;
  }

  add(asked: Asked): void {
    this.#asked.push(asked);
    this.#sending ??= this.#sendAll();
  }

  /** Waits until all is sent. */
  async end(): Promise<void> {
    await this.#sending;
  }

  async #sendAll(): Promise<void> {
    await undefined;
    while (this.#asked.length > 0) await this.#send(this.#asked.splice(0, AT_MOST));
    this.#sending = undefined;
  }
}

/** One step keeps others from theirs. */
const AT_MOST = 100;
