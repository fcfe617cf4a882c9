/**
 * Timers for what runs in every pod. The first use of `setTimeout` or `setInterval` makes Deno load
 * Node's implementation of timers: 10 milliseconds, and 1.1 MB of each process for good. These stand
 * on `AbortSignal.timeout`, which has its own and costs the same per timer.
 *
 * @module
 */

/**
 * Calls back once after a time in milliseconds. Keeps the process up, as `setTimeout` does.
 * @returns A function that cancels it; it may be called at any time.
 */
export function callLater(callback: () => void, delayMs: number): () => void {
  const signal = AbortSignal.timeout(Math.max(0, Math.ceil(delayMs)));
  const listener = () => callback();
  signal.addEventListener("abort", listener, { once: true });
  return () => signal.removeEventListener("abort", listener);
}

/**
 * Calls back again and again, `intervalMs` after the end of the call before.
 * @returns A function that ends it; it may be called at any time.
 */
export function callAtIntervals(callback: () => void, intervalMs: number): () => void {
  let isOver = false;
  let cancel = callLater(run, intervalMs);
  function run(): void {
    try {
      callback();
    } finally {
      if (!isOver) cancel = callLater(run, intervalMs);
    }
  }
  return () => {
    isOver = true;
    cancel();
  };
}

/** Resolves after a time in milliseconds. */
export function sleep(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    callLater(resolve, delayMs);
  });
}
