/**
 * Rows on their way from a database server to a guest that takes them one after another.
 *
 * @module
 */

import { resultTooLarge } from "./_result_limit.ts";

/** A stream of rows as the bindings of asynchronous functions take it: the guest's reads ask. */
export type GuestRows<R> = Iterable<R> | AsyncIterable<R>;

/** How a stream of rows has ended, as its future says it. */
export type RowsEnd<E> =
  | { readonly tag: "ok"; readonly val: undefined }
  | { readonly tag: "err"; readonly val: E };

/** Bytes of rows that may wait for the guest before the server is held back. */
const HIGH_WATER_BYTES = 1 << 20;

/** What holds the server back. */
export interface RowFlow {
  pause(): void;
  resume(): void;
}

interface Waiting<R> {
  readonly row: R;
  readonly bytes: number;
}

/** Rows of one statement. The statement puts them in, and ends it; the guest takes them out. */
export class RowQueue<R> {
  readonly #maxBytes: number;
  readonly #rows: Waiting<R>[] = [];
  #flow: RowFlow | undefined;
  #bytes = 0;
  #isPaused = false;
  /** Whether somebody waits for the statement's end, so that nothing may be held back. */
  #isUnbound = false;
  #isDropped = false;
  #end: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;
  #onDropped: (() => void) | undefined;

  /** @param maxBytes Most bytes of one row, and of all that wait. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether the guest wants no more rows. */
  get isDropped(): boolean {
    return this.#isDropped;
  }

  /** Has `listener` called when the guest wants no more rows, before their end. */
  onDropped(listener: () => void): void {
    this.#onDropped = listener;
  }

  /** Tells the queue what to hold back when it is full, until its end. */
  connect(flow: RowFlow): void {
    this.#flow = flow;
  }

  /** Takes a row from the server. @throws {Error} if it is larger than may be. */
  push(row: R, bytes: number): void {
    if (bytes > this.#maxBytes) throw resultTooLarge(this.#maxBytes);
    if (this.#isDropped) return;
    this.#rows.push({ row, bytes });
    this.#bytes += bytes;
    if (this.#bytes > this.#maxBytes) throw resultTooLarge(this.#maxBytes);
    this.#adjust();
    this.#wake?.();
  }

  /** No more rows come, because of `error` if there is one. */
  end(error?: unknown): void {
    this.#end ??= { error };
    // From here on the server talks to somebody else.
    if (this.#isPaused) this.#flow?.resume();
    this.#flow = undefined;
    this.#wake?.();
  }

  /** Lets all rows come, because another statement waits for the end of this one. */
  unbind(): void {
    this.#isUnbound = true;
    this.#adjust();
  }

  /** The guest wants no more rows. */
  drop(): void {
    if (this.#isDropped) return;
    this.#isDropped = true;
    this.#rows.length = 0;
    this.#bytes = 0;
    this.#adjust();
    if (!this.#end) this.#onDropped?.();
  }

  /**
   * Waits until there is a row, or none to come.
   * @returns whether there is one.
   * @throws what the statement failed with, if it did so before its first row.
   */
  async hasFirst(): Promise<boolean> {
    await this.#filled();
    if (this.#rows.length > 0) return true;
    if (this.#end?.error !== undefined) throw this.#end.error;
    return false;
  }

  /**
   * The rows for the guest, and how they ended.
   * @param convert Makes a guest's row; what it throws ends the stream.
   * @param toError The guest's error for what `convert` throws, or the statement failed with.
   */
  read<G, E>(convert: (row: R) => G, toError: (error: unknown) => E): [
    GuestRows<G>,
    Promise<RowsEnd<E>>,
  ] {
    const { promise, resolve } = Promise.withResolvers<RowsEnd<E>>();
    const finish = (error: unknown): IteratorResult<G, undefined> => {
      resolve(
        error === undefined ? { tag: "ok", val: undefined } : { tag: "err", val: toError(error) },
      );
      return { done: true, value: undefined };
    };
    const next = async (): Promise<IteratorResult<G, undefined>> => {
      await this.#filled();
      const waiting = this.#rows.shift();
      if (!waiting) return finish(this.#end?.error);
      this.#bytes -= waiting.bytes;
      this.#adjust();
      try {
        return { done: false, value: convert(waiting.row) };
      } catch (error) {
        this.drop();
        return finish(error);
      }
    };
    const rows: AsyncIterable<G> = {
      [Symbol.asyncIterator]: () => ({
        next,
        return: () => {
          this.drop();
          return Promise.resolve(finish(undefined));
        },
      }),
    };
    return [rows, promise];
  }

  async #filled(): Promise<void> {
    while (this.#rows.length === 0 && !this.#end && !this.#isDropped) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  #adjust(): void {
    const isFull = this.#bytes > HIGH_WATER_BYTES && !this.#isUnbound && !this.#isDropped;
    if (isFull === this.#isPaused) return;
    this.#isPaused = isFull;
    if (isFull) this.#flow?.pause();
    else this.#flow?.resume();
  }
}

/** Rows that are all there already, with the same end. */
export function rowsAtHand<R, E>(rows: readonly R[]): [GuestRows<R>, Promise<RowsEnd<E>>] {
  return [rows, Promise.resolve({ tag: "ok", val: undefined })];
}
