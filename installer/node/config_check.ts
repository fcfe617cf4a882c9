/**
 * Asks the node's containerd what it would make of a configuration, before it has to live with it.
 *
 * @module
 */

import { basename, dirname, join } from "node:path/posix";
import { errorText } from "../../lib/errors.ts";
import {
  type ContainerdConfig,
  isCriDisabled,
  otherDifferences,
  parseConfig,
  runtimesOf,
} from "../containerd_config/effective.ts";
import { replaceImports } from "../containerd_config/imports.ts";
import type { RuntimeSetting } from "../containerd_config/runtime_block.ts";
import type { FileChange } from "./config_plan.ts";
import type { Distribution } from "./distribution.ts";
import type { InstallLog, NodeHost } from "./host.ts";
import type { NodeConfig } from "./node_config.ts";
import { explainFailure, NodeError } from "./node_error.ts";
import { findProcesses, readProgram } from "./processes.ts";

/** A containerd that can be asked. */
export interface ConfigChecker {
  /** Its version: `1.7.24`; undefined: it does not say. */
  readonly version: string | undefined;
  /** What it makes of the present configuration. */
  readonly present: ContainerdConfig;
  /** The files that it reads; undefined: it does not say. containerd 2 does not. */
  readonly files: readonly string[] | undefined;
  /**
   * What it would make of changed files.
   * @throws {NodeError} if it refuses them, with its reason.
   */
  forecast(config: NodeConfig, changes: readonly FileChange[]): Promise<ContainerdConfig>;
}

const TIMEOUT_MS = 30_000;

/**
 * Finds out how to ask the node's containerd. Undefined if it cannot be asked: its program does not
 * run outside its service, or it is of a version that cannot tell.
 *
 * @throws {NodeError} if it is told to serve no pods at all.
 */
export async function createChecker(
  host: NodeHost,
  { config, log }: { readonly config: NodeConfig; readonly log: InstallLog },
): Promise<ConfigChecker | undefined> {
  const program = await findContainerd(host, config.distribution);
  const [main] = config.effective;
  const dumped = await dump(host, { program, path: main?.path });
  if ("problem" in dumped) {
    log.warn("containerd cannot be asked about its configuration", { reason: dumped.problem });
    return undefined;
  }
  if (isCriDisabled(dumped.config)) {
    throw new NodeError(
      "UnsupportedNode",
      `The configuration "${main?.path}" disables containerd's CRI plugin, so that no pod can run: ` +
        'take it out of "disabled_plugins".',
    );
  }
  return {
    version: await readVersion(host, program),
    present: dumped.config,
    files: filesOf(dumped.config, main?.path),
    forecast: (config, changes) => forecast(host, { program, config, changes }),
  };
}

/** The program of the running containerd, or where the distribution has it. */
export async function findContainerd(host: NodeHost, distribution: Distribution): Promise<string> {
  if (distribution.program.startsWith("/") && await host.files.exists(distribution.program)) {
    return distribution.program;
  }
  for (const pid of await findProcesses(host.files, "containerd")) {
    const program = await readProgram(host.files, pid);
    if (program?.endsWith("/containerd")) return program;
  }
  return "containerd";
}

/**
 * containerd 1.x replaces `imports` by what it found. That counts: 1.6 takes relative patterns from
 * where it was started.
 */
function filesOf(
  { imports }: ContainerdConfig,
  mainPath: string | undefined,
): readonly string[] | undefined {
  if (!Array.isArray(imports) || mainPath === undefined || !imports.includes(mainPath)) return;
  return imports.filter((path): path is string => typeof path === "string");
}

