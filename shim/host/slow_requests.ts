/**
 * Notices requests that are not done soon. Most are, and pay nothing for what only slow ones need:
 * watching their client, sending a body piece by piece.
 *
 * @module
 */

/**
 * Milliseconds until a request counts as slow. One timer serves all requests that begin in the
 * meantime, since timers cost more than what is put off.
 */
const SLOW_MS = 2;

/** The slow requests of one isolate. */
export class SlowRequests {
  #callbacks: (() => void)[] = [];
  #isArmed = false;

  /** Calls back in a moment. */
  watch(callback: () => void): void {
    this.#callbacks.push(callback);
    if (this.#isArmed) return;
    this.#isArmed = true;
    setTimeout(() => {
      this.#isArmed = false;
      const callbacks = this.#callbacks;
      this.#callbacks = [];
      for (const call of callbacks) call();
    }, SLOW_MS);
  }
}
