/**
 * Bodies that guests write: buffered while they are small and their message has not been sent,
 * streamed with back-pressure from then on.
 *
 * @module
 */

import type { HttpErrorCode } from "./http_error_code.ts";
import { type ByteSink, CLOSED, OutputStream } from "./wasi_io.ts";
import type { Fields } from "./http_fields.ts";

/** Bytes that wait for the receiver before the guest has to wait: 64 KiB. */
const HIGH_WATER_BYTES = 1 << 16;

/** The guest dropped a body without finishing it, or ended in the middle of it. */
export class IncompleteBody extends Error {
  override readonly name = "IncompleteBody";

  constructor() {
    super("The component ended before it finished the body");
  }
}

/** Who sends the body learns when it has to decide how. */
export interface BodyListener {
  /** The body is finished; {@link BodyBuffer.bytes} has all of it. */
  onEnd(): void;
  /** More was written than is buffered; ask for {@link BodyBuffer.stream}. */
  onOverflow(): void;
}

/** The bytes of one outgoing body. */
export class BodyBuffer implements ByteSink {
  /** Informed until {@link stream} has been called. */
  listener: BodyListener | undefined;
  #chunks: Uint8Array[] = [];
  #queuedBytes = 0;
  #writtenBytes = 0;
  #state: "open" | "ended" | "failed" | "cancelled" = "open";
  /** Wakes the guest, which waits for room. One for all waits: a guest may poll without end. */
  #room: PromiseWithResolvers<void> | undefined;
  /** Wakes the receiver, which waits for bytes. */
  #onBytes: (() => void) | undefined;

  /** All bytes written so far, streamed ones included. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  get isEnded(): boolean {
    return this.#state === "ended";
  }

  /** Whether the guest let go of the body without finishing it. */
  get isFailed(): boolean {
    return this.#state === "failed";
  }

  capacity(): number {
    if (this.#state !== "open") throw CLOSED;
    return Math.max(0, HIGH_WATER_BYTES - this.#queuedBytes);
  }

  push(bytes: Uint8Array): void {
    if (this.#state !== "open" || bytes.length === 0) return;
    this.#writtenBytes += bytes.length;
    this.#chunks.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#onBytes?.();
    if (this.#queuedBytes >= HIGH_WATER_BYTES) this.listener?.onOverflow();
  }

  wait(): Promise<unknown> {
    if (this.#state !== "open") return Promise.resolve();
    this.#room ??= Promise.withResolvers<void>();
    return this.#room.promise;
  }

  /** The guest finished the body. */
  end(): void {
    this.#close("ended");
  }

  /** The body will never be finished: after what was written, the receiver must notice. */
  fail(): void {
    this.#close("failed");
  }

  #close(state: "ended" | "failed" | "cancelled"): void {
    if (this.#state !== "open") return;
    this.#state = state;
    this.#onBytes?.();
    this.#wakeGuest();
    if (state !== "cancelled") this.listener?.onEnd();
  }

  /** What was written, if nothing has been streamed. */
  bytes(): Uint8Array<ArrayBuffer> | null {
    const chunks = this.#chunks;
    if (chunks.length === 0) return null;
    if (chunks.length === 1) return chunks[0] as Uint8Array<ArrayBuffer>;
    const all = new Uint8Array(this.#queuedBytes);
    let offset = 0;
    for (const chunk of chunks) {
      all.set(chunk, offset);
      offset += chunk.length;
    }
    return all;
  }

  /**
   * The body as a stream. From now on back-pressure comes from whoever reads it.
   * @param onCancel Called if the reader gives up before the end.
   */
  stream(onCancel?: () => void): ReadableStream<Uint8Array<ArrayBuffer>> {
    this.listener = undefined;
    // The queue is this buffer's own, so that a failure does not overtake what was written.
    return new ReadableStream<Uint8Array<ArrayBuffer>>({
      pull: async (controller) => {
        if (this.#chunks.length === 0 && this.#state === "open") await this.#bytesOrEnd();
        const chunk = this.bytes();
        if (chunk) {
          this.#chunks = [];
          this.#queuedBytes = 0;
          controller.enqueue(chunk);
          this.#wakeGuest();
        } else if (this.#state === "ended") controller.close();
        else if (this.#state === "failed") controller.error(new IncompleteBody());
      },
      cancel: () => {
        if (this.#state === "open") {
          this.#close("cancelled");
          onCancel?.();
        }
        this.#chunks = [];
      },
    }, { highWaterMark: 0 });
  }

  async #bytesOrEnd(): Promise<void> {
    await new Promise<void>((resolve) => this.#onBytes = resolve);
    this.#onBytes = undefined;
  }

  #wakeGuest(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}

/** The value of a `content-length` field, if it has one that is a number. */
export function declaredLength(headers: Pick<Fields, "get">): number | undefined {
  const [value] = headers.get("content-length");
  if (!value) return undefined;
  const text = new TextDecoder().decode(value);
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/** The resource `outgoing-body`. */
export class OutgoingBody {
  readonly buffer: BodyBuffer;
  readonly #declaredLength: number | undefined;
  readonly #lengthError: "HTTP-request-body-size" | "HTTP-response-body-size";
  #isWritten = false;

  constructor(
    headers: Fields,
    lengthError: "HTTP-request-body-size" | "HTTP-response-body-size",
  ) {
    this.buffer = new BodyBuffer();
    this.#declaredLength = headers.has("content-length") ? declaredLength(headers) : undefined;
    this.#lengthError = lengthError;
  }

  write(): OutputStream {
    if (this.#isWritten) throw undefined;
    this.#isWritten = true;
    return new OutputStream(this.buffer);
  }

  /** Trailers are dropped: the server cannot send them. */
  static finish(body: OutgoingBody, _trailers: Fields | undefined): void {
    const written = body.buffer.writtenBytes;
    if (body.#declaredLength !== undefined && body.#declaredLength !== written) {
      body.buffer.fail();
      throw { tag: body.#lengthError, val: BigInt(written) } satisfies HttpErrorCode;
    }
    body.buffer.end();
  }

  /** Dropped without `finish`: the message is incomplete. */
  [Symbol.dispose](): void {
    this.buffer.fail();
  }
}
