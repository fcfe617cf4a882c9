/**
 * Decides what to write into a node's configuration, without writing it.
 *
 * @module
 */

import { editRuntimes, listRuntimes, type RuntimeChange } from "../containerd_config/edit.ts";
import { isSameConfig } from "../containerd_config/effective.ts";
import { type ConfigFile, fileToEdit } from "../containerd_config/imports.ts";
import type { RuntimeSetting } from "../containerd_config/runtime_block.ts";
import { originOf } from "../containerd_config/runtime_definitions.ts";
import { unifiedDiff } from "../containerd_config/unified_diff.ts";
import type { NodeConfig, TargetFile } from "./node_config.ts";
import { NodeError } from "./node_error.ts";

/** What the node's configuration is to have. */
export interface ConfigGoal {
  readonly set: readonly RuntimeSetting[];
  /** Of those, names that only serve convenience: if somebody else has one, it is left out. */
  readonly aliases: readonly string[];
  /** Runtimes to take out if they are ours. */
  readonly remove: readonly string[];
  /** Where our shims are. */
  readonly binDir: string;
  /** Version for a file that has none, see `EditOptions.bareVersion`. */
  readonly bareVersion: number | undefined;
  /** Files that an earlier run made; they go when nothing is left in them. */
  readonly created: readonly string[];
}

/** One file before and after; undefined: it is not there. */
export interface FileChange {
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** What to do. */
export interface ConfigPlan {
  /** Files to write, those that are changed only. */
  readonly changes: readonly FileChange[];
  /** What containerd itself would read differently then. For rendered files a forecast. */
  readonly effective: readonly FileChange[];
  readonly runtimes: readonly RuntimeChange[];
  /** The runtimes that will be there: {@link ConfigGoal.set} without what others have. */
  readonly set: readonly RuntimeSetting[];
  /** Whether containerd would mean anything else by it. */
  readonly isSame: boolean;
}

/**
 * Plans a change.
 * @throws {NodeError} if somebody else uses the name of a runtime that is no alias.
 * @throws {TerminalError} if a file cannot be edited.
 */
export function planConfig(config: NodeConfig, goal: ConfigGoal): ConfigPlan {
  const taken = takenNames(config, goal);
  const refused = goal.set.filter(({ name }) => taken.has(name) && !goal.aliases.includes(name));
  if (refused.length > 0) {
    throw new NodeError(
      "InstallFailed",
      refused.map(({ name }) => explainTaken(name, taken)).join("\n"),
    );
  }
  const set = goal.set.filter(({ name }) => !taken.has(name));
  const { target } = config;
  const options = { binDir: goal.binDir, bareVersion: goal.bareVersion };
  const before = target.text ?? target.initial;
  const edited = editRuntimes(before, { set, remove: goal.remove }, {
    ...options,
    version: target.version,
  });
  const changes = [
    fileChange(target, { after: edited.text, goal, isRendered: config.isRendered }),
    ...config.others.map((file) => cleanOther(file, { config, goal, set })),
  ].filter((change) => change.before !== change.after);
  const effective = config.isRendered ? forecast(config, { set, goal }) : changes;
  return {
    changes,
    effective,
    set,
    runtimes: [
      ...edited.changes,
      ...[...taken].filter(([name]) => goal.set.some((one) => one.name === name))
        .map(([name, { runtimeType }]) => ({ name, kind: "foreign" as const, runtimeType })),
    ],
    isSame: changes.every(({ before = "", after = "" }) => isSameConfig(before, after)),
  };
}

/** The differences of all files, as `diff -u` prints them. */
export function diffOf(changes: readonly FileChange[]): string {
  return changes.map(({ path, before, after }) =>
    unifiedDiff(before ?? "", after ?? "", {
      before: before === undefined ? "/dev/null" : path,
      after: after === undefined ? "/dev/null" : path,
    })
  ).join("");
}

type Taken = ReadonlyMap<string, { path: string; runtimeType: string | undefined }>;

/** Names that others have given to runtimes, in whichever file. */
function takenNames(config: NodeConfig, { binDir }: ConfigGoal): Taken {
  const taken = new Map<string, { path: string; runtimeType: string | undefined }>();
  const { path, text, version } = config.target;
  const files: (ConfigFile & { version?: number | undefined })[] = [
    ...config.effective,
    ...config.others,
    ...(text === undefined ? [] : [{ path, text, version }]),
  ];
  for (const { path, text, version } of files) {
    for (const runtime of listRuntimes(text, { version })) {
      if (originOf(runtime, binDir) !== "foreign") continue;
      taken.set(runtime.name, { path, runtimeType: runtime.runtimeType });
    }
  }
  return taken;
}

function explainTaken(name: string, taken: Taken): string {
  const { path, runtimeType } = taken.get(name)!;
  return `The runtime "${name}" is defined in "${path}" already, as ` +
    `${
      runtimeType === undefined ? "something else" : `"${runtimeType}"`
    }. Remove that definition, ` +
    "or choose another name with --handler.";
}

function fileChange(
  target: TargetFile,
  { after, goal, isRendered }: { after: string; goal: ConfigGoal; isRendered: boolean },
): FileChange {
  const { path, text: before, initial } = target;
  if (before === undefined && after === initial) return { path, before, after: undefined };
  const isOurs = goal.created.includes(path);
  if (isOurs && (after === initial || (!isRendered && after.trim() === ""))) {
    return { path, before, after: undefined };
  }
  return { path, before, after };
}

/** Takes out of another file what older installers wrote there. */
function cleanOther(
  { path, text }: ConfigFile,
  { config, goal, set }: { config: NodeConfig; goal: ConfigGoal; set: readonly RuntimeSetting[] },
): FileChange {
  const names = [...set.map(({ name }) => name), ...goal.remove];
  const { text: after } = editRuntimes(text, { set: [], remove: names }, { binDir: goal.binDir });
  // kwasm made a file of its own for k0s; what is left of it says nothing.
  const isEmpty = after !== text && after.trim() === "" && config.isRendered;
  return { path, before: text, after: isEmpty ? undefined : after };
}

/** What will be rendered, as far as it can be told: the same change to what was rendered before. */
function forecast(
  config: NodeConfig,
  { set, goal }: { set: readonly RuntimeSetting[]; goal: ConfigGoal },
): FileChange[] {
  if (config.effective.length === 0) return [];
  const { path, text } = fileToEdit(config.effective);
  const { text: after } = editRuntimes(text, { set, remove: goal.remove }, {
    binDir: goal.binDir,
    version: config.target.version,
  });
  return after === text ? [] : [{ path, before: text, after }];
}
