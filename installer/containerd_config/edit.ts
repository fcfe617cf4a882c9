/**
 * Adds, updates and removes runtimes in the text of a containerd configuration. Every byte that does
 * not belong to these runtimes stays.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";
import { parse } from "smol-toml";
import { errorText, TerminalError } from "../../lib/errors.ts";
import { runtimePlugin, versionOf } from "./file_version.ts";
import {
  checkRuntimeNames,
  checkRuntimeOptions,
  formatInlineRuntime,
  formatRuntimeBlock,
  type RuntimeSetting,
  runtimesPath,
} from "./runtime_block.ts";
import { findRuntimes, originOf, type RuntimeDefinition } from "./runtime_definitions.ts";
import { hasTemplates, scanToml, type Span, type TomlEntry, type TomlItem } from "./toml_items.ts";

/** Stands above the version that a file was given, see {@link EditOptions.bareVersion}. */
const VERSION_MARKER = "# RCM configuration version";

/** What to change. */
export interface RuntimeEdit {
  /** Runtimes to have, in the order in which missing ones are added. */
  readonly set: readonly RuntimeSetting[];
  /** Runtimes to remove, if they are ours. */
  readonly remove: readonly string[];
}

/** What the editor has to know beside the text. */
export interface EditOptions {
  /** Where our shims are: `/opt/rcm/bin`. */
  readonly binDir: string;
  /** The file's version if it does not say: that of the file it is joined with. */
  readonly version?: number | undefined;
  /**
   * The version to give a file that has none and no settings of plugins either. containerd 2 reads
   * no runtimes from files of version 1. Default: it stays without.
   */
  readonly bareVersion?: number | undefined;
}

/** What became of one runtime. */
export interface RuntimeChange {
  readonly name: string;
  /** `foreign`: somebody else's definition has the name; it was left alone. */
  readonly kind: "added" | "updated" | "removed" | "unchanged" | "absent" | "foreign";
  /** The type that stands in the file, if it is somebody else's. */
  readonly runtimeType?: string | undefined;
}

/** The new text and what changed. */
export interface EditResult {
  /** Identical to the old text if nothing changed. */
  readonly text: string;
  readonly changes: readonly RuntimeChange[];
}

/**
 * Edits a configuration.
 *
 * Definitions are found by their keys, in every form that TOML has. What runtime-class-manager or
 * kwasm wrote under the name of a runtime that is set or removed is replaced or removed; what anybody
 * else wrote is left alone and told as `foreign`.
 *
 * @throws {TerminalError} if the text is no TOML, an option is none, or the result would be no TOML.
 */
export function editRuntimes(text: string, edit: RuntimeEdit, options: EditOptions): EditResult {
  checkRuntimeNames(edit.set.map(({ name }) => name));
  for (const { options } of edit.set) checkRuntimeOptions(options);
  const items = scanOrExplain(text);
  const addedVersion = isBare(items) ? options.bareVersion : undefined;
  const plugin = runtimePlugin(versionOf(text, items) ?? addedVersion ?? options.version, items);
  const definitions = findRuntimes(text, items);
  const steps = [
    ...edit.remove.map((name) => planRemoval(name, { definitions, options })),
    ...edit.set.map((setting) => planSetting(setting, { definitions, options, plugin })),
  ];
  const changes = steps.map(({ change }) => change);
  const cut = steps.flatMap(({ cut }) => cut);
  const added = steps.flatMap(({ added }) => added ?? []);
  if (cut.length === 0 && added.length === 0) return { text, changes };
  let result = cutSpans(text, cut);
  const newline = /\r\n/.test(text) && !/(^|[^\r])\n/.test(text) ? "\r\n" : "\n";
  if (added.length > 0 && addedVersion !== undefined) {
    result += `${newline}${VERSION_MARKER}${newline}version = ${addedVersion}`;
  }
  for (const setting of added) result = addRuntime(result, setting, { plugin, newline });
  result = removeUnusedVersion(result, options.binDir);
  checkResult(result, text);
  return { text: result, changes };
}

/** What one runtime needs. */
interface Step {
  readonly change: RuntimeChange;
  readonly cut: readonly Span[];
  readonly added?: RuntimeSetting;
}

function planRemoval(
  name: string,
  { definitions, options }: { definitions: readonly RuntimeDefinition[]; options: EditOptions },
): Step {
  const { ours, foreign } = splitByOwner(definitions, { name, options });
  if (ours.length > 0) {
    return { change: { name, kind: "removed" }, cut: ours.flatMap(({ spans }) => spans) };
  }
  const change: RuntimeChange = foreign
    ? { name, kind: "foreign", runtimeType: foreign.runtimeType }
    : { name, kind: "absent" };
  return { change, cut: [] };
}

function planSetting(
  setting: RuntimeSetting,
  { definitions, options, plugin }: {
    definitions: readonly RuntimeDefinition[];
    options: EditOptions;
    plugin: string;
  },
): Step {
  const { name } = setting;
  const { ours } = splitByOwner(definitions, { name, options });
  const foreign = definitions.find((definition) =>
    definition.name === name && definition.plugin === plugin &&
    originOf(definition, options.binDir) === "foreign"
  );
  if (foreign) {
    return { change: { name, kind: "foreign", runtimeType: foreign.runtimeType }, cut: [] };
  }
  const [only] = ours;
  if (only && ours.length === 1 && only.plugin === plugin && isAsWanted(only, setting)) {
    return { change: { name, kind: "unchanged" }, cut: [] };
  }
  return {
    change: { name, kind: only ? "updated" : "added" },
    cut: ours.flatMap(({ spans }) => spans),
    added: { ...setting, extraLines: ours.flatMap(({ extraLines }) => extraLines) },
  };
}

