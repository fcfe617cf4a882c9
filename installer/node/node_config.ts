/**
 * The configuration files of a node's containerd: all that count, and the one to edit.
 *
 * @module
 */

import { dirname, join } from "node:path/posix";
import { errorText } from "../../lib/errors.ts";
import { parseConfig } from "../containerd_config/effective.ts";
import { readFileVersion } from "../containerd_config/file_version.ts";
import {
  type ConfigFile,
  fileToEdit,
  importPatterns,
  isImported,
} from "../containerd_config/imports.ts";
import type { Detected, Distribution } from "./distribution.ts";
import type { HostFiles } from "./host_files.ts";
import { NodeError } from "./node_error.ts";

/** The files of a node. */
export interface NodeConfig {
  readonly distribution: Distribution;
  /** What containerd reads: its main file, then what that imports. Empty: it runs on defaults. */
  readonly effective: readonly ConfigFile[];
  /** The file to edit. */
  readonly target: TargetFile;
  /** Other files in which older installers may have left something. */
  readonly others: readonly ConfigFile[];
  /** Whether the target is only rendered into what containerd reads. */
  readonly isRendered: boolean;
}

/** The file to edit. */
export interface TargetFile {
  readonly path: string;
  /** Undefined: there is none yet. */
  readonly text: string | undefined;
  /** What a new file begins with. */
  readonly initial: string;
  /** Version of the file if it says none itself. */
  readonly version: number | undefined;
}

/** First line of K3s' and RKE2's templates that only add to what they would write anyway. */
const BASE_TEMPLATE = '{{ template "base" . }}\n';
/** First line of k0s' configuration as long as k0s keeps it. */
const K0S_MANAGED = "# k0s_managed=true";
/** Imports of imports end somewhere. */
const MAX_FILES = 100;

/**
 * Reads the configuration of a node.
 * @param options.only Files that containerd is known to read, if it said so.
 * @throws {NodeError} if a file is no TOML, or a distribution's own file is missing.
 */
export async function readNodeConfig(
  files: HostFiles,
  detected: Detected,
  { only }: { readonly only?: readonly string[] } = {},
): Promise<NodeConfig> {
  const { distribution, configPath } = detected;
  const effective = (await readEffective(files, configPath))
    .filter(({ path }) => only === undefined || only.includes(path));
  for (const { path, text } of effective) explainIfBroken(path, text);
  const common = { distribution, effective };
  if (distribution.form === "template") {
    const target = await templateOf(files, { configPath, effective });
    return { ...common, target, others: [], isRendered: true };
  }
  if (distribution.form === "drop-ins" && isManagedByK0s(effective[0]?.text)) {
    return { ...common, ...await dropInOf(files, { configPath, effective }), isRendered: true };
  }
  const [main] = effective;
  const { path, text } = main ? fileToEdit(effective) : { path: configPath, text: undefined };
  return {
    ...common,
    target: {
      path,
      text,
      initial: "",
      version: readFileVersion(text ?? "") ?? (main && readFileVersion(main.text)),
    },
    others: effective.filter((file) => file.path !== path),
    isRendered: false,
  };
}

/** The main file and what it imports, in containerd's order: as listed, each pattern sorted. */
async function readEffective(files: HostFiles, mainPath: string): Promise<ConfigFile[]> {
  const found = new Map<string, ConfigFile>();
  const waiting = [mainPath];
  while (waiting.length > 0 && found.size < MAX_FILES) {
    const path = waiting.shift()!;
    if (found.has(path)) continue;
    const text = await files.readText(path);
    if (text === undefined) continue;
    const file = { path, text };
    found.set(path, file);
    for (const pattern of patternsOf(file)) waiting.push(...await expand(files, pattern));
  }
  return [...found.values()];
}

function patternsOf(file: ConfigFile): string[] {
  try {
    return importPatterns(file);
  } catch {
    // It is no TOML; explainIfBroken() tells so with the place.
    return [];
  }
}

async function expand(files: HostFiles, pattern: string): Promise<string[]> {
  if (!/[*?[]/.test(pattern)) return [pattern];
  const directory = dirname(pattern);
  const names = await files.list(directory);
  return names.map((name) => join(directory, name)).filter((path) => isImported(pattern, path));
}

function explainIfBroken(path: string, text: string): void {
  try {
    parseConfig(text, `The configuration "${path}"`);
  } catch (error) {
    throw new NodeError(
      "VerificationFailed",
      `${errorText(error).trim()}. Nothing was changed: repair the file first.`,
      { cause: error },
    );
  }
}

/**
 * The template that K3s or RKE2 renders: for containerd 2 they look for `config-v3.toml.tmpl` first.
 */
async function templateOf(
  files: HostFiles,
  { configPath, effective }: { configPath: string; effective: readonly ConfigFile[] },
): Promise<TargetFile> {
  const [rendered] = effective;
  if (rendered === undefined) {
    throw new NodeError(
      "UnsupportedNode",
      `"${configPath}" does not exist: K3s and RKE2 write it when they start for the first time.`,
    );
  }
  const version = readFileVersion(rendered.text);
  const directory = dirname(configPath);
  const [v3, v2] = ["config-v3.toml.tmpl", "config.toml.tmpl"].map((name) => join(directory, name));
  const path = version !== undefined && version >= 3 ? v3! : v2!;
  const text = await files.readText(path);
  return { path, text, initial: BASE_TEMPLATE, version };
}

function isManagedByK0s(text: string | undefined): boolean {
  return text !== undefined && text.split(/\r?\n/, 1)[0] === K0S_MANAGED;
}

async function dropInOf(
  files: HostFiles,
  { configPath, effective }: { configPath: string; effective: readonly ConfigFile[] },
): Promise<{ target: TargetFile; others: ConfigFile[] }> {
  const directory = join(dirname(configPath), "containerd.d");
  const path = join(directory, "config.toml");
  const version = readFileVersion(effective[0]?.text ?? "") ?? 2;
  const others: ConfigFile[] = [];
  for (const name of await files.list(directory)) {
    const other = join(directory, name);
    const text = name.endsWith(".toml") && other !== path ? await files.readText(other) : undefined;
    if (text !== undefined) others.push({ path: other, text });
  }
  const target = { path, text: await files.readText(path), initial: "", version };
  for (const { path, text } of others) explainIfBroken(path, text);
  if (target.text !== undefined) explainIfBroken(path, target.text);
  return { target, others };
}
