/**
 * Caps the memories of a core module.
 *
 * @module
 */

import { findSection } from "./module_info.ts";
import { readSections, SECTION, WasmReader } from "./reader.ts";
import { WasmWriter } from "./writer.ts";

/** Bytes of a Wasm page. */
export const PAGE_BYTES = 65536;

/**
 * The module with each memory it defines limited to `maxPages`; beyond, `memory.grow` answers -1.
 * @throws {RangeError} if a memory starts larger than that, with its size in the message.
 */
export function limitMemory(bytes: Uint8Array, maxPages: number): Uint8Array {
  const section = findSection(readSections(bytes), SECTION.memory);
  if (!section) return bytes;
  const reader = new WasmReader(bytes, section.content);
  const content = new WasmWriter(64);
  const count = reader.u32();
  content.u32(count);
  for (let i = 0; i < count; i++) {
    const flags = reader.byte();
    if (flags & 4) return bytes; // 64-bit memories keep their own limit
    const minimum = reader.u32();
    const maximum = flags & 1 ? reader.u32() : PAGE_BYTES;
    if (minimum > maxPages) {
      throw new RangeError(
        `It starts with ${minimum * PAGE_BYTES} bytes of memory; the limit is ${
          maxPages * PAGE_BYTES
        }`,
      );
    }
    content.push([flags | 1]);
    content.u32(minimum);
    content.u32(Math.min(maximum, maxPages));
  }
  const writer = new WasmWriter(bytes.length + 16);
  writer.copy(bytes, 0, section.start);
  writer.push([SECTION.memory]);
  writer.u32(content.length);
  writer.push(content.view());
  writer.copy(bytes, section.end, bytes.length);
  return writer.view();
}
