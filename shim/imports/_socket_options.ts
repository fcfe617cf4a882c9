/**
 * Options of sockets that the platform does not let us set: they are kept and given back, so that
 * guests which set them go on.
 *
 * @module
 */

import type { SocketErrorCode } from "./_socket_address.ts";

/** What buffers have until a guest says otherwise, in bytes. */
const DEFAULT_BUFFER_BYTES = 65_536n;
const DEFAULT_HOP_LIMIT = 64;
const NANOS_PER_SECOND = 1_000_000_000n;

function notZero<T extends number | bigint>(value: T): T {
  if (Number(value) === 0) throw "invalid-argument" satisfies SocketErrorCode;
  return value;
}

/** Options that TCP and UDP have in common. */
export class BufferOptions {
  #hopLimit = DEFAULT_HOP_LIMIT;
  #receiveBytes = DEFAULT_BUFFER_BYTES;
  #sendBytes = DEFAULT_BUFFER_BYTES;

  get hopLimit(): number {
    return this.#hopLimit;
  }
  set hopLimit(value: number) {
    this.#hopLimit = notZero(value);
  }
  get receiveBytes(): bigint {
    return this.#receiveBytes;
  }
  set receiveBytes(value: bigint) {
    this.#receiveBytes = notZero(value);
  }
  get sendBytes(): bigint {
    return this.#sendBytes;
  }
  set sendBytes(value: bigint) {
    this.#sendBytes = notZero(value);
  }
}

/** Keep-alive options, with the defaults of Linux. Durations in nanoseconds. */
export class KeepAliveOptions {
  isEnabled = false;
  #idle = 7200n * NANOS_PER_SECOND;
  #interval = 75n * NANOS_PER_SECOND;
  #count = 9;

  get idle(): bigint {
    return this.#idle;
  }
  set idle(value: bigint) {
    this.#idle = notZero(value);
  }
  get interval(): bigint {
    return this.#interval;
  }
  set interval(value: bigint) {
    this.#interval = notZero(value);
  }
  get count(): number {
    return this.#count;
  }
  set count(value: number) {
    this.#count = notZero(value);
  }
}
