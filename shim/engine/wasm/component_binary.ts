/**
 * The imports and exports of a component, by name, as its binary declares them.
 *
 * @module
 */

import { readSections, WasmReader } from "./reader.ts";

/** Section ids of components that matter here. */
const IMPORT_SECTION = 10;
const EXPORT_SECTION = 11;

/** What a component asks for and offers. Names are as written: `wasi:io/streams@0.2.3`. */
export interface ComponentInterface {
  readonly imports: readonly string[];
  readonly exports: readonly string[];
}

/**
 * Reads the top-level imports and exports of a component.
 * @throws {RangeError} if the binary is malformed.
 */
export function readComponent(bytes: Uint8Array): ComponentInterface {
  const imports: string[] = [];
  const exports: string[] = [];
  for (const section of readSections(bytes)) {
    const reader = new WasmReader(bytes, section.content);
    if (section.id === IMPORT_SECTION) {
      for (let count = reader.u32(); count > 0; count--) {
        imports.push(readExternName(reader));
        skipExternDescription(reader);
      }
    } else if (section.id === EXPORT_SECTION) {
      for (let count = reader.u32(); count > 0; count--) {
        exports.push(readExternName(reader));
        skipSort(reader);
        reader.skipLeb();
        if (reader.byte() === 1) skipExternDescription(reader);
      }
    }
  }
  return { imports, exports };
}

function readExternName(reader: WasmReader): string {
  const form = reader.byte();
  const name = reader.name();
  if (form === 2) reader.name(); // version suffix of a canonicalised name
  return name;
}

function skipSort(reader: WasmReader): void {
  if (reader.byte() === 0) reader.skip(1); // core sorts have a second byte
}

function skipExternDescription(reader: WasmReader): void {
  const kind = reader.byte();
  switch (kind) {
    case 0x00: // core module: 0x11, type index
      reader.skip(1);
      reader.skipLeb();
      break;
    case 0x02: // value: equal to an index, or of a type
      reader.skip(1);
      reader.skipLeb();
      break;
    case 0x03: // type: equal to an index, or a new resource
      if (reader.byte() === 0) reader.skipLeb();
      break;
    case 0x01: // function
    case 0x04: // component
    case 0x05: // instance
      reader.skipLeb();
      break;
    default:
      throw new RangeError(`Unknown kind ${kind} of component import or export`);
  }
}
