/**
 * Rewrites a core module so that the host can preempt it and rewind it:
 *
 * - every loop, and every function that may recurse, counts down {@link FUEL_EXPORT} and calls
 *   entry 0 of {@link INTERRUPT_EXPORT} when it reaches zero;
 * - every mutable global and every memory the module defines is exported, so that their contents
 *   can be saved and put back;
 * - the size of a memory that only this module grows is kept in a global, so that it can shrink again:
 *   what V8 has given is kept for the next request;
 * - debugging sections are dropped.
 *
 * New items go to the end of their index spaces, so that no existing index changes.
 *
 * @module
 */

import { findRecursive } from "./call_graph.ts";
import { OP, readInstruction, skipValueType } from "./instructions.ts";
import { findSection, KIND, readModule, type WasmModuleInfo } from "./module_info.ts";
import { readCustomSection, SECTION, WasmReader, type WasmSection } from "./reader.ts";
import { encodeName, encodeS32, encodeU32, WasmWriter } from "./writer.ts";

/** Export name of the mutable i32 that counts down. */
export const FUEL_EXPORT = "$fuel";
/** Export name of the one-entry table whose function is called at zero. */
export const INTERRUPT_EXPORT = "$interrupt";
/** Prefix of the exports of mutable globals; the index follows. */
export const GLOBAL_EXPORT = "$global";
/** Prefix of the exports of memories; the index follows. */
export const MEMORY_EXPORT = "$memory";

/**
 * Fuel while a module is instantiated, when nobody can refill it yet: enough for any real
 * initialisation, and an end for one that loops.
 */
export const INITIAL_FUEL = 0x7fffffff;

/** What {@link rewriteModule} made. */
export interface RewrittenModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether loops and recursion ask the host; false if the module has neither. */
  readonly isInterruptible: boolean;
  /** Why an instance cannot be rewound, or undefined if it can. */
  readonly notResettable: string | undefined;
  /** Whether memory that grew can be rewound too: the guest reads its size from a global. */
  readonly isShrinkable: boolean;
}

/**
 * Rewrites a core module that shares its memory with nobody who grows it.
 * @throws {RangeError} if the module is malformed or uses instructions that are not known.
 */
export function rewriteModule(bytes: Uint8Array): RewrittenModule {
  return rewriteScanned(scanModule(bytes), { isMemoryPrivate: true });
}

/**
 * Rewrites the core modules of one component. The size of a memory is kept in a global only if no
 * other module asks for it or changes it.
 * @throws {RangeError} as {@link rewriteModule}.
 */
export function rewriteModules(modules: readonly Uint8Array[]): RewrittenModule[] {
  const scanned = modules.map(scanModule);
  const isMemoryPrivate = !scanned.some(({ info, code }) =>
    code.sizes.length > 0 && info.imports.some((item) => item.kind === KIND.memory)
  );
  return scanned.map((module) => rewriteScanned(module, { isMemoryPrivate }));
}

interface ScannedModule {
  readonly info: WasmModuleInfo;
  readonly code: ScannedCode;
}

function scanModule(bytes: Uint8Array): ScannedModule {
  const info = readModule(bytes);
  return { info, code: scanCode(info) };
}

function rewriteScanned(
  { info, code }: ScannedModule,
  { isMemoryPrivate }: { isMemoryPrivate: boolean },
): RewrittenModule {
  const checks = planChecks(info, code.bodies);
  const isInterruptible = checks.some((offsets) => offsets.length > 0);
  const isShrinkable = isMemoryPrivate && (code.sizes.length === 0 || hasOneOwnMemory(info));
  const hasVirtualSize = isShrinkable && code.sizes.length > 0;
  const plan: Plan = {
    info,
    code,
    checks,
    isInterruptible,
    hasVirtualSize,
    appended: planAppended(info, { isInterruptible, hasVirtualSize }),
  };
  const writer = new WasmWriter(info.bytes.length + (info.bytes.length >> 2) + 1024);
  writer.copy(info.bytes, 0, 8);
  writeSections(writer, plan);
  return {
    bytes: writer.view().slice(),
    isInterruptible,
    isShrinkable,
    notResettable: code.notResettable ?? declarationsNotResettable(info),
  };
}

function hasOneOwnMemory(info: WasmModuleInfo): boolean {
  const [memory] = info.memories;
  return info.memories.length === 1 && memory!.index === 0 && !memory!.isShared && !memory!.is64;
}

