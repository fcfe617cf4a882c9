/**
 * Keeps a connection: makes it anew whenever it is lost, with growing pauses.
 *
 * @module
 */

import { errorText, TerminalError } from "../../../lib/errors.ts";

const FIRST_DELAY_MS = 200;
const MAX_DELAY_MS = 30_000;
/** A connection that has lasted so long was a good one: the next trouble is another. */
const STABLE_MS = 5_000;
/** Connections in a row that did not last, after which the next one is no good news. */
const MAX_SHORT_LIVED = 2;

/** A connection that ends by itself some day. */
export interface Connection {
  /**
   * Resolves with the reason when it has ended, and rejects with a {@link TerminalError} if there is
   * no use in another one.
   */
  readonly closed: Promise<string>;
  close(): void;
}

/** Options of {@link keepConnected}. */
export interface KeepConnectedOptions {
  /** For reports, without credentials: `Redis server at 127.0.0.1:6379`. */
  readonly what: string;
  readonly connect: () => Promise<Connection>;
  readonly report: (lines: string[]) => void;
  readonly signal: AbortSignal;
}

/**
 * Runs until the signal fires. Every loss is told, and so is every time it is there again.
 * @throws {TerminalError} by rejection, if `connect` or a connection does: there is no use in trying again.
 */
export async function keepConnected(options: KeepConnectedOptions): Promise<void> {
  const { what, report, signal } = options;
  let delay = FIRST_DELAY_MS;
  let lastReason: string | undefined;
  let shortLived = 0;
  function tellAgain(): void {
    if (lastReason !== undefined) report([`Connected to the ${what} again`]);
    lastReason = undefined;
  }
  /** Gives the reason of its end. */
  async function use(connection: Connection): Promise<string> {
    const close = (): void => connection.close();
    if (signal.aborted) close();
    signal.addEventListener("abort", close, { once: true });
    // What comes and goes at once is not there.
    if (shortLived < MAX_SHORT_LIVED) tellAgain();
    let isStable = false;
    const timer = setTimeout(() => {
      isStable = true;
      shortLived = 0;
      delay = FIRST_DELAY_MS;
      tellAgain();
    }, STABLE_MS);
    try {
      return await connection.closed;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", close);
      if (!isStable) shortLived++;
    }
  }
  while (!signal.aborted) {
    let reason: string;
    try {
      reason = await use(await options.connect());
    } catch (error) {
      if (error instanceof TerminalError) throw error;
      reason = errorText(error);
    }
    if (signal.aborted) return;
    // The same failure again is no news.
    if (reason !== lastReason) report([`Warning: no connection to the ${what}: ${reason}`]);
    lastReason = reason;
    await pause(delay * (0.75 + Math.random() / 2), signal);
    delay = Math.min(delay * 2, MAX_DELAY_MS);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done, { once: true });
  });
}

/** Rejects as the first of `works` that does; pending otherwise. */
export function firstFailure(works: readonly Promise<void>[]): Promise<never> {
  return new Promise((_, reject) => {
    for (const work of works) work.catch(reject);
  });
}
