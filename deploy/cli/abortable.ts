/**
 * Work that need not be waited for any more.
 *
 * @module
 */

/**
 * What `work` gives, unless the signal fires first. The work itself is not ended: it must leave nothing
 * behind that somebody has to remove.
 *
 * @throws The signal's reason, by rejection, when it fires.
 */
export async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: fired, reject } = Promise.withResolvers<never>();
  function stop(): void {
    reject(signal.reason);
  }
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([work, fired]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
