/**
 * What a core module that runs without a component around it imports and exports, in the words of a
 * component's manifest.
 *
 * @module
 */

import type { ArtifactManifest } from "../artifact.ts";
import { KIND, readModule } from "../wasm/module_info.ts";
import { COMMAND_RUN, INBOUND_HTTP, INBOUND_REDIS } from "./instantiate.ts";
import { hostFunctionName, OLD_INTERFACES } from "./old_interfaces.ts";
import { PREVIEW1, preview1Names } from "./preview1/preview1.ts";
import { WASI_HOST_FUNCTIONS } from "./preview1/wasi_host.ts";

/** The part of a manifest that says how the module is linked. */
export type CoreModuleDescription = Pick<ArtifactManifest, "imports" | "exports" | "functions">;

/** The version of WASI that the functions under preview 1 are of; the host has one for all 0.2.x. */
const WASI_VERSION = "0.2.0";

/**
 * Describes a module. A module of the first ABI may have `_start` as well, which is never called.
 * @param bytes The module as it was built.
 * @throws {RangeError} if it is malformed.
 */
export function describeCoreModule(
  bytes: Uint8Array,
  kind: "command" | "spin-module",
): CoreModuleDescription {
  const module = readModule(bytes);
  const functions: Record<string, string[]> = {};
  const imports: string[] = [];
  for (const [name, items] of Object.entries(WASI_HOST_FUNCTIONS)) {
    imports.push(`${name}@${WASI_VERSION}`);
    functions[name] = [...items];
  }
  const known = new Set(preview1Names());
  for (const { module: from, name } of module.imports) {
    if (from === PREVIEW1 && known.has(name)) continue;
    // What nobody knows is named as the module has it, and refused when it is linked.
    const old = OLD_INTERFACES[from];
    const interfaceName = old?.name ?? from;
    const oldFunction = old?.functions[name];
    if (!functions[interfaceName]) {
      imports.push(interfaceName);
      functions[interfaceName] = [];
    }
    functions[interfaceName].push(oldFunction ? hostFunctionName(name, oldFunction) : name);
  }
  const exported = new Set(
    module.exports.filter(({ kind }) => kind === KIND.function).map(({ name }) => name),
  );
  const exports = kind === "command" ? [COMMAND_RUN] : [
    ...(exported.has("handle-http-request") ? [INBOUND_HTTP] : []),
    ...(exported.has("handle-redis-message") ? [INBOUND_REDIS] : []),
  ];
  return { imports, exports, functions };
}
