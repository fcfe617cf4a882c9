/**
 * Who a Wasm file of an app belongs to, and whether it is one. Messages begin as Spin's do.
 *
 * @module
 */

import { TerminalError } from "../../../lib/errors.ts";

/** The first bytes of every Wasm file. */
const WASM_MAGIC: readonly number[] = [0x00, 0x61, 0x73, 0x6d];

/** Bytes that {@link checkWasmStart} looks at. */
export const WASM_START_BYTES = WASM_MAGIC.length;

/** For messages: `Component hello`. */
export function wasmOwner(component: string): string {
  return `Component ${component}`;
}

/** For messages: `Component hello dependency ns:pkg`. */
export function dependencyOwner(component: string, dependency: string): string {
  return `${wasmOwner(component)} dependency ${dependency}`;
}

/** @throws {TerminalError} if `bytes`, the start of the file, is not that of Wasm. */
export function checkWasmStart(
  bytes: Uint8Array,
  { path, owner }: { readonly path: string; readonly owner: string },
): void {
  if (WASM_MAGIC.every((byte, index) => bytes[index] === byte)) return;
  throw new TerminalError("InvalidWasm", `${owner} source is not a valid .wasm file: "${path}"`);
}
