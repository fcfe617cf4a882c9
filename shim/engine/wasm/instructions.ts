/**
 * Walking the instructions of a function body: which opcode stands where, and how long its
 * immediates are. Covers WebAssembly 3.0 (SIMD, bulk memory, references, tail calls, exceptions,
 * garbage collection, threads, multi-memory); anything else throws, so that nothing is rewritten
 * that is not understood.
 *
 * @module
 */

import type { WasmReader } from "./reader.ts";

/** Opcodes that callers look for. Prefixed ones are `prefix << 16 | sub-opcode`. */
export const OP = {
  loop: 0x03,
  call: 0x10,
  callIndirect: 0x11,
  returnCall: 0x12,
  returnCallIndirect: 0x13,
  callRef: 0x14,
  returnCallRef: 0x15,
  tableSet: 0x26,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  memoryInit: 0xfc0008,
  dataDrop: 0xfc0009,
  tableInit: 0xfc000c,
  elemDrop: 0xfc000d,
  tableCopy: 0xfc000e,
  tableGrow: 0xfc000f,
  tableFill: 0xfc0011,
} as const;

/**
 * Reads one instruction at the reader's position and leaves the reader behind it.
 * @returns the opcode; prefixed ones as `prefix << 16 | sub-opcode`.
 * @throws {RangeError} for an opcode that is not known.
 */
export function readInstruction(reader: WasmReader): number {
  const opcode = reader.byte();
  // Comparisons, arithmetic, conversions and sign extensions: the bulk of real code.
  if (opcode >= 0x45 && opcode <= 0xc4) return opcode;
  if (opcode >= 0x28 && opcode <= 0x3e) {
    skipMemoryArgument(reader);
    return opcode;
  }
  switch (opcode) {
    case 0x00: // unreachable
    case 0x01: // nop
    case 0x05: // else
    case 0x0a: // throw_ref
    case 0x0b: // end
    case 0x0f: // return
    case 0x1a: // drop
    case 0x1b: // select
    case 0xd1: // ref.is_null
    case 0xd3: // ref.eq
    case 0xd4: // ref.as_non_null
      break;
    case 0x02: // block
    case OP.loop:
    case 0x04: // if
    case 0x06: // try (legacy exceptions)
      skipBlockType(reader);
      break;
    case 0x07: // catch (legacy exceptions)
    case 0x08: // throw
    case 0x09: // rethrow
    case 0x0c: // br
    case 0x0d: // br_if
    case OP.call:
    case OP.returnCall:
    case OP.callRef:
    case OP.returnCallRef:
    case 0x18: // delegate (legacy exceptions)
    case 0x20: // local.get
    case 0x21: // local.set
    case 0x22: // local.tee
    case 0x23: // global.get
    case 0x24: // global.set
    case 0x25: // table.get
    case OP.tableSet:
    case OP.memorySize:
    case OP.memoryGrow:
    case 0x41: // i32.const
    case 0x42: // i64.const
    case 0xd0: // ref.null
    case 0xd2: // ref.func
    case 0xd5: // br_on_null
    case 0xd6: // br_on_non_null
      reader.skipLeb();
      break;
    case 0x19: // catch_all (legacy exceptions)
      break;
    case OP.callIndirect:
    case OP.returnCallIndirect:
      reader.skipLeb();
      reader.skipLeb();
      break;
    case 0x0e: { // br_table
      const count = reader.u32();
      for (let i = 0; i <= count; i++) reader.skipLeb();
      break;
    }
    case 0x1c: { // select with types
      const count = reader.u32();
      for (let i = 0; i < count; i++) skipValueType(reader);
      break;
    }
    case 0x1f: // try_table
      skipTryTable(reader);
      break;
    case 0x43: // f32.const
      reader.skip(4);
      break;
    case 0x44: // f64.const
      reader.skip(8);
      break;
    case 0xfb:
      return readGarbageCollection(reader);
    case 0xfc:
      return readMiscellaneous(reader);
    case 0xfd:
      return readSimd(reader);
    case 0xfe:
      return readAtomic(reader);
    default:
      throw unknownOpcode(opcode);
  }
  return opcode;
}

function unknownOpcode(opcode: number): RangeError {
  return new RangeError(`Unknown Wasm opcode 0x${opcode.toString(16)}`);
}

function skipMemoryArgument(reader: WasmReader): void {
  const alignment = reader.u32();
  if (alignment & 0x40) reader.skipLeb(); // memory index
  reader.skipLeb();
}

/** Skips a value type: one byte, or `ref`/`ref null` and a heap type. */
export function skipValueType(reader: WasmReader): void {
  const type = reader.byte();
  if (type === 0x63 || type === 0x64) reader.skipLeb();
}

function skipBlockType(reader: WasmReader): void {
  const first = reader.bytes[reader.position];
  if (first === 0x63 || first === 0x64) skipValueType(reader);
  else reader.skipLeb();
}

function skipTryTable(reader: WasmReader): void {
  skipBlockType(reader);
  const count = reader.u32();
  for (let i = 0; i < count; i++) {
    const kind = reader.byte();
    if (kind <= 0x01) reader.skipLeb(); // catch and catch_ref name a tag
    reader.skipLeb();
  }
}

function readMiscellaneous(reader: WasmReader): number {
  const opcode = reader.u32();
  // Immediates by sub-opcode: 0-7 saturating conversions, then bulk memory and tables.
  const immediates = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1][opcode];
  if (immediates === undefined) throw unknownOpcode(0xfc0000 | opcode);
  for (let i = 0; i < immediates; i++) reader.skipLeb();
  return 0xfc0000 | opcode;
}

function readSimd(reader: WasmReader): number {
  const opcode = reader.u32();
  if (opcode <= 0x0b || opcode === 0x5c || opcode === 0x5d) skipMemoryArgument(reader);
  else if (opcode === 0x0c || opcode === 0x0d) reader.skip(16); // v128.const, i8x16.shuffle
  else if (opcode >= 0x15 && opcode <= 0x22) reader.skip(1); // lane
  else if (opcode >= 0x54 && opcode <= 0x5b) {
    skipMemoryArgument(reader);
    reader.skip(1);
  } else if (opcode > 0x113) throw unknownOpcode(0xfd0000 | opcode);
  return 0xfd0000 | opcode;
}

function readAtomic(reader: WasmReader): number {
  const opcode = reader.u32();
  if (opcode === 0x03) reader.skip(1); // atomic.fence
  else if (opcode <= 0x02 || (opcode >= 0x10 && opcode <= 0x4e)) skipMemoryArgument(reader);
  else throw unknownOpcode(0xfe0000 | opcode);
  return 0xfe0000 | opcode;
}

function readGarbageCollection(reader: WasmReader): number {
  const opcode = reader.u32();
  if (opcode === 24 || opcode === 25) { // br_on_cast, br_on_cast_fail
    reader.skip(1);
    for (let i = 0; i < 3; i++) reader.skipLeb();
    return 0xfb0000 | opcode;
  }
  // 0-5 struct, 6-19 array, 20-23 test and cast, 26-30 conversions and i31.
  const immediates = [
    ...[1, 1, 2, 2, 2, 2],
    ...[1, 1, 2, 2, 2, 1, 1, 1, 1, 0, 1, 2, 2, 2],
    ...[1, 1, 1, 1],
    ...[-1, -1],
    ...[0, 0, 0, 0, 0],
  ][opcode];
  if (immediates === undefined || immediates < 0) throw unknownOpcode(0xfb0000 | opcode);
  for (let i = 0; i < immediates; i++) reader.skipLeb();
  return 0xfb0000 | opcode;
}
