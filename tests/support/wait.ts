/**
 * Waiting for a condition with a deadline.
 *
 * @module
 */

/** Milliseconds between two looks. */
const POLL_MS = 20;

/**
 * Waits until `look` gives something other than undefined or false, and returns it.
 * @throws {Error} naming what was waited for, after `timeoutMs` (default: 10 s).
 */
export async function waitUntil<T>(
  look: () => T | undefined | false | Promise<T | undefined | false>,
  options: { what: string; timeoutMs?: number; explain?: () => string },
): Promise<T> {
  const { timeoutMs = 10_000 } = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) {
      const detail = options.explain ? `\n${options.explain()}` : "";
      throw new Error(`Waited ${timeoutMs} ms in vain for ${options.what}${detail}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/**
 * The result of `promise`.
 * @throws {Error} naming what was waited for, if it takes longer than `timeoutMs`.
 */
export async function within<T>(
  promise: Promise<T>,
  options: { what: string; timeoutMs: number },
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`Waited ${options.timeoutMs} ms in vain for ${options.what}`)),
      options.timeoutMs,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
