/**
 * `wasi:io@0.2`: errors, pollables and byte streams, and the two small interfaces that everything
 * with bytes implements: {@link ByteSource} and {@link ByteSink}.
 *
 * Functions that can answer at once return the value itself, not a promise: the generated bindings
 * suspend a guest only when they must. A `result` error is thrown as its plain payload.
 *
 * @module
 */

import type { ImportObject } from "./component_context.ts";

/** The resource `wasi:io/error#error`. `cause` keeps what the host knows, for `http-error-code` etc. */
export class IoError {
  readonly cause: unknown;
  readonly #text: string;

  constructor(text = "", cause?: unknown) {
    this.#text = text;
    this.cause = cause;
  }

  toDebugString(): string {
    return this.#text;
  }
}

/** The variant `stream-error`, thrown as is. */
export type StreamError =
  | { readonly tag: "closed" }
  | { readonly tag: "last-operation-failed"; readonly val: IoError };

/** `stream-error.closed`. */
export const CLOSED: StreamError = Object.freeze({ tag: "closed" });

/** `stream-error.last-operation-failed` with the text and, for later questions, the cause. */
export function operationFailed(text: string, cause?: unknown): StreamError {
  return { tag: "last-operation-failed", val: new IoError(text, cause) };
}

/** The resource `pollable`. */
export class Pollable {
  readonly #isReady: () => boolean;
  readonly #wait: () => Promise<unknown>;
  readonly #dispose: (() => void) | undefined;

  /**
   * @param isReady Whether the event has happened; cheap, without effects.
   * @param wait Resolves when `isReady` may have become true. May be called often and must not
   * reject: the operation itself reports errors.
   * @param dispose Called when the guest drops the pollable.
   */
  constructor(
    isReady: () => boolean = () => true,
    wait: () => Promise<unknown> = () => Promise.resolve(),
    dispose?: () => void,
  ) {
    this.#isReady = isReady;
    this.#wait = wait;
    this.#dispose = dispose;
  }

  ready(): boolean {
    return this.#isReady();
  }

  block(): void | Promise<void> {
    if (!this.#isReady()) return this.#blockSlowly();
  }

  async #blockSlowly(): Promise<void> {
    while (!this.#isReady()) await this.#wait();
  }

  /** Resolves when {@link ready} may have become true. */
  wait(): Promise<unknown> {
    return this.#wait();
  }

  [Symbol.dispose](): void {
    this.#dispose?.();
  }
}

/** A pollable that is ready. */
export function readyPollable(): Pollable {
  return new Pollable();
}

/** A pollable that becomes ready when `promise` settles. */
export function promisePollable(promise: Promise<unknown>): Pollable {
  let isSettled = false;
  const settled = promise.then(() => {
    isSettled = true;
  }, () => {
    isSettled = true;
  });
  return new Pollable(() => isSettled, () => settled);
}

function readyIndexes(pollables: Pollable[]): Uint32Array {
  const ready: number[] = [];
  for (let i = 0; i < pollables.length; i++) if (pollables[i]!.ready()) ready.push(i);
  return Uint32Array.from(ready);
}

/** `wasi:io/poll#poll`. An empty list traps, as in Wasmtime. */
export function poll(pollables: Pollable[]): Uint32Array | Promise<Uint32Array> {
  if (pollables.length === 0) throw new Error("Cannot poll: empty poll list");
  const ready = readyIndexes(pollables);
  return ready.length > 0 ? ready : pollSlowly(pollables);
}

async function pollSlowly(pollables: Pollable[]): Promise<Uint32Array> {
  for (;;) {
    await Promise.race(pollables.map((pollable) => pollable.wait()));
    const ready = readyIndexes(pollables);
    if (ready.length > 0) return ready;
  }
}

/** Where an {@link InputStream} gets its bytes. */
export interface ByteSource {
  /** Whether {@link take} will return bytes, or throw, rather than return none. */
  isReady(): boolean;
  /**
   * At most `max` bytes; none if nothing is there yet.
   * @throws {StreamError} `closed` at the end, `last-operation-failed` after a failure.
   */
  take(max: number): Uint8Array;
  /** Resolves when {@link isReady} may have become true; never rejects. Starts a read if needed. */
  wait(): Promise<unknown>;
  /** The guest dropped the stream: stop reading and free what is held. */
  close(): void;
}

const NO_BYTES = new Uint8Array(0);

/** A source of bytes that are already there. */
export function bytesSource(bytes: Uint8Array): ByteSource {
  let rest = bytes;
  return {
    isReady: () => true,
    take(max) {
      if (rest.length === 0) throw CLOSED;
      const taken = rest.subarray(0, max);
      rest = rest.subarray(taken.length);
      return taken;
    },
    wait: () => Promise.resolve(),
    close() {
      rest = NO_BYTES;
    },
  };
}

/**
 * A source that pulls from a web stream on demand, one chunk ahead at most, so that back-pressure
 * reaches the peer. `failure` turns a stream's rejection into the error the guest sees.
 */
export function readableSource(
  readable: ReadableStream<Uint8Array>,
  failure: (error: unknown) => StreamError = (error) => operationFailed(String(error), error),
): ByteSource {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  let rest: Uint8Array = NO_BYTES;
  let end: StreamError | undefined;
  let pending: Promise<void> | undefined;
  function fill(): Promise<void> {
    reader ??= readable.getReader();
    pending ??= reader.read().then(({ value, done }) => {
      if (done) end ??= CLOSED;
      else rest = value;
    }, (error) => {
      end ??= failure(error);
    }).finally(() => {
      pending = undefined;
    });
    return pending;
  }
  return {
    isReady: () => rest.length > 0 || end !== undefined,
    take(max) {
      if (rest.length === 0) {
        if (end) throw end;
        fill();
        return NO_BYTES;
      }
      const taken = rest.subarray(0, max);
      rest = rest.subarray(taken.length);
      return taken;
    },
    wait: fill,
    close() {
      if (end) return;
      end = CLOSED;
      rest = NO_BYTES;
      // The peer's reaction to a cancelled body is of no interest to the guest that dropped it.
      (reader ? reader.cancel() : readable.cancel()).catch(() => {});
    },
  };
}

/** The largest chunk handed to a guest at once, whatever it asks for: 1 MiB. */
const MAX_READ_BYTES = 1 << 20;

function clampLength(length: bigint): number {
  return length > BigInt(MAX_READ_BYTES) ? MAX_READ_BYTES : Number(length);
}

/** The resource `input-stream`. */
export class InputStream {
  readonly #source: ByteSource;

