/**
 * The imports and exports of a component, by name, as its binary declares them, and whether it is made
 * of other components.
 *
 * @module
 */

import { readExternDescription, readExternName, SORT } from "./component_types.ts";
import { readSections, WasmReader } from "./reader.ts";

/** Section ids of components that matter here. */
const COMPONENT_SECTION = 4;
const IMPORT_SECTION = 10;
const EXPORT_SECTION = 11;

/**
 * What a composition has: custom sections, components, instances, aliases, types, imports and exports;
 * no core modules, and nothing that is made of them.
 */
const COMPOSITION_SECTIONS: readonly number[] = [0, 4, 5, 6, 7, 10, 11];

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
        readExternDescription(reader);
      }
    } else if (section.id === EXPORT_SECTION) {
      for (let count = reader.u32(); count > 0; count--) {
        exports.push(readExternName(reader));
        if (reader.byte() === SORT.core) reader.skip(1); // core sorts have a second byte
        reader.skipLeb();
        if (reader.byte() === 1) readExternDescription(reader);
      }
    }
  }
  return { imports, exports };
}

/**
 * Whether a component is a composition: it has components in it, and does nothing but connect them.
 * @throws {RangeError} if the binary is malformed.
 */
export function isComposition(bytes: Uint8Array): boolean {
  const sections = readSections(bytes);
  return sections.some(({ id }) => id === COMPONENT_SECTION) &&
    sections.every(({ id }) => COMPOSITION_SECTIONS.includes(id));
}
