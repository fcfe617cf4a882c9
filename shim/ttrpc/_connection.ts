/**
 * Frames over a connection: what server and client have in common.
 *
 * @module
 */

import { encodeFrame, type Frame, FrameDecoder, type FrameInit } from "./frame.ts";

/** Each connection keeps as much for as long as it lives, and containerd has one for each container. */
const READ_BYTES = 8 << 10;

/** Small frames are written together, up to this size. */
const WRITE_BYTES = 64 << 10;

/** If so much waits to be written, reading waits too: the peer asks faster than it listens. */
const MAX_WAITING_BYTES = 8 << 20;

/** A connection that carries frames. Closing it is the job of whoever made it. */
export class FrameConnection {
  readonly #conn: Deno.Conn;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;
  #isClosed = false;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** Whether {@link close} was called, or writing failed. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Hands every frame to `take`, in order, until the peer ends the connection or it is closed here.
   * @throws {Deno.errors.UnexpectedEof} by rejection, if it ends inside of a frame.
   * @throws By rejection, what the system says if the connection breaks.
   */
  async read(take: (frame: Frame) => void): Promise<void> {
    const decoder = new FrameDecoder();
    const buffer = new Uint8Array(READ_BYTES);
    while (!this.#isClosed) {
      const count = await this.#readSome(buffer);
      if (count === null) {
        if (!decoder.isInsideFrame || this.#isClosed) return;
        throw new Deno.errors.UnexpectedEof("The connection ended inside of a frame");
      }
      for (const frame of decoder.push(buffer.subarray(0, count))) take(frame);
      if (this.#waitingBytes > MAX_WAITING_BYTES) await this.#writing;
    }
  }

  async #readSome(buffer: Uint8Array): Promise<number | null> {
    try {
      return await this.#conn.read(buffer);
    } catch (error) {
      // Closing makes a read that is under way fail.
      if (this.#isClosed) return null;
      throw error;
    }
  }

  /**
   * Queues a frame. Frames are written whole, and in this order. If writing fails the connection is
   * closed, which ends {@link read}; what was queued is lost with it.
   *
   * @throws {RangeError} if the message is too long.
   */
  send(frame: FrameInit): void {
    const bytes = encodeFrame(frame);
    if (this.#isClosed) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when everything that was sent so far is written, or cannot be any more. */
  async flush(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  async #writeAll(): Promise<void> {
    try {
      // What is sent in this turn of the event loop goes together.
      await Promise.resolve();
      while (this.#waiting.length > 0) await this.#write(this.#takeWaiting());
    } catch {
      // The peer is gone, and with it everybody who waits for an answer. Reading ends for the same
      // reason, and reports it.
      this.close();
    } finally {
      this.#writing = undefined;
    }
  }

  /** The next frames, joined if they are small. */
  #takeWaiting(): Uint8Array {
    let count = 0;
    let size = 0;
    while (count < this.#waiting.length) {
      const { length } = this.#waiting[count]!;
      if (count > 0 && size + length > WRITE_BYTES) break;
      size += length;
      count++;
    }
    this.#waitingBytes -= size;
    const frames = this.#waiting.splice(0, count);
    if (count === 1) return frames[0]!;
    const joined = new Uint8Array(size);
    let position = 0;
    for (const frame of frames) {
      joined.set(frame, position);
      position += frame.length;
    }
    return joined;
  }

  async #write(bytes: Uint8Array): Promise<void> {
    let written = 0;
    while (written < bytes.length) written += await this.#conn.write(bytes.subarray(written));
  }

  /** Ends the connection, whatever is still to be written. May be called twice. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#conn.close();
  }
}
