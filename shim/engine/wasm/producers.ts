/**
 * The custom section `producers`: which tools a module was made with. Matches WebAssembly's tool
 * conventions.
 *
 * @module
 */

import { readCustomSection, readSections, SECTION, WasmReader } from "./reader.ts";

/** Field, such as `processed-by` → tool → version. */
export type Producers = ReadonlyMap<string, ReadonlyMap<string, string>>;

/**
 * The producers that a module or component names at its top.
 * @returns undefined if it names none, or if that cannot be read: it is a remark for tools only.
 */
export function readProducers(bytes: Uint8Array): Producers | undefined {
  try {
    for (const section of readSections(bytes)) {
      if (section.id !== SECTION.custom) continue;
      const { name, payload } = readCustomSection(bytes, section);
      if (name === "producers") return readFields(payload);
    }
  } catch (error) {
    // What is damaged says nothing. A module that is damaged elsewhere is refused elsewhere.
    if (!(error instanceof RangeError)) throw error;
  }
  return undefined;
}

function readFields(payload: Uint8Array): Producers {
  const reader = new WasmReader(payload);
  const fields = new Map<string, Map<string, string>>();
  for (let count = reader.u32(); count > 0; count--) {
    const field = reader.name();
    const tools = new Map<string, string>();
    for (let values = reader.u32(); values > 0; values--) tools.set(reader.name(), reader.name());
    fields.set(field, tools);
  }
  return fields;
}
