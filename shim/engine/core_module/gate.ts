/**
 * Small Wasm modules between the host and a core module.
 *
 * The gate is what the guest imports functions through that may have to wait. It suspends the guest
 * only if the host has no answer at once: an import that may suspend always does, and that costs
 * more than most answers. The caller calls an export of many parameters through one of two, which is
 * the form that can share a stack with the calls before (see `coroutine.ts`).
 *
 * @module
 */

import type { CoreType } from "./abi.ts";
import { SECTION } from "../wasm/reader.ts";
import { encodeName, encodeU32 } from "../wasm/writer.ts";

/** A function behind the gate. */
export interface GatedFunction {
  readonly params: readonly CoreType[];
  /** Whether it gives the guest an i32. */
  readonly hasResult: boolean;
}

/** What the host's part of a gated function gives for "wait, and ask for the result then". */
export const PENDING = -1;

/** The gate imports functions from here by their names; each gives an i32 or {@link PENDING}. */
export const GATE_HOST = "h";
/** The gate imports the function that waits, `() -> i32`, by this name. */
export const GATE_WAIT = { module: "w", name: "w" } as const;

const TYPE_CODES: Readonly<Record<CoreType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
};
const I32 = TYPE_CODES.i32;

const HEADER = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

function section(id: number, items: readonly (readonly number[])[]): number[] {
  const content = [...encodeU32(items.length), ...items.flat()];
  return [id, ...encodeU32(content.length), ...content];
}

function functionType(params: readonly number[], results: readonly number[]): number[] {
  return [0x60, ...encodeU32(params.length), ...params, results.length, ...results];
}

function importedFunction(module: string, name: string, type: number): number[] {
  return [...encodeName(module), ...encodeName(name), 0, ...encodeU32(type)];
}

function body(code: readonly number[]): number[] {
  const content = [...code, 0x0b];
  return [...encodeU32(content.length), ...content];
}

/**
 * The gate for `functions`, which it exports by their names: each asks the host's part, and if that
 * is {@link PENDING}, the function that waits.
 */
export function buildGate(functions: ReadonlyMap<string, GatedFunction>): Uint8Array {
  const types = [functionType([], [I32])];
  const imports = [importedFunction(GATE_WAIT.module, GATE_WAIT.name, 0)];
  const declared: number[][] = [];
  const exports: number[][] = [];
  const bodies: number[][] = [];
  let index = 0;
  for (const [name, { params, hasResult }] of functions) {
    const codes = params.map((type) => TYPE_CODES[type]);
    imports.push(importedFunction(GATE_HOST, name, types.length));
    types.push(functionType(codes, [I32]));
    declared.push(encodeU32(types.length));
    types.push(functionType(codes, hasResult ? [I32] : []));
    exports.push([...encodeName(name), 0, ...encodeU32(1 + functions.size + index)]);
    const answer = encodeU32(params.length);
    bodies.push(body([
      ...[1, 1, I32], // one local: the answer
      ...params.flatMap((_, at) => [0x20, ...encodeU32(at)]),
      ...[0x10, ...encodeU32(1 + index), 0x22, ...answer],
      ...[0x41, 0x7f, 0x46, 0x04, I32, 0x10, 0, 0x05, 0x20, ...answer, 0x0b],
      ...(hasResult ? [] : [0x1a]),
    ]));
    index++;
  }
  return Uint8Array.from([
    ...HEADER,
    ...section(SECTION.type, types),
    ...section(SECTION.import, imports),
    ...section(SECTION.function, declared),
    ...section(SECTION.export, exports),
    ...section(SECTION.code, bodies),
  ]);
}

/** Export of the caller: calls with the parameters in the globals; its own two are not used. */
export const CALLER_CALL = "c";
/** Prefix of the caller's globals for the parameters; their position follows. */
export const CALLER_PARAMETER = "p";
/** The caller's global for the result. */
export const CALLER_RESULT = "r";

/** The caller of a function of `count` i32 parameters that gives an i32; imported as `h` `f`. */
export function buildCaller(count: number): Uint8Array {
  const positions = Array.from({ length: count }, (_, index) => index);
  const global = [I32, 1, 0x41, 0, 0x0b];
  return Uint8Array.from([
    ...HEADER,
    ...section(SECTION.type, [
      functionType(positions.map(() => I32), [I32]),
      functionType([I32, I32], []),
    ]),
    ...section(SECTION.import, [importedFunction(GATE_HOST, "f", 0)]),
    ...section(SECTION.function, [[1]]),
    ...section(SECTION.global, [...positions, count].map(() => global)),
    ...section(SECTION.export, [
      [...encodeName(CALLER_CALL), 0, 1],
      ...positions.map((at) => [...encodeName(CALLER_PARAMETER + at), 3, ...encodeU32(at)]),
      [...encodeName(CALLER_RESULT), 3, ...encodeU32(count)],
    ]),
    ...section(SECTION.code, [
      body([
        0,
        ...positions.flatMap((at) => [0x23, ...encodeU32(at)]),
        ...[0x10, 0, 0x24, ...encodeU32(count)],
      ]),
    ]),
  ]);
}
