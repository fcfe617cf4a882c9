/**
 * The linear memory of a core module, as the host reads and writes it. Every access is checked, and
 * one out of bounds throws, which traps the guest.
 *
 * @module
 */

/** What a module's instance offers to the host that calls it. */
export interface MemoryExports {
  readonly memory: WebAssembly.Memory;
  /** `canonical_abi_realloc(old pointer, old size, alignment, new size)`; not all modules have it. */
  readonly realloc:
    | ((old: number, oldSize: number, align: number, size: number) => number)
    | undefined;
}

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const ENCODER = new TextEncoder();

/** One instance's memory. Views are made anew after it has grown. */
export class GuestMemory {
  #exports: MemoryExports | undefined;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#bytes.buffer);

  /** Connects the instance, whose imports are made before it. */
  attach(exports: MemoryExports): void {
    this.#exports = exports;
  }

  /** All bytes. Valid until the guest runs again. */
  get bytes(): Uint8Array {
    this.#refresh();
    return this.#bytes;
  }

  /** For numbers, always little-endian. Valid until the guest runs again. */
  get view(): DataView {
    this.#refresh();
    return this.#view;
  }

  /** A view of `length` bytes. @throws {RangeError} if there are not as many. */
  slice(pointer: number, length: number): Uint8Array {
    const start = pointer >>> 0;
    const end = start + (length >>> 0);
    const { bytes } = this;
    if (end > bytes.length) throw outOfBounds(start, length >>> 0);
    return bytes.subarray(start, end);
  }

  /** UTF-8 text. @throws {TypeError} if it is none. */
  text(pointer: number, length: number): string {
    return DECODER.decode(this.slice(pointer, length));
  }

  /** @throws {RangeError} if the bytes do not fit. */
  write(pointer: number, bytes: Uint8Array): void {
    this.slice(pointer, bytes.length).set(bytes);
  }

  u32(pointer: number): number {
    return this.view.getUint32(pointer >>> 0, true);
  }

  setU32(pointer: number, value: number): void {
    this.view.setUint32(pointer >>> 0, value, true);
  }

  setU64(pointer: number, value: bigint): void {
    this.view.setBigUint64(pointer >>> 0, value, true);
  }

  /**
   * Has the guest allocate memory, which then belongs to the guest.
   * @throws {Error} if it has no allocator, or what that gave is outside of its memory.
   */
  allocate(size: number, align: number): number {
    // No byte is at an address that nobody reads from.
    if (size === 0) return align;
    const realloc = this.#exports?.realloc;
    if (!realloc) throw new Error("The module has no export canonical_abi_realloc");
    const pointer = realloc(0, 0, align, size) >>> 0;
    if (pointer % align !== 0) throw new Error(`canonical_abi_realloc gave ${pointer}: misaligned`);
    this.slice(pointer, size);
    return pointer;
  }

  /** Copies bytes into memory that the guest allocates. @returns pointer and length. */
  allocateBytes(bytes: Uint8Array): [number, number] {
    const pointer = this.allocate(bytes.length, 1);
    if (bytes.length > 0) this.write(pointer, bytes);
    return [pointer, bytes.length];
  }

  /** The same for text. */
  allocateText(text: string): [number, number] {
    return this.allocateBytes(ENCODER.encode(text));
  }

  #refresh(): void {
    const buffer = this.#exports!.memory.buffer;
    if (this.#bytes.buffer === buffer) return;
    this.#bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
  }
}

function outOfBounds(start: number, length: number): RangeError {
  return new RangeError(`The guest passed ${length} bytes at ${start}, outside of its memory`);
}