async function readVersion(host: NodeHost, program: string): Promise<string | undefined> {
  const { stdout } = await host.run([program, "--version"], { timeoutMs: TIMEOUT_MS });
  return / v?(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
}

async function dump(
  host: NodeHost,
  { program, path }: { program: string; path: string | undefined },
): Promise<{ config: ContainerdConfig } | { problem: string }> {
  // Without a file containerd runs on its defaults, and has another command for these.
  const args = path === undefined ? ["config", "default"] : ["--config", path, "config", "dump"];
  const { code, stdout, stderr } = await host.run([program, ...args], { timeoutMs: TIMEOUT_MS });
  if (code !== 0) return { problem: lastLine(stderr) || `it ends with ${code}` };
  try {
    return { config: parseConfig(stdout, "What containerd prints") };
  } catch (error) {
    return { problem: errorText(error) };
  }
}

async function forecast(
  host: NodeHost,
  { program, config, changes }: {
    program: string;
    config: NodeConfig;
    changes: readonly FileChange[];
  },
): Promise<ContainerdConfig> {
  const scratch = scratchFiles(config, {
    changes,
    directory: await existingDirectory(host, dirname(config.target.path)),
  });
  const [main] = scratch;
  try {
    for (const { path, text } of scratch) {
      await host.files.writeScratch(path, text).catch((error) => {
        throw explainFailure(error, {
          what: `Cannot write beside the configuration, to "${path}"`,
        });
      });
    }
    const dumped = await dump(host, { program, path: main?.path });
    if ("config" in dumped) return dumped.config;
    throw new NodeError(
      "VerificationFailed",
      `containerd refuses the new configuration: ${dumped.problem}. Nothing was changed.`,
    );
  } finally {
    for (const { path } of scratch) await host.files.remove(path);
  }
}

/**
 * Copies of the main file and of all that changes, beside the originals and under names that no
 * pattern of imports has. The main one imports the copies.
 */
function scratchFiles(
  { effective, target }: NodeConfig,
  { changes, directory }: { changes: readonly FileChange[]; directory: string },
): { path: string; text: string }[] {
  const [main, ...imported] = effective;
  const changed = new Map(changes.map((change) => [change.path, change.after]));
  const mainPath = main?.path ?? join(directory, basename(target.path));
  const ownPath = main?.path ?? target.path;
  // Without a file containerd runs on its defaults, as with an empty one.
  const mainText = (changed.has(ownPath) ? changed.get(ownPath) : main?.text) ?? "";
  const copies = imported.filter(({ path }) => changed.get(path) !== undefined)
    .map(({ path }) => ({ path: scratchPath(path), text: changed.get(path)! }));
  const paths = imported.filter(({ path }) => !changed.has(path) || changed.get(path) !== undefined)
    .map(({ path }) => changed.has(path) ? scratchPath(path) : path);
  const text = imported.length === 0 ? mainText : replaceImports(mainText, paths) ?? mainText;
  return [{ path: scratchPath(mainPath), text }, ...copies];
}

/** A directory or the nearest above it that exists. */
async function existingDirectory(host: NodeHost, directory: string): Promise<string> {
  while (directory !== "/" && !await host.files.exists(directory)) directory = dirname(directory);
  return directory;
}

function scratchPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.rcm-check`);
}

/** What would be wrong. */
export interface Verdict {
  readonly problems: readonly string[];
  /** Runtimes that would be gone, as they are now: defining any replaces containerd 1.x's defaults. */
  readonly lost: readonly RuntimeSetting[];
}

/** Compares what containerd makes of the files before and after. */
export function judge(
  before: ContainerdConfig,
  after: ContainerdConfig,
  { set, remove }: { readonly set: readonly RuntimeSetting[]; readonly remove: readonly string[] },
): Verdict {
  const [old, now] = [runtimesOf(before), runtimesOf(after)];
  const ours = [...set.map(({ name }) => name), ...remove];
  const lost = Object.entries(old).flatMap(([name, { runtime_type: runtimeType }]) =>
    name in now || ours.includes(name) || typeof runtimeType !== "string"
      ? []
      : [{ name, runtimeType, options: {} }]
  );
  const lostNames = lost.map(({ name }) => name);
  const missing = set.filter(({ name, runtimeType }) => now[name]?.runtime_type !== runtimeType);
  const left = remove.filter((name) =>
    name in now && JSON.stringify(now[name]) === JSON.stringify(old[name])
  );
  return {
    lost,
    problems: [
      ...missing.map(({ name }) =>
        `containerd would not have the runtime "${name}": it does not read this part of the file. ` +
        'If the file has no "version", give it one.'
      ),
      ...left.map((name) => `containerd would still have the runtime "${name}".`),
      ...otherDifferences(before, after, { except: [...ours, ...lostNames] }).map((path) =>
        `containerd would read "${path}" differently.`
      ),
    ],
  };
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