/** Everything a text says about runtimes, in whichever form, under the plugin that counts for it. */
export function listRuntimes(
  text: string,
  options: { readonly version?: number | undefined } = {},
): RuntimeDefinition[] {
  const items = scanOrExplain(text);
  const plugin = runtimePlugin(versionOf(text, items) ?? options.version, items);
  return findRuntimes(text, items).filter((definition) => definition.plugin === plugin);
}

function scanOrExplain(text: string): TomlItem[] {
  try {
    // Templates are TOML only when they are rendered.
    if (!hasTemplates(text)) parse(withoutMark(text));
    return scanToml(text);
  } catch (error) {
    throw new TerminalError(
      "InvalidConfiguration",
      `The configuration is no TOML: ${errorText(error).trim()}`,
      { cause: error },
    );
  }
}

function isToml(text: string): boolean {
  try {
    parse(withoutMark(text));
    return true;
  } catch {
    // It is a template.
    return false;
  }
}

/** Without the byte order mark that some editors write. */
function withoutMark(text: string): string {
  return text.replace(/^\uFEFF/, "");
}

function splitByOwner(
  definitions: readonly RuntimeDefinition[],
  { name, options }: { name: string; options: EditOptions },
): { ours: RuntimeDefinition[]; foreign: RuntimeDefinition | undefined } {
  const named = definitions.filter((definition) => definition.name === name);
  return {
    ours: named.filter((definition) => originOf(definition, options.binDir) !== "foreign"),
    foreign: named.find((definition) => originOf(definition, options.binDir) === "foreign"),
  };
}

function isAsWanted(definition: RuntimeDefinition, setting: RuntimeSetting): boolean {
  const keys = Object.keys(setting.options);
  return definition.runtimeType === setting.runtimeType &&
    Object.keys(definition.options).length === keys.length &&
    keys.every((key) => isSameValue(definition.options[key], setting.options[key]!));
}

function isSameValue(a: string | undefined, b: string): boolean {
  if (a === undefined) return false;
  try {
    return isDeepStrictEqual(parse(`value = ${a}`), parse(`value = ${b}`));
  } catch {
    // With a template in it: it is the same only if it is written the same.
    return a === b;
  }
}

function cutSpans(text: string, spans: readonly Span[]): string {
  const kept: string[] = [];
  let at = 0;
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    if (start > at) kept.push(text.slice(at, start));
    at = Math.max(at, end);
  }
  return kept.join("") + text.slice(at);
}

function addRuntime(
  text: string,
  setting: RuntimeSetting,
  style: { plugin: string; newline: "\n" | "\r\n" },
): string {
  const inline = findInlineParent(scanToml(text), runtimesPath(style.plugin));
  if (inline === undefined) return text + formatRuntimeBlock(setting, style);
  const below = runtimesPath(style.plugin).slice(inline.path.length);
  const entry = formatInlineRuntime(setting, below);
  const last = inline.entries?.at(-1);
  const at = last?.end ?? inline.value.start + 1;
  return text.slice(0, at) + (last ? ", " : "") + entry + text.slice(at);
}

/** The inline table that the runtimes stand in, or have to: such tables cannot be added to outside. */
function findInlineParent(
  items: readonly TomlItem[],
  path: readonly string[],
): TomlEntry | undefined {
  let found: TomlEntry | undefined;
  function visit(entry: TomlEntry): void {
    const leadsThere = entry.path.every((word, index) => word === path[index]);
    if (entry.entries === undefined || entry.path.length > path.length || !leadsThere) return;
    if (found === undefined || entry.path.length > found.path.length) found = entry;
    entry.entries.forEach(visit);
  }
  for (const item of items) if (item.kind === "entry") visit(item.entry);
  return found;
}

/** Whether a file says neither its version nor anything that depends on it. */
function isBare(items: readonly TomlItem[]): boolean {
  return items.every((item) => {
    if (item.kind === "table" || item.kind === "array") return false;
    if (item.kind !== "entry") return item.kind !== "other";
    const [key = ""] = item.entry.path;
    return !["version", "plugins", "imports", "required_plugins"].includes(key);
  });
}

/** Takes back the version that a file was given once nothing of ours is in it. */
function removeUnusedVersion(text: string, binDir: string): string {
  const items = scanToml(text);
  const index = items.findIndex((item) => item.kind === "comment" && item.text === VERSION_MARKER);
  const version = items[index + 1];
  if (index < 0 || version?.kind !== "entry") return text;
  const isUsed = findRuntimes(text, items).some((runtime) => originOf(runtime, binDir) === "rcm");
  if (isUsed) return text;
  // As after options, the line end belongs to what comes next.
  const lineEnd = /\r?\n$/.exec(text.slice(0, version.end))?.[0] ?? "";
  const before = text.slice(0, items[index]!.start).replace(/\r?\n$/, "");
  return before + text.slice(version.end - lineEnd.length);
}

/** Reads what was written. */
function checkResult(result: string, before: string): void {
  try {
    scanToml(result);
    if (isToml(before)) parse(withoutMark(result));
  } catch (error) {
    throw new TerminalError(
      "UnsupportedConfiguration",
      "The runtimes cannot be added to the configuration in the form it has: " +
        `${errorText(error).trim()}. Write the runtimes as tables of their own ` +
        '([plugins."…".containerd.runtimes.NAME]) and try again.',
      { cause: error },
    );
  }
}
