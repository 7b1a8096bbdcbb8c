/** Wakes whoever waits for it when it rings, or after a time anyway. A ring that nobody waits for is kept. */
export class Bell {
  #wake = () => {};
  #hasRung = false;

  readonly ring = () => {
    this.#hasRung = true;
    this.#wake();
  };

  /** Resolves at a ring, or after `ms`. */
  async within(ms: number): Promise<void> {
    if (!this.#hasRung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#wake = () => {};
    this.#hasRung = false;
  }
}