/** A function body and the places in it where a check may go. Offsets are absolute. */
interface Body {
  readonly start: number;
  readonly end: number;
  /** Behind the declarations of locals. */
  readonly entry: number;
  /** Behind the block type of each loop. */
  readonly loops: number[];
  /** Positions, among the defined functions, of direct callees. */
  readonly callees: number[];
  readonly hasCalls: boolean;
}

const STATEFUL_INSTRUCTIONS = new Map<number, string>([
  [OP.tableSet, "table.set"],
  [OP.tableInit, "table.init"],
  [OP.tableCopy, "table.copy"],
  [OP.tableGrow, "table.grow"],
  [OP.tableFill, "table.fill"],
  [OP.memoryInit, "memory.init"],
  [OP.dataDrop, "data.drop"],
  [OP.elemDrop, "elem.drop"],
]);

/** A `memory.size` or `memory.grow`. Offsets are absolute. */
interface SizeInstruction {
  readonly opcode: typeof OP.memorySize | typeof OP.memoryGrow;
  readonly start: number;
  readonly end: number;
}

interface ScannedCode {
  readonly bodies: Body[];
  /** In the order of the code. */
  readonly sizes: SizeInstruction[];
  readonly notResettable: string | undefined;
}

function scanCode(info: WasmModuleInfo): ScannedCode {
  const section = findSection(info.sections, SECTION.code);
  const bodies: Body[] = [];
  const sizes: SizeInstruction[] = [];
  let notResettable: string | undefined;
  if (!section) return { bodies, sizes, notResettable };
  const reader = new WasmReader(info.bytes, section.content);
  for (let count = reader.u32(); count > 0; count--) {
    const size = reader.u32();
    const start = reader.position;
    const end = start + size;
    for (let groups = reader.u32(); groups > 0; groups--) {
      reader.skipLeb();
      skipValueType(reader);
    }
    const entry = reader.position;
    const loops: number[] = [];
    const callees: number[] = [];
    let hasCalls = false;
    while (reader.position < end) {
      const at = reader.position;
      const opcode = readInstruction(reader);
      if (opcode === OP.loop) loops.push(reader.position);
      else if (opcode === OP.call || opcode === OP.returnCall) {
        hasCalls = true;
        const callee = new WasmReader(info.bytes, at + 1).u32() - info.importedFunctions;
        if (callee >= 0) callees.push(callee);
      } else if (opcode >= OP.callIndirect && opcode <= OP.returnCallRef) hasCalls = true;
      else if (opcode === OP.memorySize || opcode === OP.memoryGrow) {
        sizes.push({ opcode, start: at, end: reader.position });
      } else if (opcode === OP.tableSet || opcode >= OP.memoryInit) {
        const name = STATEFUL_INSTRUCTIONS.get(opcode);
        if (name) notResettable ??= `it uses ${name}`;
      }
    }
    if (reader.position !== end) throw new RangeError("Malformed Wasm function body");
    bodies.push({ start, end, entry, loops, callees, hasCalls });
  }
  return { bodies, sizes, notResettable };
}

function declarationsNotResettable(info: WasmModuleInfo): string | undefined {
  if (info.memories.some((memory) => memory.isShared)) return "its memory is shared";
  if (info.memories.some((memory) => memory.is64)) return "its memory has 64-bit addresses";
  // i32, i64, f32 and f64: what a host can read and write back without loss.
  const unreadable = info.globals.some((global) =>
    global.isMutable && (global.type < 0x7c || global.type > 0x7f)
  );
  return unreadable ? "it has a mutable global of a vector or reference type" : undefined;
}

/** For each body, the offsets before which a check goes. */
function planChecks(info: WasmModuleInfo, bodies: Body[]): number[][] {
  const recursive = findRecursive(bodies.map((body) => body.callees));
  // Glue between modules has no memory: what passes through it also passes through real code.
  const isGlue = info.memories.length === 0 &&
    !info.imports.some((item) => item.kind === KIND.memory);
  return bodies.map((body, index) => {
    // A cycle with an indirect or foreign call in it passes through a function whose address is
    // known to somebody; one of direct calls only is found in the call graph.
    const mayRecurse = recursive[index] === 1 ||
      (!isGlue && body.hasCalls && info.addressTaken.has(index + info.importedFunctions));
    return mayRecurse ? [body.entry, ...body.loops] : body.loops;
  });
}

