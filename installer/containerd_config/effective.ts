/**
 * What containerd makes of a configuration, and whether two of them mean the same.
 *
 * @module
 */

import { isDeepStrictEqual } from "node:util";
import { parse, type TomlTable } from "smol-toml";
import { errorText, TerminalError } from "../../lib/errors.ts";
import { RUNTIME_PLUGINS } from "./file_version.ts";

/** A configuration as data. */
export type ContainerdConfig = TomlTable;

/** Top-level keys that say where a configuration came from, not what it is. */
const SOURCE_KEYS: readonly string[] = ["imports", "version"];

/** Parses a configuration. @throws {TerminalError} if it is no TOML. @param name For the message. */
export function parseConfig(text: string, name: string): ContainerdConfig {
  try {
    return parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw new TerminalError("InvalidConfiguration", `${name} is no TOML: ${errorText(error)}`, {
      cause: error,
    });
  }
}

/**
 * Whether two texts of one file mean the same to containerd. For templates, which only the program
 * that renders them can read: whether they are the same but for comments and empty lines.
 */
export function isSameConfig(before: string, after: string): boolean {
  if (before === after) return true;
  const [old, now] = [before, after].map(parseIfToml);
  if (old !== undefined && now !== undefined) return isDeepStrictEqual(old, now);
  return isDeepStrictEqual(linesThatCount(before), linesThatCount(after));
}

function parseIfToml(text: string): ContainerdConfig | undefined {
  try {
    return parseConfig(text, "It");
  } catch {
    // It is a template.
    return undefined;
  }
}

function linesThatCount(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter((line) => !/^(?:#.*)?$/.test(line));
}

/** The runtimes of an effective configuration, by handler. */
export function runtimesOf(config: ContainerdConfig): Readonly<Record<string, TomlTable>> {
  for (const plugin of RUNTIME_PLUGINS) {
    const runtimes = tableAt(config, ["plugins", plugin, "containerd", "runtimes"]);
    if (runtimes === undefined) continue;
    return Object.fromEntries(
      Object.entries(runtimes).filter((entry): entry is [string, TomlTable] => isTable(entry[1])),
    );
  }
  return {};
}

/** Whether containerd is told to start without CRI, and so without pods. */
export function isCriDisabled(config: ContainerdConfig): boolean {
  const { disabled_plugins: disabled } = config;
  return Array.isArray(disabled) && disabled.some((name) =>
    typeof name === "string" &&
    (name === "cri" || /^io\.containerd\.(?:grpc\.v1\.cri|cri\.v1\.runtime)$/.test(name))
  );
}

/**
 * Paths of the settings in which two effective configurations differ. Where the configurations came
 * from does not count.
 *
 * @param options.except Handlers of runtimes that do not count either.
 */
export function otherDifferences(
  before: ContainerdConfig,
  after: ContainerdConfig,
  { except }: { readonly except: readonly string[] },
): string[] {
  const found: string[] = [];
  function compare([a, b]: readonly [unknown, unknown], path: readonly string[]): void {
    if ((isTable(a) && isTableOrAbsent(b)) || (isTableOrAbsent(a) && isTable(b))) {
      for (const key of new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})])) {
        if (path.length === 0 && SOURCE_KEYS.includes(key)) continue;
        compare([a?.[key], b?.[key]], [...path, key]);
      }
    } else if (!isDeepStrictEqual(a, b) && !isOurs(path)) found.push(formatPath(path));
  }
  function isOurs(path: readonly string[]): boolean {
    const [plugins, plugin = "", containerd, key, name] = path;
    return plugins === "plugins" && RUNTIME_PLUGINS.includes(plugin) &&
      containerd === "containerd" && key === "runtimes" && name !== undefined &&
      except.includes(name);
  }
  compare([before, after], []);
  return found;
}

/** The value of `SystemdCgroup` that containerd's own runtime has; undefined if it has none. */
export function systemdCgroupOf(config: ContainerdConfig): boolean | undefined {
  const { runc } = runtimesOf(config);
  const options = runc && isTable(runc.options) ? runc.options : undefined;
  return typeof options?.SystemdCgroup === "boolean" ? options.SystemdCgroup : undefined;
}

/** Where containerd serves, if the configuration says. */
export function addressOf(config: ContainerdConfig): string | undefined {
  const address = tableAt(config, ["grpc"])?.address ??
    tableAt(config, ["plugins", "io.containerd.server.v1.grpc"])?.address;
  return typeof address === "string" && address !== "" ? address : undefined;
}

function tableAt(config: ContainerdConfig, path: readonly string[]): TomlTable | undefined {
  let table: unknown = config;
  for (const key of path) table = isTable(table) ? table[key] : undefined;
  return isTable(table) ? table : undefined;
}

function isTable(value: unknown): value is TomlTable {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Date);
}

function isTableOrAbsent(value: unknown): value is TomlTable | undefined {
  return value === undefined || isTable(value);
}

function formatPath(path: readonly string[]): string {
  return path.map((word) => /^[\w-]+$/.test(word) ? word : JSON.stringify(word)).join(".");
}
