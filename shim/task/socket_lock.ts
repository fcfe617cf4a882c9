/**
 * Keeps programs apart that make and remove the sockets of servers: several `start` at once, a server
 * that is about to end, and `delete` behind one that has died.
 *
 * @module
 */

import { sleep } from "../../lib/timer.ts";

/** Milliseconds that one of them may keep the others waiting; all they do is quick. */
const WAIT_MS = 10_000;
const POLL_MS = 2;

/**
 * Locks the directory of the sockets. The lock ends when it is disposed, and with the process. It
 * leaves no file behind, and is not handed on to processes that are started meanwhile.
 * @throws {Error} if it is not free in time.
 */
export async function lockSockets(
  directory: string,
  { waitMs = WAIT_MS }: { waitMs?: number } = {},
): Promise<Disposable> {
  Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = Deno.openSync(directory, { read: true });
  const deadline = performance.now() + waitMs;
  try {
    while (!file.tryLockSync(true)) {
      if (performance.now() > deadline) {
        throw new Error(
          `Another start or end of a shim has locked "${directory}" for ${waitMs / 1000} s; ` +
            "see with `lslocks` which process it is",
        );
      }
      await sleep(POLL_MS);
    }
  } catch (error) {
    file.close();
    throw error;
  }
  return file;
}
