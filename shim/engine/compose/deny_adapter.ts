/**
 * The component that Spin puts before a dependency which does not inherit everything: it has the
 * host's interfaces, and refuses whatever they are asked. See spin:crates/capabilities/deny-adapter.
 *
 * @module
 */

/**
 * Interfaces, one of each set of permissions, that this component exports in all of its versions.
 * Together nothing else has them: what stands in for files or the network does not run models.
 */
const REFUSED: readonly string[] = [
  "fermyon:spin/llm",
  "fermyon:spin/key-value",
  "fermyon:spin/sqlite",
  "fermyon:spin/variables",
  "wasi:cli/environment",
  "wasi:filesystem/preopens",
  "wasi:http/outgoing-handler",
];

/** Whether a component that exports these is the one which refuses everything. */
export function isDenyAdapter(exports: readonly string[]): boolean {
  const names = new Set(exports.map((name) => name.split("@", 1)[0]!));
  return REFUSED.every((name) => names.has(name));
}
