/** Keeps its items in order. `compare` must tell any two of them apart, and must not change while an item is in. */
export class SortedList<T> {
  readonly #items: T[] = [];
  readonly #compare: (a: T, b: T) => number;

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  add(item: T): void {
    this.#items.splice(this.#placeOf(item), 0, item);
  }

  /** Does nothing when the item is not in. */
  delete(item: T): void {
    const place = this.#placeOf(item);
    if (this.#items[place] === item) this.#items.splice(place, 1);
  }

  first(): T | undefined {
    return this.#items[0];
  }

  /** The first, in order, that fits. */
  find(fits: (item: T) => boolean): T | undefined {
    return this.#items.find(fits);
  }

  take(count: number): readonly T[] {
    return this.#items.slice(0, count);
  }

  /** Where the item is, or belongs. */
  #placeOf(item: T): number {
    let low = 0;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(this.#items[middle] as T, item) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
