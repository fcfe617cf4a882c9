/**
 * Which runtimes a containerd configuration defines, in whichever way, and who wrote them.
 *
 * @module
 */

import { parse } from "smol-toml";
import { RUNTIME_PLUGINS } from "./file_version.ts";
import { blockMarker, runtimesPath } from "./runtime_block.ts";
import type { Span, TomlEntry, TomlItem } from "./toml_items.ts";

/** Everything a file says about one runtime. */
export interface RuntimeDefinition {
  readonly name: string;
  /** The plugin it stands under; containerd reads one, depending on the file's version. */
  readonly plugin: string;
  /** Whether the comment of runtime-class-manager stands above one of its tables. */
  readonly isMarked: boolean;
  /** Undefined: the file does not say, or not as text. */
  readonly runtimeType: string | undefined;
  /** Option → its value as written. */
  readonly options: Readonly<Record<string, string>>;
  /** Lines of other settings, as written. */
  readonly extraLines: readonly string[];
  /** Removing these removes the definition. */
  readonly spans: readonly Span[];
}

/** Who wrote a definition. */
export type RuntimeOrigin = "rcm" | "kwasm" | "foreign";

/** Where kwasm's node installers put shims. */
export const KWASM_DIRECTORIES: readonly string[] = [
  "/opt/kwasm/bin",
  "/var/snap/microk8s/common/kwasm/bin",
];

/** Who wrote a definition. @param binDir Where we put shims: `/opt/rcm/bin`. */
export function originOf(definition: RuntimeDefinition, binDir: string): RuntimeOrigin {
  const { runtimeType = "", isMarked } = definition;
  if (isMarked || runtimeType.startsWith(`${binDir}/containerd-shim-`)) return "rcm";
  return KWASM_DIRECTORIES.some((directory) => runtimeType.startsWith(`${directory}/`))
    ? "kwasm"
    : "foreign";
}

/** A table of a runtime with the keys that follow it. */
interface Section {
  readonly name: string;
  readonly plugin: string;
  /** Keys below the runtime: `["options"]`. */
  readonly below: readonly string[];
  readonly first: number;
  /** Index of the last item that belongs to it, without the comments that may belong to the next. */
  readonly last: number;
}

/** Every runtime that a file defines, under any plugin. */
export function findRuntimes(text: string, items: readonly TomlItem[]): RuntimeDefinition[] {
  const sections = findSections(items);
  const loose = findLooseEntries(items);
  const keys = new Map<string, { name: string; plugin: string }>();
  for (const { name, plugin } of [...sections, ...loose]) {
    keys.set(JSON.stringify([plugin, name]), { name, plugin });
  }
  return [...keys.values()].map((key) => {
    const own = sections.filter((section) => isSame(section, key));
    const entries = [
      ...own.flatMap((section) => sectionEntries(items, section)),
      ...loose.filter((entry) => isSame(entry, key)).flatMap(({ entry }) => leaves(entry)),
    ];
    const depth = runtimesPath(key.plugin).length + 1;
    const blocks = mergeSections(items, own);
    return {
      ...key,
      isMarked: blocks.some(({ first }) => isMarker(items[first - 1], key.name)),
      runtimeType: readText(text, entries.find((entry) => isAt(entry, [depth, "runtime_type"]))),
      options: Object.fromEntries(
        entries.filter(({ path }) => path[depth] === "options" && path.length > depth + 1)
          .map(({ path, value }) => [path.slice(depth + 1).join("."), slice(text, value)]),
      ),
      extraLines: entries.filter(({ path }) =>
        path.length === depth + 1 && path[depth] !== "runtime_type" && path[depth] !== "options"
      ).map((entry) => slice(text, entry)),
      spans: [
        ...blocks.map((block) => blockSpan(text, { items, block, name: key.name })),
        ...loose.filter((entry) => isSame(entry, key)).map(({ span }) => span),
      ],
    };
  });
}

function isSame(
  a: { name: string; plugin: string },
  b: { name: string; plugin: string },
): boolean {
  return a.name === b.name && a.plugin === b.plugin;
}

function isAt({ path }: TomlEntry, [depth, key]: readonly [number, string]): boolean {
  return path.length === depth + 1 && path[depth] === key;
}

function slice(text: string, { start, end }: Span): string {
  return text.slice(start, end);
}

/** The plugin and name if a path leads to a runtime or below it. */
function runtimeAt(
  path: readonly string[],
): { name: string; plugin: string; below: string[] } | undefined {
  const [plugins, plugin = "", containerd, runtimes, name, ...below] = path;
  if (plugins !== "plugins" || containerd !== "containerd" || runtimes !== "runtimes") return;
  return name !== undefined && RUNTIME_PLUGINS.includes(plugin)
    ? { name, plugin, below }
    : undefined;
}

