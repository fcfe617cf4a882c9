/**
 * Makes components of core modules.
 *
 * @module
 */

/**
 * A component of a core module with component metadata.
 * @param adapter The adapter for what it imports from WASI preview 1.
 * @throws {Error} by rejection, with what the tools say.
 */
export async function newComponent(
  module: Uint8Array,
  adapter: Uint8Array,
): Promise<Uint8Array> {
  const { componentNew } = await import("@bytecodealliance/jco");
  try {
    return await componentNew(module, [["wasi_snapshot_preview1", adapter]]);
  } catch {
    // These tools know WASI 0.2 only. What is wrong with any other module, the newer ones say too.
  }
  const tools = await import("@bytecodealliance/jco-transpile/wasm-tools");
  return await tools.componentNew(module, [["wasi_snapshot_preview1", adapter]]);
}
