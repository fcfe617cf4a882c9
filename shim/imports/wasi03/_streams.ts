/**
 * Streams and futures as the bindings of WASI 0.3 pass them between a guest and the host.
 *
 * @module
 */

/** A `result`. */
export type Result<T, E> =
  | { readonly tag: "ok"; readonly val: T }
  | { readonly tag: "err"; readonly val: E };

/** What a future of a guest is to the host: the guest's value is asked for by the first `then`. */
export type GuestFuture<T> = PromiseLike<T>;

/** A stream that a guest writes. Dispose it if it is not read to its end. */
export interface GuestStream<Chunk> extends Disposable {
  /**
   * Reads at most `count` elements, as soon as there are any. Bytes come in a `Uint8Array` of their
   * own, anything else in an array.
   */
  read(options: { count: number }): Promise<{ value?: Chunk | undefined; done: boolean }>;
}

/** A stream of bytes that a guest writes. */
export type GuestBytes = GuestStream<Uint8Array>;

/** A stream that the host writes: the guest's reads ask for the next chunk. */
export interface HostStream<Chunk> extends AsyncIterable<Chunk> {
  [Symbol.asyncIterator](): {
    next(): Promise<IteratorResult<Chunk, undefined>>;
    /** The guest has dropped the stream. */
    return(): Promise<IteratorResult<Chunk, undefined>>;
  };
}

/** What one read takes from a guest at most, in bytes. */
export const READ_BYTES = 1 << 16;

/** The result `ok` without a value. */
export const OK: Result<undefined, never> = Object.freeze({ tag: "ok", val: undefined });

/** A stream of bytes from what the platform gives, read as the guest reads. */
export function hostBytes(
  body: ReadableStream<Uint8Array> | null | undefined,
  onEnd: (error: unknown) => void = () => {},
): HostStream<Uint8Array> {
  const reader = body?.getReader();
  async function next(): Promise<IteratorResult<Uint8Array, undefined>> {
    try {
      const result = await reader?.read();
      if (result && !result.done) return { done: false, value: result.value };
      onEnd(undefined);
    } catch (error) {
      // The guest sees the end of the stream here, and the reason in the future that goes with it.
      onEnd(error);
    }
    return { done: true, value: undefined };
  }
  return hostStream(next, () => {
    // How the peer takes that its message is not read is its own affair.
    reader?.cancel().catch(() => {});
    onEnd(undefined);
  });
}

/** A stream from a function that makes its chunks. `close` is called if the guest drops it. */
export function hostStream<Chunk>(
  next: () => Promise<IteratorResult<Chunk, undefined>>,
  close: () => void = () => {},
): HostStream<Chunk> {
  return {
    [Symbol.asyncIterator]: () => ({
      next,
      return() {
        close();
        return Promise.resolve({ done: true, value: undefined });
      },
    }),
  };
}

/** The chunks of a guest's stream; it is dropped if the loop over them ends early. */
export async function* chunksOf(stream: GuestBytes): AsyncGenerator<Uint8Array, void> {
  using guest = stream;
  for (let isOver = false; !isOver;) {
    const { value, done } = await guest.read({ count: READ_BYTES });
    // What the host itself wrote into a stream that a guest passes on comes back as an array.
    if (value && value.length > 0) {
      yield value instanceof Uint8Array ? value : Uint8Array.from(value);
    }
    isOver = done;
  }
}

/**
 * Writes all of a guest's stream somewhere.
 * @param errorOf The error for what `write` throws.
 * @returns What the future of the stream's function gives.
 */
export async function drainInto<E>(
  stream: GuestBytes,
  write: (chunk: Uint8Array) => void | Promise<void>,
  errorOf: (error: unknown) => E,
): Promise<Result<undefined, E>> {
  try {
    for await (const chunk of chunksOf(stream)) await write(chunk);
    return OK;
  } catch (error) {
    return { tag: "err", val: errorOf(error) };
  }
}
