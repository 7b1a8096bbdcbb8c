/** What is asked in one turn of the event loop goes on together at its end, in the order of asking. */
export class Turn<Asked> {
  readonly #send: (asked: readonly Asked[]) => void;
  #asked: Asked[] = [];

  constructor(send: (asked: readonly Asked[]) => void) {
    this.#send = send;
  }

  add(asked: Asked): void {
    if (this.#asked.push(asked) === 1) queueMicrotask(() => this.end());
  }

  /** Does not wait for the end of the turn. */
  end(): void {
    if (this.#asked.length > 0) this.#send(this.#asked.splice(0));
  }
}
