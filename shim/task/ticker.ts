/**
 * One timer for everything that is looked at from time to time: a process that serves many containers
 * wakes up for all of them at once.
 *
 * @module
 */

import { callAtIntervals } from "../../lib/timer.ts";

/** Calls back at intervals, as long as anybody wants it. */
export class Ticker {
  readonly #intervalMs: number;
  readonly #callbacks = new Set<() => void>();
  #stop: (() => void) | undefined;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** Calls back from now on. @returns A function that ends it; it may be called twice. */
  add(callback: () => void): () => void {
    // The same function may be added twice.
    const own = () => callback();
    this.#callbacks.add(own);
    this.#stop ??= callAtIntervals(() => this.#tick(), this.#intervalMs);
    return () => {
      this.#callbacks.delete(own);
      if (this.#callbacks.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  }

  #tick(): void {
    for (const callback of this.#callbacks) {
      try {
        callback();
      } catch (error) {
        // One that fails is reported like any error of a timer, and the others are called.
        reportError(error);
      }
    }
  }
}
