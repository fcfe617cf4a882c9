/**
 * The last items of an endless series.
 *
 * @module
 */

/** Keeps the last `capacity` items, each with its number in the series, from 0 on. */
export class Ring<T> {
  readonly #capacity: number;
  readonly #items: T[] = [];
  #end = 0;

  /** @param capacity Items that are kept; at least 1. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** The number that the next item will have. */
  get end(): number {
    return this.#end;
  }

  /** Appends an item, in the place of the oldest one if there is no room. */
  push(item: T): void {
    this.#items[this.#end++ % this.#capacity] = item;
  }

  /** The items from number `from` on that are still there, oldest first. */
  since(from: number): T[] {
    const first = Math.max(from, this.#end - this.#capacity, 0);
    return Array.from(
      { length: Math.max(this.#end - first, 0) },
      (_, index) => this.#items[(first + index) % this.#capacity]!,
    );
  }
}
