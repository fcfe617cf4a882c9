/**
 * Reads a whole body that a server sends, within a limit.
 *
 * @module
 */

import { MAX_RESULT_BYTES, resultTooLarge } from "./_result_limit.ts";

/**
 * All bytes of `body`; none if there is no body. A body that is too long is cancelled.
 * @param maxBytes Default: as much as one result of a host function may hold.
 * @throws {Error} if there are more than `maxBytes`, or what reading the body throws.
 */
export async function readBody(
  body: ReadableStream<Uint8Array> | null | undefined,
  maxBytes = MAX_RESULT_BYTES,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop by an error cancels the stream.
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > maxBytes) throw resultTooLarge(maxBytes);
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
