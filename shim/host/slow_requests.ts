/**
 * Notices requests that are not done soon. Most are, and pay nothing for what only slow ones need:
 * watching their client, sending a body piece by piece.
 *
 * @module
 */

import { callLater } from "../../lib/timer.ts";

/**
 * Milliseconds until a request counts as slow. One timer serves all requests that begin in the
 * meantime, since timers cost more than what is put off.
 */
const SLOW_MS = 2;

/** A request that may turn out to be slow. */
export interface SlowRequest {
  /** Called once, whether it is done by then or not. */
  onSlow(): void;
}

/** The slow requests of one isolate. */
export class SlowRequests {
  #requests: SlowRequest[] = [];
  #isArmed = false;

  /** Calls back in a moment. */
  watch(request: SlowRequest): void {
    this.#requests.push(request);
    if (this.#isArmed) return;
    this.#isArmed = true;
    callLater(() => {
      this.#isArmed = false;
      const requests = this.#requests;
      this.#requests = [];
      for (const request of requests) request.onSlow();
    }, SLOW_MS);
  }
}