  constructor(source: ByteSource = bytesSource(NO_BYTES)) {
    this.#source = source;
  }

  read(length: bigint): Uint8Array {
    return this.#source.take(clampLength(length));
  }

  blockingRead(length: bigint): Uint8Array | Promise<Uint8Array> {
    if (this.#source.isReady()) return this.#source.take(clampLength(length));
    return this.#readSlowly(clampLength(length));
  }

  async #readSlowly(length: number): Promise<Uint8Array> {
    while (!this.#source.isReady()) await this.#source.wait();
    return this.#source.take(length);
  }

  skip(length: bigint): bigint {
    return BigInt(this.read(length).length);
  }

  blockingSkip(length: bigint): bigint | Promise<bigint> {
    const bytes = this.blockingRead(length);
    return bytes instanceof Uint8Array
      ? BigInt(bytes.length)
      : bytes.then((read) => BigInt(read.length));
  }

  subscribe(): Pollable {
    const source = this.#source;
    return new Pollable(() => source.isReady(), () => source.wait());
  }

  [Symbol.dispose](): void {
    this.#source.close();
  }
}

/** Where an {@link OutputStream} puts its bytes. */
export interface ByteSink {
  /**
   * How many bytes may be pushed now; 0 means wait.
   * @throws {StreamError} when the other side is gone.
   */
  capacity(): number;
  /** Takes ownership of `bytes`. More than {@link capacity} is accepted (blocking writes). */
  push(bytes: Uint8Array): void;
  /** Resolves when {@link capacity} may be above 0 or throw; never rejects. */
  wait(): Promise<unknown>;
  /** The guest dropped the stream. */
  close?(): void;
}

/** What a single `check-write` permits at most, in bytes. */
export const WRITE_BUDGET = 1 << 16;

/** The resource `output-stream`. */
export class OutputStream {
  readonly #sink: ByteSink;
  #budget = 0;

  constructor(sink: ByteSink) {
    this.#sink = sink;
  }

  /** For other versions of the interface: an object of this class that takes the place of `stream`. */
  static replacing<T extends OutputStream>(
    this: new (sink: ByteSink) => T,
    stream: OutputStream,
  ): T {
    return new this(stream.#sink);
  }

  checkWrite(): bigint {
    this.#budget = Math.min(this.#sink.capacity(), WRITE_BUDGET);
    return BigInt(this.#budget);
  }

  write(bytes: Uint8Array): void {
    if (bytes.length > this.#budget) {
      throw new Error(
        `Cannot write: ${bytes.length} bytes exceed the ${this.#budget} that check-write permitted`,
      );
    }
    this.#budget -= bytes.length;
    this.#sink.capacity();
    this.#sink.push(bytes.slice());
  }

  flush(): void {
    this.#sink.capacity();
  }

  blockingFlush(): void | Promise<void> {
    if (this.#sink.capacity() <= 0) return this.#drain();
  }

  blockingWriteAndFlush(bytes: Uint8Array): void | Promise<void> {
    const copy = bytes.slice();
    if (this.#sink.capacity() <= 0) return this.#pushSlowly(copy);
    this.#sink.push(copy);
    if (this.#sink.capacity() <= 0) return this.#drain();
  }

  async #pushSlowly(bytes: Uint8Array): Promise<void> {
    await this.#drain();
    this.#sink.push(bytes);
    await this.#drain();
  }

  async #drain(): Promise<void> {
    while (this.#sink.capacity() <= 0) await this.#sink.wait();
  }

  writeZeroes(length: bigint): void {
    this.write(new Uint8Array(clampLength(length)));
  }

  blockingWriteZeroesAndFlush(length: bigint): void | Promise<void> {
    return this.blockingWriteAndFlush(new Uint8Array(clampLength(length)));
  }

  splice(source: InputStream, length: bigint): bigint {
    const budget = this.checkWrite();
    const bytes = source.read(length < budget ? length : budget);
    this.write(bytes);
    return BigInt(bytes.length);
  }

  async blockingSplice(source: InputStream, length: bigint): Promise<bigint> {
    await this.#drain();
    const budget = this.checkWrite();
    const bytes = await source.blockingRead(length < budget ? length : budget);
    this.#sink.push(bytes.slice());
    return BigInt(bytes.length);
  }

  subscribe(): Pollable {
    const sink = this.#sink;
    return new Pollable(() => isWritable(sink), () => sink.wait());
  }

  [Symbol.dispose](): void {
    this.#sink.close?.();
  }
}

/** A failed sink is ready: the next write reports the failure. */
function isWritable(sink: ByteSink): boolean {
  try {
    return sink.capacity() > 0;
  } catch {
    return true;
  }
}

/** The interfaces of `wasi:io@0.2`. */
export function createWasiIo(): ImportObject {
  return {
    "wasi:io/error@0.2": { Error: IoError },
    "wasi:io/poll@0.2": { Pollable, poll },
    "wasi:io/streams@0.2": { InputStream, OutputStream },
  };
}
