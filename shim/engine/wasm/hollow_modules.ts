/**
 * Components without what is in their functions: the generator of bindings asks for types and names
 * only, but parses and validates all that it is given, which for an engine of JavaScript is most of the
 * time that preparing it takes. The runtime validates the real code when it compiles it.
 *
 * @module
 */

import { skipConstantExpression } from "./module_info.ts";
import { readSections, SECTION, WasmReader, type WasmSection } from "./reader.ts";
import { encodeU32, WasmWriter } from "./writer.ts";

/** Sections of components that hold a module, or another component. */
const CORE_MODULE = 1;
const COMPONENT = 4;

/** A body of three bytes that fits every type: no locals, `unreachable`, `end`. */
const BODY: readonly number[] = [3, 0, 0x00, 0x0b];

/** A component of which the functions do nothing and the data is empty. */
export interface HollowComponent {
  readonly bytes: Uint8Array;
  /** Its core modules, in the order in which they stand, those of components in it included. */
  readonly modules: readonly {
    readonly original: Uint8Array;
    readonly hollow: Uint8Array;
  }[];
}

/** @throws {RangeError} if the binary is malformed. */
export function hollowComponent(bytes: Uint8Array): HollowComponent {
  const modules: { original: Uint8Array; hollow: Uint8Array }[] = [];
  return { bytes: copyComponent(bytes, modules), modules };
}

/** How generators call modules: `component.core.wasm` is the first, `component.core2.wasm` the next. */
const FILE = /\.core(\d*)\.wasm$/;

/**
 * What a generator of bindings has written for the hollow component → the same for the real one.
 * @param files Names and contents of what it has written; only modules change.
 * @returns undefined if it has written others than those that it was given: the real component has to
 * be given to it then.
 */
export function fillModules(
  files: readonly (readonly [name: string, content: Uint8Array])[],
  { modules }: HollowComponent,
): [string, Uint8Array][] | undefined {
  const filled: [string, Uint8Array][] = [];
  for (const [name, content] of files) {
    const number = FILE.exec(name)?.[1];
    const module = number === undefined ? undefined : modules[Number(number || 1) - 1];
    if (module && !isSame(content, module.hollow)) return undefined;
    // What comes after those of the component connects them, and is the generator's own.
    filled.push([name, module?.original ?? content]);
  }
  return filled;
}

function copyComponent(
  bytes: Uint8Array,
  modules: { original: Uint8Array; hollow: Uint8Array }[],
): Uint8Array {
  const writer = new WasmWriter(Math.min(bytes.length, 1 << 20));
  writer.copy(bytes, 0, 8);
  for (const section of readSections(bytes)) {
    const original = bytes.subarray(section.content, section.end);
    if (section.id === CORE_MODULE) {
      const hollow = hollowModule(original);
      modules.push({ original, hollow });
      writeSection(writer, { id: CORE_MODULE, content: hollow });
    } else if (section.id === COMPONENT) {
      writeSection(writer, { id: COMPONENT, content: copyComponent(original, modules) });
    } else writer.copy(bytes, section.start, section.end);
  }
  return writer.view().slice();
}

function hollowModule(bytes: Uint8Array): Uint8Array {
  const writer = new WasmWriter(Math.min(bytes.length, 1 << 18));
  writer.copy(bytes, 0, 8);
  for (const section of readSections(bytes)) {
    // Names of functions and the like: nobody needs them here.
    if (section.id === SECTION.custom) continue;
    if (section.id === SECTION.code) {
      const count = new WasmReader(bytes, section.content).u32();
      const content = new WasmWriter(count * BODY.length + 5);
      content.u32(count);
      for (let index = 0; index < count; index++) content.push(BODY);
      writeSection(writer, { id: section.id, content: content.view() });
    } else if (section.id === SECTION.data) {
      writeSection(writer, { id: section.id, content: emptyData(bytes, section) });
    } else writer.copy(bytes, section.start, section.end);
  }
  return writer.view().slice();
}

/** The segments of a data section without their bytes. */
function emptyData(bytes: Uint8Array, section: WasmSection): Uint8Array {
  const reader = new WasmReader(bytes, section.content);
  const content = new WasmWriter();
  const count = reader.u32();
  content.u32(count);
  for (let index = 0; index < count; index++) {
    const start = reader.position;
    const kind = reader.u32();
    // 0: at an offset; 1: used by instructions; 2: at an offset in a memory that is named.
    if (kind === 2) reader.u32();
    if (kind !== 1) skipConstantExpression(reader);
    content.copy(bytes, start, reader.position);
    content.u32(0);
    reader.skip(reader.u32());
  }
  return content.view();
}

function writeSection(
  writer: WasmWriter,
  { id, content }: { id: number; content: Uint8Array },
): void {
  writer.push([id, ...encodeU32(content.length)]);
  writer.push(content);
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return true;
}
