/**
 * The canonical ABI, as wit-bindgen 0.2 had it: how values of interface types lie in memory and how
 * they are passed. Values are in the form that the host's interfaces have: variants as
 * `{ tag, val }`, enums as strings, options as a value or undefined, integers of 64 bits as bigint.
 *
 * @module
 */

import type { GuestMemory } from "./guest_memory.ts";

/** A type of fixed size without parts. */
export type ScalarType =
  | "bool"
  | "u8"
  | "s8"
  | "u16"
  | "s16"
  | "u32"
  | "s32"
  | "u64"
  | "s64"
  | "f32"
  | "f64";

/** An interface type. */
export type AbiType =
  | ScalarType
  | "string"
  /** `list<u8>`, a `Uint8Array`. */
  | "bytes"
  | { readonly kind: "list"; readonly of: AbiType }
  | { readonly kind: "record"; readonly fields: readonly (readonly [string, AbiType])[] }
  | { readonly kind: "tuple"; readonly of: readonly AbiType[] }
  | { readonly kind: "enum"; readonly cases: readonly string[] }
  | { readonly kind: "variant"; readonly cases: readonly Case[] }
  | { readonly kind: "option"; readonly of: AbiType };

/** A case of a variant, and its payload. */
export type Case = readonly [name: string, payload?: AbiType];

/** A type of core WebAssembly. */
export type CoreType = "i32" | "i64" | "f32" | "f64";

/** A core value; i64 as bigint. */
export type CoreValue = number | bigint;

const SCALAR_SIZES: Readonly<Record<ScalarType, number>> = {
  bool: 1,
  u8: 1,
  s8: 1,
  u16: 2,
  s16: 2,
  u32: 4,
  s32: 4,
  u64: 8,
  s64: 8,
  f32: 4,
  f64: 8,
};

/** Bytes that a value takes in memory, and the multiple that its address has to be of. */
export interface Layout {
  readonly size: number;
  readonly align: number;
}

/** The layout of a type. */
export function layoutOf(type: AbiType): Layout {
  if (type === "string" || type === "bytes") return { size: 8, align: 4 };
  if (typeof type === "string") return { size: SCALAR_SIZES[type], align: SCALAR_SIZES[type] };
  switch (type.kind) {
    case "list":
      return { size: 8, align: 4 };
    case "enum":
      return variantLayout(type.cases.length, []);
    case "option":
      return variantLayout(2, [type.of]);
    case "variant":
      return variantLayout(type.cases.length, payloads(type.cases));
    default: {
      const fields = partsOf(type);
      const align = Math.max(1, ...fields.map((field) => layoutOf(field).align));
      let size = 0;
      for (const field of fields) {
        size = alignUp(size, layoutOf(field).align) + layoutOf(field).size;
      }
      return { size: alignUp(size, align), align };
    }
  }
}

function alignUp(offset: number, align: number): number {
  return Math.ceil(offset / align) * align;
}

type Composite = Extract<AbiType, { readonly kind: "record" | "tuple" }>;

function partsOf(type: Composite): readonly AbiType[] {
  return type.kind === "record" ? type.fields.map(([, field]) => field) : type.of;
}

function payloads(cases: readonly Case[]): AbiType[] {
  return cases.flatMap(([, payload]) => payload === undefined ? [] : [payload]);
}

function variantLayout(caseCount: number, types: readonly AbiType[]): Layout {
  const tag = tagSize(caseCount);
  const layouts = types.map(layoutOf);
  const align = Math.max(tag, ...layouts.map((layout) => layout.align));
  const size = payloadOffset(caseCount, types) + Math.max(0, ...layouts.map(({ size }) => size));
  return { size: alignUp(size, align), align };
}

function tagSize(caseCount: number): 1 | 2 {
  return caseCount <= 256 ? 1 : 2;
}

function payloadOffset(caseCount: number, types: readonly AbiType[]): number {
  return alignUp(tagSize(caseCount), Math.max(1, ...types.map((type) => layoutOf(type).align)));
}

/**
 * The core values in which a parameter of this type is passed. Variants with different payloads are
 * in memory in all interfaces there are.
 */
export function flatten(type: AbiType): CoreType[] {
  if (type === "string" || type === "bytes") return ["i32", "i32"];
  if (typeof type === "string") {
    if (type === "f32" || type === "f64") return [type];
    return [type === "u64" || type === "s64" ? "i64" : "i32"];
  }
  switch (type.kind) {
    case "list":
      return ["i32", "i32"];
    case "enum":
      return ["i32"];
    case "option":
      return ["i32", ...flatten(type.of)];
    case "variant":
      throw new TypeError("A variant is not passed as a parameter");
    default:
      return partsOf(type).flatMap(flatten);
  }
}

