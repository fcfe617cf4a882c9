/**
 * Reading answers until they end, or until somebody does not want to wait any more.
 *
 * A request's own signal is not enough for that: Deno forgets it once the head of the answer is there
 * and memory is short. Bytes are read into memory of our own, not through pipes: these cost more than
 * the requests themselves, and a reader without memory gets 64 KiB anew for each of its reads.
 *
 * @module
 */

import { linesOf } from "../text_lines.ts";

/** Bytes that are read at once. */
const CHUNK_BYTES = 16_384;

/**
 * The bytes of a body as they come. Each chunk is overwritten by the next one.
 * @throws The signal's reason, if it fires.
 */
async function* readChunks(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const reader = body.getReader({ mode: "byob" });
  function stop(): void {
    // Ends the read that is waiting; whatever goes wrong with a body that nobody wants is nobody's.
    reader.cancel(signal.reason).catch(() => {});
  }
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  let isAtEnd = false;
  let memory = new ArrayBuffer(CHUNK_BYTES);
  try {
    for (;;) {
      const { done, value } = await reader.read(new Uint8Array(memory));
      signal.throwIfAborted();
      isAtEnd = done;
      if (done) return;
      yield value;
      memory = value.buffer;
    }
  } finally {
    signal.removeEventListener("abort", stop);
    if (!isAtEnd) stop();
  }
}

/** The whole of a body. @throws The signal's reason, if it fires. */
export async function readText(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of readChunks(body, signal)) {
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** The lines of a body as they come; see {@link linesOf}. @throws The signal's reason, if it fires. */
export function readLines(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  return linesOf(readChunks(body, signal));
}
