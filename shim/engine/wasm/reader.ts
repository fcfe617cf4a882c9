/**
 * Reading the binary format of WebAssembly: numbers, names and sections.
 *
 * @module
 */

const NAMES = new TextDecoder();

/** A cursor over the bytes of a module or component. Reading past the end throws `RangeError`. */
export class WasmReader {
  readonly bytes: Uint8Array;
  /** Offset of the next byte. */
  position: number;

  constructor(bytes: Uint8Array, position = 0) {
    this.bytes = bytes;
    this.position = position;
  }

  /** The next byte. */
  byte(): number {
    const value = this.bytes[this.position];
    if (value === undefined) throw new RangeError("Unexpected end of the Wasm binary");
    this.position++;
    return value;
  }

  /** An unsigned LEB128 number of at most 32 bits. */
  u32(): number {
    let result = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      result |= (byte & 0x7f) << shift;
      if (byte < 0x80) return result >>> 0;
    }
    throw new RangeError("Malformed LEB128 number in the Wasm binary");
  }

  /** Skips a LEB128 number of any size and sign. */
  skipLeb(): void {
    while (this.byte() >= 0x80);
  }

  /** Skips `count` bytes. */
  skip(count: number): void {
    this.position += count;
    if (this.position > this.bytes.length) {
      throw new RangeError("Unexpected end of the Wasm binary");
    }
  }

  /** A length-prefixed UTF-8 name. */
  name(): string {
    const length = this.u32();
    const start = this.position;
    this.skip(length);
    return NAMES.decode(this.bytes.subarray(start, this.position));
  }
}

/** A section of a module or component. Offsets are into the whole binary. */
export interface WasmSection {
  readonly id: number;
  /** Offset of the id byte. */
  readonly start: number;
  /** Offset of the content, after id and size. */
  readonly content: number;
  /** Offset after the content. */
  readonly end: number;
}

/** Section ids of core modules. */
export const SECTION = {
  custom: 0,
  type: 1,
  import: 2,
  function: 3,
  table: 4,
  memory: 5,
  global: 6,
  export: 7,
  start: 8,
  element: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tag: 13,
} as const;

/** What the first eight bytes say: a core module, a component, or neither. */
export function binaryKind(bytes: Uint8Array): "module" | "component" | "unknown" {
  if (bytes.length < 8) return "unknown";
  const magic = [0x00, 0x61, 0x73, 0x6d];
  if (!magic.every((byte, index) => bytes[index] === byte)) return "unknown";
  const version = bytes[4]! | bytes[5]! << 8;
  const layer = bytes[6]! | bytes[7]! << 8;
  if (layer === 0 && version === 1) return "module";
  return layer === 1 ? "component" : "unknown";
}

/**
 * The top-level sections of a module or component.
 * @throws {RangeError} if a section reaches past the end of the binary.
 */
export function readSections(bytes: Uint8Array): WasmSection[] {
  const reader = new WasmReader(bytes, 8);
  const sections: WasmSection[] = [];
  while (reader.position < bytes.length) {
    const start = reader.position;
    const id = reader.byte();
    const size = reader.u32();
    const content = reader.position;
    reader.skip(size);
    sections.push({ id, start, content, end: content + size });
  }
  return sections;
}

/** The name of a custom section, and where its payload begins. */
export function readCustomSection(
  bytes: Uint8Array,
  section: WasmSection,
): { name: string; payload: Uint8Array } {
  const reader = new WasmReader(bytes, section.content);
  const name = reader.name();
  return { name, payload: bytes.subarray(reader.position, section.end) };
}
