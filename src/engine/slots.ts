/**
 * The places of a worker. A run that waits for another task gives its place back; when it goes on it comes before
 * every new claim, so that what has begun is finished first.
 */
export class Slots {
  readonly size: number;
  #taken = 0;
  readonly #returning: (() => void)[] = [];

  constructor(size: number) {
    this.size = size;
  }

  /** how many new runs may start */
  get free(): number {
    return Math.max(0, this.size - this.#taken - this.#returning.length);
  }

  take(count: number): void {
    this.#taken += count;
  }

  give(count = 1): void {
    this.#taken -= count;
    while (this.#taken < this.size) {
      const next = this.#returning.shift();
      if (next === undefined) return;
      this.#taken += 1;
      next();
    }
  }

  /** Resolves once the caller has a place again. */
  async takeAgain(): Promise<void> {
    if (this.#taken < this.size) {
      this.#taken += 1;
      return;
    }
    await new Promise<void>((resolve) => this.#returning.push(resolve));
  }
}
