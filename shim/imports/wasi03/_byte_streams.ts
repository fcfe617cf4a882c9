/**
 * The byte streams of WASI 0.2, which files and sockets have, as streams of WASI 0.3.
 *
 * @module
 */

import { InputStream, IoError, OutputStream } from "../wasi_io.ts";
import {
  chunksOf,
  type GuestBytes,
  type HostStream,
  hostStream,
  OK,
  READ_BYTES,
  type Result,
} from "./_streams.ts";

/** What a stream's end is to a guest: nothing, or an error. */
type Ended<E> = Result<undefined, E>;

/**
 * A stream that gives what `input` gives, and a future of how it ended.
 * @param toError The error for what the stream failed with.
 */
export function fromInput<E>(
  input: InputStream,
  toError: (cause: unknown) => E,
): [HostStream<Uint8Array>, Promise<Ended<E>>] {
  const { promise, resolve } = Promise.withResolvers<Ended<E>>();
  function close(result: Ended<E>): void {
    input[Symbol.dispose]();
    resolve(result);
  }
  const stream = hostStream<Uint8Array>(async () => {
    try {
      return { done: false, value: await input.blockingRead(BigInt(READ_BYTES)) };
    } catch (error) {
      close(endOf(error, toError));
      return { done: true, value: undefined };
    }
  }, () => close(OK));
  return [stream, promise];
}

/** Writes a guest's stream into `output`, and lets go of both. @returns how it ended. */
export async function intoOutput<E>(
  stream: GuestBytes,
  output: OutputStream,
  toError: (cause: unknown) => E,
): Promise<Ended<E>> {
  try {
    for await (const chunk of chunksOf(stream)) {
      for (let written = 0; written < chunk.length;) {
        await output.blockingFlush();
        const room = Number(output.checkWrite());
        output.write(chunk.subarray(written, written + room));
        written += room;
      }
    }
    await output.blockingFlush();
    return OK;
  } catch (error) {
    return { tag: "err", val: toError(causeOf(error)) };
  } finally {
    output[Symbol.dispose]();
  }
}

function endOf<E>(error: unknown, toError: (cause: unknown) => E): Ended<E> {
  const isClosed = typeof error === "object" && error !== null && "tag" in error &&
    error.tag === "closed";
  return isClosed ? OK : { tag: "err", val: toError(causeOf(error)) };
}

/** What a `stream-error` of WASI 0.2 was caused by. */
function causeOf(error: unknown): unknown {
  if (typeof error !== "object" || error === null || !("val" in error)) return error;
  return error.val instanceof IoError ? error.val.cause : error;
}
