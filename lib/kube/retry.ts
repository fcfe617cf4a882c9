/**
 * Trying again, with growing pauses, and giving up.
 *
 * @module
 */

/** Tries beside the first. */
const RETRIES = 5;
const FIRST_DELAY_MS = 50;
const MAX_DELAY_MS = 5_000;
/** No server makes us wait longer than this at once. */
const MAX_WANTED_MS = 30_000;

/** Options of {@link retry}. */
export interface RetryOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that a failure wants to wait at least; undefined: it is final. */
  readonly delayOf: (error: unknown) => number | undefined;
}

/** Runs `work` until it succeeds, fails for good, has been tried often enough, or is aborted. */
export async function retry<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  for (let attempt = 0;; attempt++) {
    try {
      return await work();
    } catch (error) {
      const wanted = options.delayOf(error);
      if (wanted === undefined || attempt >= RETRIES || options.signal?.aborted) throw error;
      const delay = Math.min(FIRST_DELAY_MS * 2 ** attempt, MAX_DELAY_MS);
      // Spread, so that clients that failed together do not come back together.
      const spread = delay * (0.5 + Math.random() / 2);
      await pause(Math.max(spread, Math.min(wanted, MAX_WANTED_MS)), options.signal);
    }
  }
}

/** Waits. @throws The signal's reason, if it fires. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    function onAbort(): void {
      clearTimeout(timer);
      reject(signal!.reason);
    }
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** A signal that fires with another one, or by itself. */
export interface OwnSignal extends Disposable {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
}

/**
 * A signal that fires when `other` does; it stops listening when it is disposed. (A signal made by
 * `AbortSignal.any` may be collected before it fires.)
 */
export function followSignal(other: AbortSignal | undefined): OwnSignal {
  const controller = new AbortController();
  const follow = (): void => controller.abort(other!.reason);
  if (other?.aborted) follow();
  other?.addEventListener("abort", follow, { once: true });
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    [Symbol.dispose]: () => other?.removeEventListener("abort", follow),
  };
}

/** Resolves when the signal fires. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