/** Takes a parameter from the core values that pass it. Bytes are a view of the memory. */
export function liftFlat(
  type: AbiType,
  { values, memory }: { values: Iterator<CoreValue>; memory: GuestMemory },
): unknown {
  function next(): CoreValue {
    return values.next().value as CoreValue;
  }
  if (typeof type === "string") {
    if (type !== "string" && type !== "bytes") return fromCore(type, next());
    const pointer = Number(next());
    const length = Number(next());
    return type === "string" ? memory.text(pointer, length) : memory.slice(pointer, length);
  }
  switch (type.kind) {
    case "list": {
      const pointer = Number(next());
      return loadList(memory, { pointer, length: Number(next()), of: type.of });
    }
    case "enum":
      return caseAt(type.cases, Number(next()));
    case "option": {
      const isSome = caseAt([false, true], Number(next()));
      // The payload is passed in any case.
      if (!isSome) return void flatten(type.of).forEach(() => next());
      return liftFlat(type.of, { values, memory });
    }
    case "variant":
      throw new TypeError("A variant is not passed as a parameter");
    case "record":
      return Object.fromEntries(
        type.fields.map(([name, field]) => [name, liftFlat(field, { values, memory })]),
      );
    case "tuple":
      return type.of.map((part) => liftFlat(part, { values, memory }));
  }
}

function caseAt<T>(cases: readonly T[], index: number): T {
  if (index >= 0 && index < cases.length) return cases[index]!;
  throw new RangeError(`The guest passed case ${index} of ${cases.length}`);
}

function fromCore(type: ScalarType, value: CoreValue): unknown {
  switch (type) {
    case "bool":
      return Number(value) !== 0;
    case "u8":
      return Number(value) & 0xff;
    case "s8":
      return Number(value) << 24 >> 24;
    case "u16":
      return Number(value) & 0xffff;
    case "s16":
      return Number(value) << 16 >> 16;
    case "u32":
      return Number(value) >>> 0;
    case "u64":
      return BigInt.asUintN(64, BigInt(value));
    default:
      return value;
  }
}

/** Reads a value from memory. Bytes are a view of it. */
export function load(memory: GuestMemory, type: AbiType, pointer: number): unknown {
  if (type === "string") return memory.text(memory.u32(pointer), memory.u32(pointer + 4));
  if (type === "bytes") return memory.slice(memory.u32(pointer), memory.u32(pointer + 4));
  if (typeof type === "string") return loadScalar(memory.view, type, pointer);
  switch (type.kind) {
    case "list":
      return loadList(memory, {
        pointer: memory.u32(pointer),
        length: memory.u32(pointer + 4),
        of: type.of,
      });
    case "enum":
      return caseAt(type.cases, loadTag(memory, type.cases.length, pointer));
    case "option": {
      const isSome = caseAt([false, true], loadTag(memory, 2, pointer));
      return isSome ? load(memory, type.of, pointer + payloadOffset(2, [type.of])) : undefined;
    }
    case "variant": {
      const [tag, payload] = caseAt(type.cases, loadTag(memory, type.cases.length, pointer));
      if (payload === undefined) return { tag };
      const offset = payloadOffset(type.cases.length, payloads(type.cases));
      return { tag, val: load(memory, payload, pointer + offset) };
    }
    case "record":
      return Object.fromEntries(
        place(type, pointer).map(([field, at], index) => [
          type.fields[index]![0],
          load(memory, field, at),
        ]),
      );
    case "tuple":
      return place(type, pointer).map(([part, at]) => load(memory, part, at));
  }
}

/** The parts of a record or tuple, and where they are. */
function place(type: Composite, pointer: number): [AbiType, number][] {
  let at = pointer;
  return partsOf(type).map((part) => {
    const { size, align } = layoutOf(part);
    const start = pointer + alignUp(at - pointer, align);
    at = start + size;
    return [part, start];
  });
}

function loadTag(memory: GuestMemory, caseCount: number, pointer: number): number {
  return tagSize(caseCount) === 1
    ? memory.view.getUint8(pointer)
    : memory.view.getUint16(pointer, true);
}

