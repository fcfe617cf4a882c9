/**
 * One call, as its handler sees it.
 *
 * @module
 */

import { callLater } from "../../lib/timer.ts";
import type { Request } from "../proto/ttrpc.ts";
import { type Metadata, NAMESPACE_KEY, readMetadata } from "./method.ts";
import { StatusError } from "./status.ts";

/** Longest time that a timer can be set to; longer limits do not matter. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What a handler may want to know besides the request. */
export interface Call {
  readonly service: string;
  readonly method: string;
  readonly metadata: Metadata;
  /** containerd's namespace, if the caller said it; containerd 1.6 mostly does not. */
  readonly namespace: string | undefined;
  /** What was left of the caller's time when the call arrived; undefined: no limit. */
  readonly timeoutMs: number | undefined;
  /**
   * Fires when nobody waits for the answer any more: the caller's time is over, or its connection is.
   * For handlers that only wait. One that changes something goes on and finishes: containerd comes
   * back after a restart and expects the task to be what it was told to become.
   *
   * The reason is a {@link StatusError}, `DEADLINE_EXCEEDED` or `CANCELLED`.
   */
  readonly signal: AbortSignal;
}

/** A call under way. */
export class RunningCall implements Call {
  readonly service: string;
  readonly method: string;
  readonly timeoutMs: number | undefined;
  readonly #pairs: Request["metadata"];
  readonly #arrivedMs = performance.now();
  #metadata: Metadata | undefined;
  #controller: AbortController | undefined;
  #cancelTimer: (() => void) | undefined;
  #reason: StatusError | undefined;
  #isOver = false;

  constructor({ service, method, timeoutNano, metadata }: Request) {
    this.service = service;
    this.method = method;
    this.timeoutMs = timeoutNano === 0n ? undefined : Math.max(0, Number(timeoutNano) / 1e6);
    this.#pairs = metadata;
  }

  get metadata(): Metadata {
    return this.#metadata ??= readMetadata(this.#pairs);
  }

  get namespace(): string | undefined {
    return this.metadata.get(NAMESPACE_KEY)?.[0];
  }

  // Made when somebody asks for it: most handlers do not, and it costs a timer.
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#reason) this.#controller.abort(this.#reason);
      else this.#startTimer();
    }
    return this.#controller.signal;
  }

  #startTimer(): void {
    if (this.timeoutMs === undefined || this.#isOver) return;
    const leftMs = this.#arrivedMs + this.timeoutMs - performance.now();
    if (leftMs > MAX_TIMER_MS) return;
    this.#cancelTimer = callLater(() => {
      this.#controller?.abort(new StatusError("DEADLINE_EXCEEDED", "context deadline exceeded"));
    }, Math.max(0, leftMs));
  }

  /** The caller is gone. */
  cancel(): void {
    this.#reason = new StatusError("CANCELLED", "context canceled");
    this.#controller?.abort(this.#reason);
    this.#cancelTimer?.();
  }

  /** The handler is done: the signal does not fire any more. */
  finish(): void {
    this.#isOver = true;
    this.#cancelTimer?.();
  }
}
