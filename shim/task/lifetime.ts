/**
 * When a server ends: as soon as it has nothing to serve and is told so, or after a while without.
 *
 * @module
 */

import { callLater } from "../../lib/timer.ts";

/** Milliseconds that a server waits for a container which was announced, or for anything at all. */
const UNUSED_MS = 60_000;

/** What a lifetime depends on. */
export interface LifetimeOptions {
  /** Whether there is no container, and none is being made. */
  readonly isEmpty: () => boolean;
  /** Is called when the server should end, once or several times. */
  readonly onEnd: () => void;
  /** Default: a minute. */
  readonly unusedMs?: number;
}

/** Watches for the end of a server. The owner closes it. */
export class Lifetime {
  readonly #options: Required<LifetimeOptions>;
  /** Containers that were announced → when they are given up, by `performance.now()`. */
  readonly #expected = new Map<string, number>();
  #cancel: (() => void) | undefined;
  #hasEnded = false;

  constructor(options: LifetimeOptions) {
    this.#options = { unusedMs: UNUSED_MS, ...options };
    this.used();
  }

  /**
   * A container will come: whoever makes it gets the address now.
   * @returns False if it is too late.
   */
  expect(id: string): boolean {
    if (this.#hasEnded) return false;
    this.#expected.set(id, performance.now() + this.#options.unusedMs);
    this.used();
    return true;
  }

  /** A container that may have been announced is being made. */
  arrived(id: string): void {
    this.#expected.delete(id);
  }

  /** Something came or went. */
  used(): void {
    this.#cancel?.();
    this.#cancel = callLater(() => this.check(), this.#options.unusedMs);
  }

  /** Whether there is nothing, and nothing will come. */
  get isOver(): boolean {
    const now = performance.now();
    for (const [id, until] of this.#expected) if (until <= now) this.#expected.delete(id);
    return this.#expected.size === 0 && this.#options.isEmpty();
  }

  /** Whether the server ends now. If so, it expects nothing any more. */
  end(): boolean {
    this.#hasEnded ||= this.isOver;
    return this.#hasEnded;
  }

  /** Asks for the end of the server if there is nothing left. */
  check(): void {
    if (this.isOver) this.#options.onEnd();
  }

  close(): void {
    this.#cancel?.();
  }
}
