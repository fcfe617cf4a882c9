/**
 * Notices requests that are not done by the next turn of the event loop. Most are, and pay nothing
 * for what only slow ones need: watching their client, sending a body piece by piece.
 *
 * @module
 */

import { setImmediate } from "node:timers";

/** The slow requests of one isolate. */
export class SlowRequests {
  #callbacks: (() => void)[] = [];
  #isArmed = false;

  /** Calls back at the next turn of the event loop. */
  watch(callback: () => void): void {
    this.#callbacks.push(callback);
    if (this.#isArmed) return;
    this.#isArmed = true;
    setTimeout(() => {
      this.#isArmed = false;
      const callbacks = this.#callbacks;
      this.#callbacks = [];
      for (const call of callbacks) call();
    }, 0);
  }
}
