/**
 * Makes components of core modules, and looks into components.
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

/**
 * The interfaces of a component, as WIT. All of it is validated on the way.
 * @throws {Error} by rejection, with what the tools say.
 */
export async function describeComponent(component: Uint8Array): Promise<string> {
  const { componentWit } = await import("@bytecodealliance/jco");
  try {
    return await componentWit(component);
  } catch {
    // As above.
  }
  const tools = await import("@bytecodealliance/jco-transpile/wasm-tools");
  return await tools.componentWit(component);
}
