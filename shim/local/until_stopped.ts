/**
 * Work that ends by itself, unless it is told to stop.
 *
 * @module
 */

import { watchStopSignals } from "./stop_signals.ts";

/** Exit code of a program that SIGTERM kept from doing what it was for. */
const TERMINATED_EXIT_CODE = 143;

/**
 * Runs `work`, which cleans up and fails when its signal fires.
 * @returns What `work` returns; or, if it was told to stop, 130 after Ctrl-C and 143 after SIGTERM.
 */
export async function untilStopped(
  work: (signal: AbortSignal) => Promise<number>,
): Promise<number> {
  using stop = watchStopSignals();
  try {
    return await work(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    return stop.exitCode() || TERMINATED_EXIT_CODE;
  }
}
