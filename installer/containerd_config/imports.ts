/**
 * Files that a containerd configuration imports, and which of all is the one to edit.
 *
 * @module
 */

import { dirname, join } from "node:path/posix";
import picomatch from "picomatch";
import { parse } from "smol-toml";
import { RUNTIME_PLUGINS } from "./file_version.ts";
import { scanToml, type TomlItem } from "./toml_items.ts";

/** A file of a configuration, by its path on the node. */
export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}

/** The patterns that a file imports, as absolute paths. Empty if it has none, or they are no text. */
export function importPatterns({ path, text }: ConfigFile): string[] {
  const value = importsEntry(scanToml(text));
  if (value === undefined) return [];
  const { imports } = parse(`imports = ${text.slice(value.start, value.end)}`);
  if (!Array.isArray(imports)) return [];
  return imports.filter((pattern): pattern is string => typeof pattern === "string")
    .map((pattern) => pattern.startsWith("/") ? pattern : join(dirname(path), pattern));
}

/**
 * The text of a configuration that imports other files instead: what it imported, by absolute path.
 * Undefined if it imports nothing.
 */
export function replaceImports(text: string, paths: readonly string[]): string | undefined {
  const value = importsEntry(scanToml(text));
  if (value === undefined) return undefined;
  return text.slice(0, value.start) + JSON.stringify(paths) + text.slice(value.end);
}

/** Whether a path is one of a pattern as Go's `filepath.Glob` has them. */
export function isImported(pattern: string, path: string): boolean {
  return picomatch.isMatch(path, pattern, { dot: true, noextglob: true, nobrace: true });
}

/**
 * The file to edit: the last one with settings of the CRI plugin, else the main one. containerd 1.x
 * takes all settings of a plugin from the last file that has any; for containerd 2, which joins
 * them, every file is as good.
 *
 * @param files The main file, then what it imports, in containerd's order.
 */
export function fileToEdit(files: readonly ConfigFile[]): ConfigFile {
  const [main, ...imported] = files;
  const last = imported.findLast(({ text }) => scanToml(text).some(isCriSetting));
  return last ?? main!;
}

function importsEntry(items: readonly TomlItem[]): { start: number; end: number } | undefined {
  for (const item of items) {
    if (item.kind === "table" || item.kind === "array") return undefined;
    if (item.kind === "entry" && item.entry.path.join(".") === "imports") return item.entry.value;
  }
  return undefined;
}

function isCriSetting(item: TomlItem): boolean {
  if (item.kind === "table" || item.kind === "array") return isCriPath(item.path);
  if (item.kind !== "entry") return false;
  const { path, entries } = item.entry;
  return isCriPath(path) || (path.join(".") === "plugins" &&
    (entries ?? []).some((entry) => isCriPath(entry.path)));
}

function isCriPath(path: readonly string[]): boolean {
  return path[0] === "plugins" && path[1] !== undefined && RUNTIME_PLUGINS.includes(path[1]);
}