/** What is added at the end of the index spaces. */
interface Appended {
  readonly types: number[][];
  /** Type index of each added function. */
  readonly functions: number[];
  readonly bodies: number[][];
  readonly globals: number[][];
  readonly exports: number[][];
  /** Replaces nothing; goes before what follows a loop or a function's start. */
  readonly check: Uint8Array;
  /** Replaces `memory.size`. */
  readonly size: Uint8Array;
  /** Replaces `memory.grow`. */
  readonly grow: Uint8Array;
}

interface Plan {
  readonly info: WasmModuleInfo;
  readonly code: ScannedCode;
  readonly checks: number[][];
  readonly isInterruptible: boolean;
  readonly hasVirtualSize: boolean;
  readonly appended: Appended;
}

function exported(name: string, kind: number, index: number): number[] {
  return [...encodeName(name), kind, ...encodeU32(index)];
}

function planAppended(
  info: WasmModuleInfo,
  { isInterruptible, hasVirtualSize }: { isInterruptible: boolean; hasVirtualSize: boolean },
): Appended {
  const firstFunction = info.importedFunctions + info.functionCount;
  const firstGlobal = info.importedGlobals + info.globals.length;
  const types: number[][] = [];
  const functions: number[] = [];
  const bodies: number[][] = [];
  const globals: number[][] = [];
  const exports: number[][] = [];
  let check: number[] = [];
  let size: number[] = [];
  let grow: number[] = [];
  for (const global of info.globals) {
    if (global.isMutable) {
      exports.push(exported(GLOBAL_EXPORT + global.index, KIND.global, global.index));
    }
  }
  for (const memory of info.memories) {
    exports.push(exported(MEMORY_EXPORT + memory.index, KIND.memory, memory.index));
  }
  if (isInterruptible) {
    const fuel = encodeU32(firstGlobal);
    const table = info.importedTables + info.tableCount;
    const interrupt = encodeU32(firstFunction);
    functions.push(info.typeCount);
    types.push([0x60, 0, 0]);
    // i32.const 0; call_indirect the function in the module's interrupt table.
    bodies.push([
      ...[0, 0x41, 0, 0x11, ...encodeU32(info.typeCount), ...encodeU32(table), 0x0b],
    ]);
    // i32, mutable, i32.const INITIAL_FUEL (signed LEB128), end.
    globals.push([0x7f, 1, 0x41, 0xff, 0xff, 0xff, 0xff, 0x07, 0x0b]);
    exports.push(exported(FUEL_EXPORT, KIND.global, firstGlobal));
    exports.push(exported(INTERRUPT_EXPORT, KIND.table, table));
    // fuel -= 1; if (fuel == 0) interrupt()
    check = [
      ...[0x23, ...fuel, 0x41, 1, 0x6b, 0x24, ...fuel],
      ...[0x23, ...fuel, 0x45, 0x04, 0x40, 0x10, ...interrupt, 0x0b],
    ];
  }
  if (hasVirtualSize) {
    const pages = encodeU32(firstGlobal + globals.length);
    grow = [0x10, ...encodeU32(firstFunction + functions.length)];
    size = [0x23, ...pages];
    functions.push(info.typeCount + types.length);
    types.push([0x60, 1, 0x7f, 1, 0x7f]);
    bodies.push(growBody(pages));
    globals.push([0x7f, 1, 0x41, ...encodeS32(info.memories[0]!.minimum), 0x0b]);
    const index = firstGlobal + globals.length - 1;
    exports.push(exported(GLOBAL_EXPORT + index, KIND.global, index));
  }
  return {
    ...{ types, functions, bodies, globals, exports },
    check: Uint8Array.from(check),
    size: Uint8Array.from(size),
    grow: Uint8Array.from(grow),
  };
}

/**
 * `(param $delta i32) (result i32) (local $wanted i32)`: what `memory.grow` does, by the size in the
 * global. Memory is asked for only where what there is does not suffice.
 */
function growBody(pages: number[]): number[] {
  const fail = [0x04, 0x40, 0x41, 0x7f, 0x0f, 0x0b]; // if (then (return (i32.const -1)))
  return [
    ...[1, 1, 0x7f],
    // wanted = delta + pages; an overflow fails
    ...[0x20, 0, 0x23, ...pages, 0x6a, 0x22, 1, 0x23, ...pages, 0x49, ...fail],
    // if (wanted > memory.size) and memory.grow(wanted - memory.size) == -1, fail
    ...[0x20, 1, 0x3f, 0, 0x4b, 0x04, 0x40],
    ...[0x20, 1, 0x3f, 0, 0x6b, 0x40, 0, 0x41, 0x7f, 0x46, ...fail],
    0x0b,
    // the old size is the result; pages = wanted
    ...[0x23, ...pages, 0x20, 1, 0x24, ...pages, 0x0b],
  ];
}

