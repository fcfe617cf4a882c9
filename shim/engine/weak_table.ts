/**
 * The table in which bindings of the asynchronous component model keep every stream and future that
 * there ever was, by number. Theirs never lets go of one; this one holds none.
 *
 * @module
 */

/** Values by number, as long as somebody else holds them. */
export class WeakTable<T extends object> {
  readonly #entries = new Map<number, WeakRef<T>>();
  readonly #registry = new FinalizationRegistry<number>((rep) => this.#entries.delete(rep));
  #last = 0;

  /** @returns the number, from 1 on. */
  insert(value: T): number {
    const rep = ++this.#last;
    this.#entries.set(rep, new WeakRef(value));
    this.#registry.register(value, rep);
    return rep;
  }

  /** The value, or undefined if nobody holds it any more. */
  get(rep: number): T | undefined {
    return this.#entries.get(rep)?.deref();
  }
}
