/**
 * What a guest passes to the host, without a guest.
 *
 * @module
 */

import type { GuestBytes } from "./_streams.ts";

/** A stream that a guest has written `chunks` into. */
export interface WrittenStream extends GuestBytes {
  /** Whether the host has let go of it. */
  readonly isDropped: boolean;
}

/** A guest's stream of bytes; after the chunks it ends, or stays open. */
export function writtenStream(
  chunks: readonly string[],
  options: { staysOpen?: boolean } = {},
): WrittenStream {
  const left = chunks.map((chunk) => new TextEncoder().encode(chunk));
  const dropped = Promise.withResolvers<void>();
  let isDropped = false;
  return {
    async read() {
      const value = left.shift();
      if (value) return { value, done: false };
      if (options.staysOpen && !isDropped) await dropped.promise;
      return { value: undefined, done: true };
    },
    get isDropped() {
      return isDropped;
    },
    [Symbol.dispose]() {
      isDropped = true;
      dropped.resolve();
    },
  };
}

/** All that the host writes into a stream, as text. */
export async function readAll(stream: AsyncIterable<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += new TextDecoder().decode(chunk);
  return text;
}