function loadScalar(view: DataView, type: ScalarType, at: number): unknown {
  switch (type) {
    case "bool":
      return view.getUint8(at) !== 0;
    case "u8":
      return view.getUint8(at);
    case "s8":
      return view.getInt8(at);
    case "u16":
      return view.getUint16(at, true);
    case "s16":
      return view.getInt16(at, true);
    case "u32":
      return view.getUint32(at, true);
    case "s32":
      return view.getInt32(at, true);
    case "u64":
      return view.getBigUint64(at, true);
    case "s64":
      return view.getBigInt64(at, true);
    case "f32":
      return view.getFloat32(at, true);
    case "f64":
      return view.getFloat64(at, true);
  }
}

function loadList(
  memory: GuestMemory,
  { pointer, length, of }: { pointer: number; length: number; of: AbiType },
): unknown[] {
  const { size } = layoutOf(of);
  const count = length >>> 0;
  const start = pointer >>> 0;
  // Checked as a whole, before anything is made for its items.
  if (start + count * size > memory.bytes.length) {
    throw new RangeError(`The guest passed a list of ${count}, outside of its memory`);
  }
  return Array.from({ length: count }, (_, index) => load(memory, of, start + index * size));
}

/** Writes a value to memory; what it points to is put where the guest allocates. */
export function store(
  memory: GuestMemory,
  type: AbiType,
  { pointer, value }: { pointer: number; value: unknown },
): void {
  if (type === "string") return storePair(memory, pointer, memory.allocateText(value as string));
  if (type === "bytes") {
    return storePair(memory, pointer, memory.allocateBytes(value as Uint8Array));
  }
  if (typeof type === "string") return storeScalar(memory.view, type, { at: pointer, value });
  switch (type.kind) {
    case "list":
      return storePair(memory, pointer, storeList(memory, type.of, value as ArrayLike<unknown>));
    case "enum":
      return storeTag(memory, pointer, { cases: type.cases, name: value as string });
    case "option":
      memory.view.setUint8(pointer, value === undefined ? 0 : 1);
      if (value === undefined) return;
      return store(memory, type.of, { pointer: pointer + payloadOffset(2, [type.of]), value });
    case "variant": {
      const { tag, val } = value as { tag: string; val?: unknown };
      storeTag(memory, pointer, { cases: type.cases.map(([name]) => name), name: tag });
      const payload = type.cases.find(([name]) => name === tag)![1];
      if (payload === undefined) return;
      const offset = payloadOffset(type.cases.length, payloads(type.cases));
      return store(memory, payload, { pointer: pointer + offset, value: val });
    }
    case "record":
      place(type, pointer).forEach(([field, at], index) =>
        store(memory, field, {
          pointer: at,
          value: (value as Record<string, unknown>)[type.fields[index]![0]],
        })
      );
      return;
    case "tuple":
      place(type, pointer).forEach(([part, at], index) =>
        store(memory, part, { pointer: at, value: (value as unknown[])[index] })
      );
  }
}

/** Writes a list where the guest allocates. @returns pointer and length. */
export function storeList(
  memory: GuestMemory,
  of: AbiType,
  items: ArrayLike<unknown>,
): [number, number] {
  const { size, align } = layoutOf(of);
  const pointer = memory.allocate(items.length * size, align);
  for (let i = 0; i < items.length; i++) {
    store(memory, of, { pointer: pointer + i * size, value: items[i] });
  }
  return [pointer, items.length];
}

function storePair(memory: GuestMemory, pointer: number, [first, second]: [number, number]): void {
  memory.setU32(pointer, first);
  memory.setU32(pointer + 4, second);
}

function storeTag(
  memory: GuestMemory,
  pointer: number,
  { cases, name }: { cases: readonly string[]; name: string },
): void {
  const index = cases.indexOf(name);
  if (index < 0) throw new TypeError(`The host has no case "${name}" in ${cases.join(", ")}`);
  if (tagSize(cases.length) === 1) memory.view.setUint8(pointer, index);
  else memory.view.setUint16(pointer, index, true);
}

function storeScalar(
  view: DataView,
  type: ScalarType,
  { at, value }: { at: number; value: unknown },
): void {
  switch (type) {
    case "bool":
      return view.setUint8(at, value ? 1 : 0);
    case "u8":
    case "s8":
      return view.setUint8(at, value as number);
    case "u16":
    case "s16":
      return view.setUint16(at, value as number, true);
    case "u32":
    case "s32":
      return view.setUint32(at, value as number, true);
    case "u64":
    case "s64":
      return view.setBigUint64(at, value as bigint, true);
    case "f32":
      return view.setFloat32(at, value as number, true);
    case "f64":
      return view.setFloat64(at, value as number, true);
  }
}
