/**
 * Where bindings keep the host's resource objects, by number. An array, because V8's `Map` links
 * each table it outgrows to the next one, which keeps the garbage of many requests alive until a
 * full collection.
 *
 * @module
 */

/** The part of `Map<number, object>` that bindings use. Numbers are small and dense. */
export class CaptureTable {
  readonly #items: (object | undefined)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(rep: number): object | undefined {
    return this.#items[rep];
  }

  set(rep: number, value: object): void {
    while (this.#items.length < rep) this.#items.push(undefined);
    if (this.#items[rep] === undefined) this.#size++;
    this.#items[rep] = value;
  }

  delete(rep: number): void {
    if (this.#items[rep] === undefined) return;
    this.#items[rep] = undefined;
    this.#size--;
  }

  /** Empties the table, and appends what was in it to `leftovers`. */
  drainInto(leftovers: object[]): void {
    if (this.#size > 0) {
      for (const item of this.#items) if (item !== undefined) leftovers.push(item);
    }
    this.#items.length = 0;
    this.#size = 0;
  }

  /** The numbers and objects, in order of number. */
  entries(): [number, object][] {
    return this.#items.flatMap((item, rep): [number, object][] =>
      item === undefined ? [] : [[rep, item]]
    );
  }
}
