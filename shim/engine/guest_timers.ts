/**
 * Timers for bindings of the asynchronous component model. What they use timers for is never a time:
 * it is "after what is going on now" and "look whether it has happened yet". Deno's timers take two
 * milliseconds even for none at all, so both are answered by the event itself.
 *
 * @module
 */

import { setImmediate } from "node:timers";

/** Milliseconds until somebody who waits for an event looks again although nobody told of one. */
const SAFETY_MS = 100;

/** The timers of one instance. */
export class GuestTimers {
  /** Run once, as soon as what goes on now is over. */
  #next: (() => void)[] = [];
  /** Run once, at the next event. */
  #waiting: (() => void)[] = [];
  /** Run at every event. */
  readonly #polls = new Set<() => void>();
  #isArmed = false;
  #hasEvent = false;
  #safety: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  /** Like the platform's, but that a delay stands for the next event. */
  setTimeout(callback: () => void, delayMs: number): void {
    if (this.#isClosed) return;
    if (delayMs > 0) {
      this.#waiting.push(callback);
      this.#watch();
    } else {
      this.#next.push(callback);
      this.#arm();
    }
  }

  /** Calls back at every event. @returns what {@link clearInterval} takes. */
  setInterval(callback: () => void): () => void {
    if (this.#isClosed) return callback;
    this.#polls.add(callback);
    // What is waited for may be there already.
    this.wake();
    this.#watch();
    return callback;
  }

  clearInterval(callback: () => void): void {
    this.#polls.delete(callback);
  }

  /** There is an event: whoever waits for one looks. */
  wake(): void {
    if (this.#hasEvent || this.#isClosed) return;
    this.#hasEvent = true;
    this.#arm();
  }

  /** Calls back no more. */
  close(): void {
    this.#isClosed = true;
    this.#next = [];
    this.#waiting = [];
    this.#polls.clear();
    clearTimeout(this.#safety);
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    setImmediate(() => {
      this.#isArmed = false;
      this.#run();
    });
  }

  #watch(): void {
    this.#safety ??= setTimeout(() => {
      this.#safety = undefined;
      if (this.#waiting.length === 0 && this.#polls.size === 0) return;
      this.wake();
      this.#watch();
    }, SAFETY_MS);
  }

  #run(): void {
    const callbacks = this.#next;
    this.#next = [];
    if (this.#hasEvent) {
      this.#hasEvent = false;
      callbacks.push(...this.#waiting, ...this.#polls);
      this.#waiting = [];
    }
    for (const callback of callbacks) if (!this.#isClosed) callback();
  }
}
