/**
 * Rewrites a core module so that the host can preempt it and rewind it:
 *
 * - every loop, and every function that may recurse, counts down {@link FUEL_EXPORT} and calls
 *   entry 0 of {@link INTERRUPT_EXPORT} when it reaches zero;
 * - every mutable global and every memory the module defines is exported, so that their contents
 *   can be saved and put back;
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
import { encodeName, encodeU32, WasmWriter } from "./writer.ts";

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
}

/**
 * Rewrites a core module.
 * @throws {RangeError} if the module is malformed or uses instructions that are not known.
 */
export function rewriteModule(bytes: Uint8Array): RewrittenModule {
  const info = readModule(bytes);
  const code = scanCode(info);
  const hooks = planHooks(info, code.bodies);
  const isInterruptible = hooks.length > 0;
  const writer = new WasmWriter(bytes.length + (bytes.length >> 2) + 1024);
  writer.copy(bytes, 0, 8);
  writeSections(writer, { info, hooks, bodies: code.bodies, isInterruptible });
  return {
    bytes: writer.view().slice(),
    isInterruptible,
    notResettable: code.notResettable ?? declarationsNotResettable(info),
  };
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

function scanCode(info: WasmModuleInfo): { bodies: Body[]; notResettable: string | undefined } {
  const section = findSection(info.sections, SECTION.code);
  const bodies: Body[] = [];
  let notResettable: string | undefined;
  if (!section) return { bodies, notResettable };
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
      else if (opcode === OP.tableSet || opcode >= OP.memoryInit) {
        const name = STATEFUL_INSTRUCTIONS.get(opcode);
        if (name) notResettable ??= `it uses ${name}`;
      }
    }
    if (reader.position !== end) throw new RangeError("Malformed Wasm function body");
    bodies.push({ start, end, entry, loops, callees, hasCalls });
  }
  return { bodies, notResettable };
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

/** For each body that gets checks, where they go. */
interface Hooks {
  readonly body: number;
  readonly offsets: number[];
}

function planHooks(info: WasmModuleInfo, bodies: Body[]): Hooks[] {
  const recursive = findRecursive(bodies.map((body) => body.callees));
  // Glue between modules has no memory: what passes through it also passes through real code.
  const isGlue = info.memories.length === 0 &&
    !info.imports.some((item) => item.kind === KIND.memory);
  const hooks: Hooks[] = [];
  bodies.forEach((body, index) => {
    // A cycle with an indirect or foreign call in it passes through a function whose address is
    // known to somebody; one of direct calls only is found in the call graph.
    const mayRecurse = recursive[index] === 1 ||
      (!isGlue && body.hasCalls && info.addressTaken.has(index + info.importedFunctions));
    const offsets = mayRecurse ? [body.entry, ...body.loops] : body.loops;
    if (offsets.length > 0) hooks.push({ body: index, offsets });
  });
  return hooks;
}

interface Plan {
  readonly info: WasmModuleInfo;
  readonly hooks: Hooks[];
  readonly bodies: Body[];
  readonly isInterruptible: boolean;
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
  const { info, isInterruptible } = plan;
  switch (id) {
    case SECTION.type:
      return isInterruptible ? extend(info, id, [[0x60, 0, 0]]) : undefined;
    case SECTION.function:
      return isInterruptible ? extend(info, id, [encodeU32(info.typeCount)]) : undefined;
    case SECTION.table:
      return isInterruptible ? extend(info, id, [[0x70, 1, 1, 1]]) : undefined;
    case SECTION.global:
      return isInterruptible ? extend(info, id, [fuelGlobal()]) : undefined;
    case SECTION.export:
      return extend(info, id, newExports(plan));
    case SECTION.code:
      return isInterruptible ? rewriteCode(plan) : undefined;
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

function fuelGlobal(): number[] {
  // i32, mutable, i32.const INITIAL_FUEL (signed LEB128), end.
  return [0x7f, 1, 0x41, 0xff, 0xff, 0xff, 0xff, 0x07, 0x0b];
}

function newExports({ info, isInterruptible }: Plan): number[][] {
  const items: number[][] = [];
  function add(name: string, kind: number, index: number): void {
    items.push([...encodeName(name), kind, ...encodeU32(index)]);
  }
  for (const global of info.globals) {
    if (global.isMutable) add(GLOBAL_EXPORT + global.index, KIND.global, global.index);
  }
  for (const memory of info.memories) {
    add(MEMORY_EXPORT + memory.index, KIND.memory, memory.index);
  }
  if (isInterruptible) {
    add(FUEL_EXPORT, KIND.global, fuelIndex(info));
    add(INTERRUPT_EXPORT, KIND.table, info.importedTables + info.tableCount);
  }
  return items;
}

function fuelIndex(info: WasmModuleInfo): number {
  return info.importedGlobals + info.globals.length;
}

function rewriteCode({ info, hooks, bodies }: Plan): Uint8Array {
  const interrupt = encodeU32(info.importedFunctions + info.functionCount);
  const fuel = encodeU32(fuelIndex(info));
  // fuel -= 1; if (fuel == 0) interrupt()
  const check = Uint8Array.from([
    ...[0x23, ...fuel, 0x41, 1, 0x6b, 0x24, ...fuel],
    ...[0x23, ...fuel, 0x45, 0x04, 0x40, 0x10, ...interrupt, 0x0b],
  ]);
  // i32.const 0; call_indirect the function in the module's interrupt table.
  const table = encodeU32(info.importedTables + info.tableCount);
  const interruptBody = [0, 0x41, 0, 0x11, ...encodeU32(info.typeCount), ...table, 0x0b];
  const writer = new WasmWriter(info.bytes.length);
  writer.u32(bodies.length + 1);
  let nextHook = 0;
  bodies.forEach((body, index) => {
    const hook = hooks[nextHook];
    const offsets = hook?.body === index ? hook.offsets : [];
    if (offsets.length > 0) nextHook++;
    writer.u32(body.end - body.start + offsets.length * check.length);
    let from = body.start;
    for (const offset of offsets) {
      writer.copy(info.bytes, from, offset);
      writer.push(check);
      from = offset;
    }
    writer.copy(info.bytes, from, body.end);
  });
  writer.u32(interruptBody.length);
  writer.push(interruptBody);
  return writer.view();
}
