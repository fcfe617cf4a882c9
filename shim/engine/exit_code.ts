/**
 * Exit codes of commands that become components. The adapter of preview 1 knows success and failure
 * only, so such a command is made to tell its code to the host, past the adapter.
 *
 * @module
 */

import { findSection, readModule } from "./wasm/module_info.ts";
import { SECTION } from "./wasm/reader.ts";
import { encodeName, WasmWriter } from "./wasm/writer.ts";

/** The interface of this host that takes the code. */
export const EXIT_INTERFACE = "spinkube:engine/exit@1.0.0";

/** The import of preview 1, and the one in its place; both are `(func (param i32))`. */
const ORIGINAL = [...encodeName("wasi_snapshot_preview1"), ...encodeName("proc_exit")];
const REPLACED = [...encodeName(EXIT_INTERFACE), ...encodeName("exit-with-code")];

const WIT = `package spinkube:engine@1.0.0;
interface exit { exit-with-code: func(code: u32); }
world exact-exit { import exit; }`;

/**
 * The module with `proc_exit` taken from {@link EXIT_INTERFACE}, and with the metadata for it.
 * @param module A core module with component metadata, to be made a component.
 */
export async function withExactExit(module: Uint8Array): Promise<Uint8Array> {
  const section = findSection(readModule(module).sections, SECTION.import);
  if (!section) return module;
  const imports = module.subarray(section.content, section.end);
  const at = indexOf(imports, ORIGINAL);
  if (at < 0) return module;
  const writer = new WasmWriter(module.length + REPLACED.length);
  writer.copy(module, 0, section.start);
  writer.push([SECTION.import]);
  writer.u32(imports.length - ORIGINAL.length + REPLACED.length);
  writer.push(imports.subarray(0, at));
  writer.push(REPLACED);
  writer.push(imports.subarray(at + ORIGINAL.length));
  writer.copy(module, section.end, module.length);
  const binary = writer.view();
  const { componentEmbed } = await import("@bytecodealliance/jco");
  return await componentEmbed({ binary, witSource: WIT, worldName: "exact-exit" });
}

function indexOf(bytes: Uint8Array, wanted: readonly number[]): number {
  for (let at = 0; at + wanted.length <= bytes.length; at++) {
    if (wanted.every((byte, index) => bytes[at + index] === byte)) return at;
  }
  return -1;
}