/** Sections in the order the format demands; data count comes before code, tags after memories. */
const SECTION_ORDER = [
  SECTION.type,
  SECTION.import,
  SECTION.function,
  SECTION.table,
  SECTION.memory,
  SECTION.tag,
  SECTION.global,
  SECTION.export,
  SECTION.start,
  SECTION.element,
  SECTION.dataCount,
  SECTION.code,
  SECTION.data,
];

function writeSections(writer: WasmWriter, plan: Plan): void {
  const { info } = plan;
  for (const id of SECTION_ORDER) {
    const section = findSection(info.sections, id);
    const rewritten = rewriteSection(id, plan);
    if (rewritten) writeSection(writer, id, rewritten);
    else if (section) writer.copy(info.bytes, section.start, section.end);
  }
  for (const section of info.sections) {
    if (section.id === SECTION.custom && isKept(info.bytes, section)) {
      writer.copy(info.bytes, section.start, section.end);
    }
  }
}

/** Function names make traps readable; everything else custom is for tools. */
function isKept(bytes: Uint8Array, section: WasmSection): boolean {
  return readCustomSection(bytes, section).name === "name";
}

function writeSection(writer: WasmWriter, id: number, content: ArrayLike<number>): void {
  writer.push([id]);
  writer.u32(content.length);
  writer.push(content);
}

function rewriteSection(id: number, plan: Plan): ArrayLike<number> | undefined {
  const { info, appended } = plan;
  switch (id) {
    case SECTION.type:
      return extend(info, id, appended.types);
    case SECTION.function:
      return extend(info, id, appended.functions.map(encodeU32));
    case SECTION.table:
      return plan.isInterruptible ? extend(info, id, [[0x70, 1, 1, 1]]) : undefined;
    case SECTION.global:
      return extend(info, id, appended.globals);
    case SECTION.export:
      return extend(info, id, appended.exports);
    case SECTION.code:
      return appended.bodies.length > 0 ? rewriteCode(plan) : undefined;
    default:
      return undefined;
  }
}

/** A section's content with items added at the end of its vector. */
function extend(info: WasmModuleInfo, id: number, items: number[][]): Uint8Array | undefined {
  if (items.length === 0) return undefined;
  const section = findSection(info.sections, id);
  const writer = new WasmWriter((section ? section.end - section.content : 0) + 64);
  if (section) {
    const reader = new WasmReader(info.bytes, section.content);
    writer.u32(reader.u32() + items.length);
    writer.copy(info.bytes, reader.position, section.end);
  } else {
    writer.u32(items.length);
  }
  for (const item of items) writer.push(item);
  return writer.view();
}

/** A replacement of the bytes from `start` to `end` of the module. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly bytes: Uint8Array;
}

function rewriteCode({ info, code, checks, appended, hasVirtualSize }: Plan): Uint8Array {
  const { bodies } = code;
  const sizes = hasVirtualSize ? code.sizes : [];
  const writer = new WasmWriter(info.bytes.length);
  writer.u32(bodies.length + appended.bodies.length);
  let nextSize = 0;
  bodies.forEach((body, index) => {
    const edits: Edit[] = checks[index]!.map((offset) => ({
      start: offset,
      end: offset,
      bytes: appended.check,
    }));
    for (; nextSize < sizes.length && sizes[nextSize]!.start < body.end; nextSize++) {
      const { opcode, start, end } = sizes[nextSize]!;
      edits.push({
        start,
        end,
        bytes: opcode === OP.memorySize ? appended.size : appended.grow,
      });
    }
    writeBody(writer, { bytes: info.bytes, body, edits: edits.sort((a, b) => a.start - b.start) });
  });
  for (const body of appended.bodies) {
    writer.u32(body.length);
    writer.push(body);
  }
  return writer.view();
}

function writeBody(
  writer: WasmWriter,
  { bytes, body, edits }: { bytes: Uint8Array; body: Body; edits: readonly Edit[] },
): void {
  const growth = edits.reduce((sum, edit) => sum + edit.bytes.length - (edit.end - edit.start), 0);
  writer.u32(body.end - body.start + growth);
  let from = body.start;
  for (const edit of edits) {
    writer.copy(bytes, from, edit.start);
    writer.push(edit.bytes);
    from = edit.end;
  }
  writer.copy(bytes, from, body.end);
}
