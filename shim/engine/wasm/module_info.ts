/**
 * What a core module declares: the sizes of its index spaces, its imports, exports, globals and
 * memories, and which functions can be called indirectly.
 *
 * @module
 */

import { readInstruction, skipValueType } from "./instructions.ts";
import { readSections, SECTION, WasmReader, type WasmSection } from "./reader.ts";

/** Kinds of import and export, as numbered in the binary format. */
export const KIND = { function: 0, table: 1, memory: 2, global: 3, tag: 4 } as const;

/** One import of a core module. */
export interface WasmImport {
  readonly module: string;
  readonly name: string;
  readonly kind: number;
}

/** One export of a core module. */
export interface WasmExport {
  readonly name: string;
  readonly kind: number;
  readonly index: number;
}

/** A global that the module defines. `type` is the value type's first byte (0x7f is i32). */
export interface WasmGlobal {
  readonly index: number;
  readonly type: number;
  readonly isMutable: boolean;
}

/** A memory that the module defines. Limits are in 64-KiB pages. */
export interface WasmMemory {
  readonly index: number;
  readonly minimum: number;
  readonly maximum: number | undefined;
  readonly isShared: boolean;
  readonly is64: boolean;
}

/** Everything {@link readModule} finds. Indexes are into the module's index spaces. */
export interface WasmModuleInfo {
  readonly bytes: Uint8Array;
  readonly sections: readonly WasmSection[];
  readonly typeCount: number;
  readonly imports: readonly WasmImport[];
  readonly importedFunctions: number;
  readonly importedTables: number;
  readonly importedGlobals: number;
  /** Functions defined here, not counting imports. */
  readonly functionCount: number;
  readonly tableCount: number;
  readonly memories: readonly WasmMemory[];
  readonly globals: readonly WasmGlobal[];
  readonly exports: readonly WasmExport[];
  readonly hasStart: boolean;
  /** Indexes of functions named by an element segment or exported. */
  readonly addressTaken: ReadonlySet<number>;
}

/** The section with this id, if the module has it. */
export function findSection(
  sections: readonly WasmSection[],
  id: number,
): WasmSection | undefined {
  return sections.find((section) => section.id === id);
}

/**
 * Reads a core module's declarations.
 * @throws {RangeError} if the binary is malformed or uses something unknown.
 */
export function readModule(bytes: Uint8Array): WasmModuleInfo {
  const sections = readSections(bytes);
  function readerOf(id: number): WasmReader | undefined {
    const section = findSection(sections, id);
    return section && new WasmReader(bytes, section.content);
  }
  function countOf(id: number): number {
    return readerOf(id)?.u32() ?? 0;
  }
  const imports = readImports(readerOf(SECTION.import));
  function imported(kind: number): number {
    return imports.filter((item) => item.kind === kind).length;
  }
  const exports = readExports(readerOf(SECTION.export));
  const addressTaken = readElements(readerOf(SECTION.element));
  for (const item of exports) if (item.kind === KIND.function) addressTaken.add(item.index);
  return {
    bytes,
    sections,
    typeCount: countOf(SECTION.type),
    imports,
    importedFunctions: imported(KIND.function),
    importedTables: imported(KIND.table),
    importedGlobals: imported(KIND.global),
    functionCount: countOf(SECTION.function),
    tableCount: countOf(SECTION.table),
    memories: readMemories(readerOf(SECTION.memory), imported(KIND.memory)),
    globals: readGlobals(readerOf(SECTION.global), imported(KIND.global)),
    exports,
    hasStart: findSection(sections, SECTION.start) !== undefined,
    addressTaken,
  };
}

function readImports(reader: WasmReader | undefined): WasmImport[] {
  if (!reader) return [];
  const imports: WasmImport[] = [];
  for (let count = reader.u32(); count > 0; count--) {
    const module = reader.name();
    const name = reader.name();
    const kind = reader.byte();
    imports.push({ module, name, kind });
    skipImportDescription(reader, kind);
  }
  return imports;
}

function skipImportDescription(reader: WasmReader, kind: number): void {
  switch (kind) {
    case KIND.function:
      return reader.skipLeb();
    case KIND.table:
      skipValueType(reader);
      return skipLimits(reader);
    case KIND.memory:
      return skipLimits(reader);
    case KIND.global:
      skipValueType(reader);
      return reader.skip(1);
    case KIND.tag:
      reader.skip(1);
      return reader.skipLeb();
    default:
      throw new RangeError(`Unknown Wasm import kind ${kind}`);
  }
}

function skipLimits(reader: WasmReader): void {
  const flags = reader.byte();
  reader.skipLeb();
  if (flags & 1) reader.skipLeb();
}

function readExports(reader: WasmReader | undefined): WasmExport[] {
  if (!reader) return [];
  const exports: WasmExport[] = [];
  for (let count = reader.u32(); count > 0; count--) {
    exports.push({ name: reader.name(), kind: reader.byte(), index: reader.u32() });
  }
  return exports;
}

function readMemories(reader: WasmReader | undefined, firstIndex: number): WasmMemory[] {
  if (!reader) return [];
  const memories: WasmMemory[] = [];
  const count = reader.u32();
  for (let i = 0; i < count; i++) {
    const flags = reader.byte();
    const is64 = (flags & 4) !== 0;
    const minimum = is64 ? skipped(reader) : reader.u32();
    const maximum = (flags & 1) === 0 ? undefined : is64 ? skipped(reader) : reader.u32();
    memories.push({
      index: firstIndex + i,
      minimum,
      maximum,
      isShared: (flags & 2) !== 0,
      is64,
    });
  }
  return memories;
}

/** 64-bit limits are not needed: such memories are only told apart. */
function skipped(reader: WasmReader): number {
  reader.skipLeb();
  return 0;
}

function readGlobals(reader: WasmReader | undefined, firstIndex: number): WasmGlobal[] {
  if (!reader) return [];
  const globals: WasmGlobal[] = [];
  const count = reader.u32();
  for (let i = 0; i < count; i++) {
    const type = reader.bytes[reader.position]!;
    skipValueType(reader);
    const isMutable = (reader.byte() & 1) !== 0;
    skipConstantExpression(reader);
    globals.push({ index: firstIndex + i, type, isMutable });
  }
  return globals;
}

export function skipConstantExpression(reader: WasmReader): void {
  while (readInstruction(reader) !== 0x0b);
}

/** Functions that element segments name, by index or by `ref.func`. */
function readElements(reader: WasmReader | undefined): Set<number> {
  const functions = new Set<number>();
  if (!reader) return functions;
  for (let count = reader.u32(); count > 0; count--) {
    const flags = reader.u32();
    const isActive = (flags & 1) === 0;
    const hasIndexOrType = (flags & 2) !== 0;
    const hasExpressions = (flags & 4) !== 0;
    if (isActive) {
      if (hasIndexOrType) reader.skipLeb();
      skipConstantExpression(reader);
    }
    if (!isActive || hasIndexOrType) {
      if (hasExpressions) skipValueType(reader);
      else reader.skip(1);
    }
    for (let items = reader.u32(); items > 0; items--) {
      if (hasExpressions) readFunctionReference(reader, functions);
      else functions.add(reader.u32());
    }
  }
  return functions;
}

function readFunctionReference(reader: WasmReader, functions: Set<number>): void {
  const start = reader.position;
  while (true) {
    const at = reader.position;
    const opcode = readInstruction(reader);
    if (opcode === 0xd2) functions.add(new WasmReader(reader.bytes, at + 1).u32());
    if (opcode === 0x0b) break;
    if (reader.position === start) throw new RangeError("Malformed Wasm element segment");
  }
}
