/**
 * A TCP connection as a pair of byte streams.
 *
 * @module
 */

import {
  type ByteSink,
  type ByteSource,
  CLOSED,
  operationFailed,
  type StreamError,
} from "./wasi_io.ts";
import { type SocketErrorCode, toSocketErrorCode } from "./_socket_address.ts";

/** What one read takes at most, in bytes. */
const READ_BYTES = 1 << 16;
/** Bytes that wait to be sent before the guest has to wait: 64 KiB. */
const HIGH_WATER_BYTES = 1 << 16;
/** Milliseconds that a dropped connection may take to send what was written. */
const LINGER_MS = 10_000;

const NO_BYTES = new Uint8Array(0);

function failure(error: unknown): StreamError {
  const code: SocketErrorCode = toSocketErrorCode(error);
  // A peer that went away has closed the stream; anything else is worth a word.
  return code === "connection-reset" ? CLOSED : operationFailed(code, code);
}

/** The connection, used by the socket and its two streams; closed when all have let go of it. */
export class TcpConnection {
  readonly source: ByteSource;
  readonly sink: ByteSink;
  readonly #conn: Deno.TcpConn;
  readonly #onClose: () => void;
  #users = 3;
  #received: Uint8Array = NO_BYTES;
  #receiveEnd: StreamError | undefined;
  #reading: Promise<void> | undefined;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #sendEnd: StreamError | undefined;
  #writing: Promise<void> | undefined;
  #isShuttingDown = false;
  #isClosed = false;
  #lingerTimer: ReturnType<typeof setTimeout> | undefined;

  /** @param onClose Called once, when the connection is closed. */
  constructor(conn: Deno.TcpConn, onClose: () => void) {
    this.#conn = conn;
    this.#onClose = onClose;
    this.source = {
      isReady: () => this.#received.length > 0 || this.#receiveEnd !== undefined,
      take: (max) => this.#take(max),
      wait: () => this.#read(),
      close: releaseOnce(() => this.release()),
    };
    this.sink = {
      capacity: () => this.#capacity(),
      push: (bytes) => this.#push(bytes),
      wait: () => this.#writing ?? Promise.resolve(),
      close: releaseOnce(() => this.release()),
    };
  }

  get localAddress(): Deno.NetAddr {
    return this.#conn.localAddr;
  }

  get remoteAddress(): Deno.NetAddr {
    return this.#conn.remoteAddr;
  }

  setKeepAlive(isEnabled: boolean): void {
    if (!this.#isClosed) this.#conn.setKeepAlive(isEnabled);
  }

  /** What has been received is dropped, and nothing more is read. */
  stopReceiving(): void {
    this.#receiveEnd ??= CLOSED;
    this.#received = NO_BYTES;
  }

  /** What was written is still sent; then the peer sees the end. */
  stopSending(): void {
    if (this.#isShuttingDown || this.#sendEnd) return;
    this.#isShuttingDown = true;
    this.#sendEnd = CLOSED;
    this.#writing ??= this.#write();
  }

  /** One user less. */
  release(): void {
    if (--this.#users !== 0) return;
    this.#sendEnd ??= CLOSED;
    if (!this.#writing) return this.#close();
    this.#lingerTimer = setTimeout(() => this.#close(), LINGER_MS);
    void this.#writing.finally(() => this.#close());
  }

  #close(): void {
    clearTimeout(this.#lingerTimer);
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#conn.close();
    this.#onClose();
  }

  #take(max: number): Uint8Array {
    if (this.#received.length === 0) {
      if (this.#receiveEnd) throw this.#receiveEnd;
      void this.#read();
      return NO_BYTES;
    }
    const taken = this.#received.subarray(0, max);
    this.#received = this.#received.subarray(taken.length);
    return taken;
  }

  /** One read at a time, and none while there are bytes: the rest waits at the peer. */
  #read(): Promise<void> {
    if (this.#received.length > 0 || this.#receiveEnd) return Promise.resolve();
    return this.#reading ??= this.#readOnce();
  }

  async #readOnce(): Promise<void> {
    const buffer = new Uint8Array(READ_BYTES);
    try {
      const count = await this.#conn.read(buffer);
      if (count === null) this.#receiveEnd ??= CLOSED;
      else if (!this.#receiveEnd) this.#received = buffer.slice(0, count);
    } catch (error) {
      this.#receiveEnd ??= failure(error);
    } finally {
      this.#reading = undefined;
    }
  }

  #capacity(): number {
    if (this.#sendEnd) throw this.#sendEnd;
    return HIGH_WATER_BYTES - this.#queuedBytes;
  }

  #push(bytes: Uint8Array): void {
    if (this.#sendEnd) throw this.#sendEnd;
    if (bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#writing ??= this.#write();
  }

  async #write(): Promise<void> {
    try {
      for (let chunk = this.#queue.shift(); chunk; chunk = this.#queue.shift()) {
        for (let sent = 0; sent < chunk.length;) {
          const count = await this.#conn.write(chunk.subarray(sent));
          sent += count;
          this.#queuedBytes -= count;
        }
      }
      if (this.#isShuttingDown) await this.#conn.closeWrite();
    } catch (error) {
      this.#sendEnd = failure(error);
      this.#queue = [];
    } finally {
      this.#writing = undefined;
    }
  }
}

function releaseOnce(release: () => void): () => void {
  let isReleased = false;
  return () => {
    if (isReleased) return;
    isReleased = true;
    release();
  };
}