function findSections(items: readonly TomlItem[]): Section[] {
  return items.flatMap((item, first) => {
    if (item.kind !== "table") return [];
    const runtime = runtimeAt(item.path);
    if (runtime === undefined) return [];
    let last = first;
    for (let index = first + 1; index < items.length; index++) {
      const { kind } = items[index]!;
      if (kind === "table" || kind === "array" || kind === "other") break;
      if (kind === "entry") last = index;
    }
    return [{ ...runtime, first, last }];
  });
}

function sectionEntries(items: readonly TomlItem[], { first, last }: Section): TomlEntry[] {
  return items.slice(first + 1, last + 1).flatMap((item) =>
    item.kind === "entry" ? leaves(item.entry) : []
  );
}

/** The entries that are no inline tables, however deep. */
function leaves(entry: TomlEntry): TomlEntry[] {
  return entry.entries === undefined ? [entry] : entry.entries.flatMap(leaves);
}

interface LooseEntry {
  readonly name: string;
  readonly plugin: string;
  readonly entry: TomlEntry;
  readonly span: Span;
}

/** Entries of runtimes outside tables of theirs: with dots in the key, or in inline tables. */
function findLooseEntries(items: readonly TomlItem[]): LooseEntry[] {
  const found: LooseEntry[] = [];
  let isInSection = false;
  for (const item of items) {
    if (item.kind === "table") isInSection = runtimeAt(item.path) !== undefined;
    if (item.kind === "array") isInSection = false;
    if (item.kind !== "entry" || isInSection) continue;
    collect(item.entry, item);
  }
  return found;

  function collect(entry: TomlEntry, span: Span): void {
    const runtime = runtimeAt(entry.path);
    if (runtime) found.push({ ...runtime, entry, span });
    else {
      for (const [index, inner] of (entry.entries ?? []).entries()) {
        collect(inner, inlineSpan(entry.entries!, index));
      }
    }
  }
}

/** What to cut of an inline table, so that what is left has its commas right. */
function inlineSpan(siblings: readonly TomlEntry[], index: number): Span {
  const entry = siblings[index]!;
  const previous = siblings[index - 1];
  const next = siblings[index + 1];
  if (previous) return { start: previous.end, end: entry.end };
  return { start: entry.start, end: next?.start ?? entry.end };
}

/** Tables of a runtime that follow each other, as one: from the first item to the last. */
interface Block {
  readonly first: number;
  readonly last: number;
  readonly hasOptions: boolean;
}

function mergeSections(items: readonly TomlItem[], sections: readonly Section[]): Block[] {
  const blocks: Block[] = [];
  for (const { first, last, below } of sections) {
    const previous = blocks.at(-1);
    const hasOptions = below[0] === "options" && last > first;
    const isNext = previous &&
      items.slice(previous.last + 1, first).every(({ kind }) => kind === "blank");
    if (isNext) blocks[blocks.length - 1] = { first: previous.first, last, hasOptions };
    else blocks.push({ first, last, hasOptions });
  }
  return blocks;
}

function isMarker(item: TomlItem | undefined, name: string): boolean {
  return item?.kind === "comment" && item.text === blockMarker(name);
}

function blockSpan(
  text: string,
  { items, block, name }: { items: readonly TomlItem[]; block: Block; name: string },
): Span {
  const marker = items[block.first - 1];
  let { end } = items[block.last]!;
  if (!isMarker(marker, name)) {
    // Whoever wrote it set it apart by an empty line; one is left if others follow.
    const { start } = items[block.first]!;
    const after = items[block.last + 1];
    const isApart = marker?.kind === "blank" && (after === undefined || after.kind === "blank");
    return { start: isApart ? marker.start : start, end };
  }
  const start = marker!.start;
  // See formatRuntimeBlock(): the end of the last option's line belongs to what follows.
  if (block.hasOptions) end -= lineEndLength(text, end);
  const lead = lineEndLength(text, start);
  const before = start - lead;
  const wouldJoin = end < text.length && !/^\r?\n/.test(text.slice(end, end + 2)) &&
    before > 0 && text[before - 1] !== "\n";
  return { start: wouldJoin ? start : before, end };
}

/** Length of the line end before a place. */
function lineEndLength(text: string, at: number): number {
  if (text[at - 1] !== "\n") return 0;
  return text[at - 2] === "\r" ? 2 : 1;
}

function readText(text: string, entry: TomlEntry | undefined): string | undefined {
  if (entry === undefined) return undefined;
  try {
    const value = parse(`value = ${slice(text, entry.value)}`).value;
    return typeof value === "string" ? value : undefined;
  } catch {
    // Go templates in it: nobody but the template's program knows the value.
    return undefined;
  }
}
