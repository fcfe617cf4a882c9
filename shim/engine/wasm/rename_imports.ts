/**
 * Other names for a component's imports.
 *
 * @module
 */

import { encodeExternName, readExternDescription, readExternName } from "./component_types.ts";
import { readSections, WasmReader, type WasmSection } from "./reader.ts";
import { encodeU32, WasmWriter } from "./writer.ts";

const IMPORT_SECTION = 10;

/**
 * The component with its imports called as `rename` says. Their types and numbers stay.
 * @returns `bytes` itself, if no name changes.
 * @throws {RangeError} if the binary is malformed.
 */
export function renameImports(
  bytes: Uint8Array,
  rename: (name: string) => string,
): Uint8Array {
  const writer = new WasmWriter(bytes.length + 1024);
  writer.copy(bytes, 0, 8);
  let isChanged = false;
  for (const section of readSections(bytes)) {
    const content = section.id === IMPORT_SECTION
      ? renamedSection(bytes, { section, rename })
      : undefined;
    if (content) {
      isChanged = true;
      writer.push([IMPORT_SECTION, ...encodeU32(content.length)]);
      writer.push(content);
    } else writer.copy(bytes, section.start, section.end);
  }
  return isChanged ? writer.view().slice() : bytes;
}

/** The content of a section of imports; undefined if none of them is renamed. */
function renamedSection(
  bytes: Uint8Array,
  { section, rename }: { section: WasmSection; rename: (name: string) => string },
): number[] | undefined {
  const reader = new WasmReader(bytes, section.content);
  const count = reader.u32();
  const content = encodeU32(count);
  let isChanged = false;
  for (let i = 0; i < count; i++) {
    const start = reader.position;
    const name = readExternName(reader);
    const described = reader.position;
    readExternDescription(reader);
    const renamed = rename(name);
    isChanged ||= renamed !== name;
    const written = renamed === name ? bytes.subarray(start, described) : encodeExternName(renamed);
    content.push(...written, ...bytes.subarray(described, reader.position));
  }
  return isChanged ? content : undefined;
}
