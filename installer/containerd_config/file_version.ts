/**
 * The version of a containerd configuration, and where it has its runtimes.
 *
 * @module
 */

import { scanToml, type TomlItem } from "./toml_items.ts";

/** The plugin under which a file of version 3 and later has runtimes. */
const RUNTIME_PLUGIN = "io.containerd.cri.v1.runtime";
/** That of version 2. */
const CRI_PLUGIN = "io.containerd.grpc.v1.cri";
/** That of version 1. */
const CRI_PLUGIN_V1 = "cri";

/** Every plugin under which runtimes may stand. */
export const RUNTIME_PLUGINS: readonly string[] = [RUNTIME_PLUGIN, CRI_PLUGIN, CRI_PLUGIN_V1];

/** The `version` of a file; undefined if it has none, which containerd takes for 1. */
export function readFileVersion(text: string): number | undefined {
  return versionOf(text, scanToml(text));
}

/** As {@link readFileVersion}, of lines that were read already. */
export function versionOf(text: string, items: readonly TomlItem[]): number | undefined {
  for (const item of items) {
    // What follows a table belongs to it.
    if (item.kind === "table" || item.kind === "array") return undefined;
    if (item.kind !== "entry" || item.entry.path.join(".") !== "version") continue;
    const number = Number(text.slice(item.entry.value.start, item.entry.value.end));
    return Number.isInteger(number) ? number : undefined;
  }
  return undefined;
}

/**
 * The plugin that a file of a version has its runtimes under.
 *
 * A file without a version is one of version 1, where plugins have short names; but if it names
 * plugins by their long names, whoever wrote it meant version 2, and runtime-class-manager wrote
 * into it as if it were.
 *
 * @param version See {@link readFileVersion}.
 * @param items The file's lines.
 */
export function runtimePlugin(version: number | undefined, items: readonly TomlItem[]): string {
  if (version !== undefined && version >= 3) return RUNTIME_PLUGIN;
  if (version === 2) return CRI_PLUGIN;
  return items.some(namesLongPlugin) ? CRI_PLUGIN : CRI_PLUGIN_V1;
}

function namesLongPlugin(item: TomlItem): boolean {
  const path = item.kind === "table" || item.kind === "array"
    ? item.path
    : item.kind === "entry"
    ? item.entry.path
    : [];
  return path[0] === "plugins" && path[1] !== undefined && path[1].startsWith("io.containerd.");
}
