/**
 * ttrpc's frames: ten bytes of header, all numbers big-endian, and the message.
 *
 * ```
 * 0  4  length of the message
 * 4  4  stream: odd, chosen by the client, rising
 * 8  1  type
 * 9  1  flags
 * ```
 *
 * @module
 */

/** Bytes before the message. */
export const HEADER_BYTES = 10;

/** Longest message that either side takes. */
export const MAX_MESSAGE_BYTES = 4 << 20;

/** Types of frames. Peers ignore the ones they do not know. */
export const FRAME_TYPE = { request: 1, response: 2, data: 3 } as const;

/** Bits of the flags. Calls with one request and one response have none. */
export const FRAME_FLAG = {
  /** The sender sends no more on this stream. */
  remoteClosed: 1,
  /** The sender goes on sending on this stream. */
  remoteOpen: 2,
  /** There is no message, which differs from an empty one. */
  noData: 4,
} as const;

/** One frame. */
export interface Frame {
  readonly streamId: number;
  readonly type: number;
  readonly flags: number;
  /** What the header says; more than {@link MAX_MESSAGE_BYTES} if the message was discarded. */
  readonly length: number;
  /** The message; empty if it was discarded. */
  readonly data: Uint8Array;
}

/** What {@link encodeFrame} takes. */
export interface FrameInit {
  readonly streamId: number;
  readonly type: number;
  /** Default: 0. */
  readonly flags?: number;
  readonly data: Uint8Array;
}

/** What Go's library says of a message that is too long. */
export function oversizeText(length: number): string {
  return `message length ${length} exceed maximum message size of ${MAX_MESSAGE_BYTES}`;
}

/**
 * Header and message in one.
 * @throws {RangeError} if the message is longer than {@link MAX_MESSAGE_BYTES}.
 */
export function encodeFrame({ streamId, type, flags = 0, data }: FrameInit): Uint8Array {
  if (data.length > MAX_MESSAGE_BYTES) throw new RangeError(oversizeText(data.length));
  const frame = new Uint8Array(HEADER_BYTES + data.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, data.length);
  view.setUint32(4, streamId);
  view.setUint8(8, type);
  view.setUint8(9, flags);
  frame.set(data, HEADER_BYTES);
  return frame;
}

/**
 * Cuts a stream of bytes into frames, however they arrive: in pieces, or many at once. Holds at most
 * one message; one that is too long is skipped without being kept.
 */
export class FrameDecoder {
  readonly #header = new Uint8Array(HEADER_BYTES);
  readonly #fields = new DataView(this.#header.buffer);
  /** Bytes of the header that have arrived. */
  #headerBytes = 0;
  #data = new Uint8Array(0);
  /** Bytes of the message that have arrived. */
  #dataBytes = 0;

  /** Whether the last frame is incomplete: an end of the stream here cuts it off. */
  get isInsideFrame(): boolean {
    return this.#headerBytes > 0;
  }

  /**
   * The frames that are complete with `chunk`.
   * @param chunk The next bytes; they may be overwritten afterwards.
   */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let position = 0;
    while (position < chunk.length) {
      position += this.#headerBytes < HEADER_BYTES
        ? this.#takeHeader(chunk.subarray(position))
        : this.#takeData(chunk.subarray(position));
      if (this.#headerBytes === HEADER_BYTES && this.#dataBytes === this.#length) {
        frames.push(this.#finish());
      }
    }
    return frames;
  }

  get #length(): number {
    return this.#fields.getUint32(0);
  }

  /** @returns How many bytes it took. */
  #takeHeader(bytes: Uint8Array): number {
    const part = bytes.subarray(0, HEADER_BYTES - this.#headerBytes);
    this.#header.set(part, this.#headerBytes);
    this.#headerBytes += part.length;
    if (this.#headerBytes === HEADER_BYTES) {
      const length = this.#length;
      this.#data = new Uint8Array(length > MAX_MESSAGE_BYTES ? 0 : length);
      this.#dataBytes = 0;
    }
    return part.length;
  }

  /** @returns How many bytes it took. */
  #takeData(bytes: Uint8Array): number {
    const length = this.#length;
    const part = bytes.subarray(0, length - this.#dataBytes);
    if (length <= MAX_MESSAGE_BYTES) this.#data.set(part, this.#dataBytes);
    this.#dataBytes += part.length;
    return part.length;
  }

  #finish(): Frame {
    const frame: Frame = {
      streamId: this.#fields.getUint32(4),
      type: this.#fields.getUint8(8),
      flags: this.#fields.getUint8(9),
      length: this.#length,
      data: this.#data,
    };
    this.#headerBytes = 0;
    this.#data = new Uint8Array(0);
    return frame;
  }
}
