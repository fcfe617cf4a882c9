/**
 * Writing the binary format of WebAssembly.
 *
 * @module
 */

/** The unsigned LEB128 form of a number below 2^32. */
export function encodeU32(value: number): number[] {
  const bytes: number[] = [];
  let rest = value >>> 0;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

/** The signed LEB128 form of a number that is not negative. */
export function encodeS32(value: number): number[] {
  const bytes = encodeU32(value);
  // The highest bit of the last group is the sign: make room for a zero.
  if (bytes[bytes.length - 1]! & 0x40) {
    bytes[bytes.length - 1]! |= 0x80;
    bytes.push(0);
  }
  return bytes;
}

/** A length-prefixed UTF-8 name. */
export function encodeName(name: string): number[] {
  const bytes = new TextEncoder().encode(name);
  return [...encodeU32(bytes.length), ...bytes];
}

/** A growing byte buffer. */
export class WasmWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  /** @param capacity Bytes to reserve; the buffer doubles when full. */
  constructor(capacity = 1024) {
    this.#bytes = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** Appends bytes. */
  push(bytes: ArrayLike<number>): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Appends `source[start..end]`. */
  copy(source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.#reserve(length);
    if (length < 64) {
      for (let i = 0; i < length; i++) this.#bytes[this.#length + i] = source[start + i]!;
    } else {
      this.#bytes.set(source.subarray(start, end), this.#length);
    }
    this.#length += length;
  }

  /** Appends an unsigned LEB128 number. */
  u32(value: number): void {
    this.push(encodeU32(value));
  }

  /** Forgets the content, keeps the memory. */
  clear(): void {
    this.#length = 0;
  }

  /** The content; a view that later writes may change. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
