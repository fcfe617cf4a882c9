/**
 * Takes shims off a node.
 *
 * @module
 */

import { join } from "node:path/posix";
import { listRuntimes } from "../containerd_config/edit.ts";
import { originOf } from "../containerd_config/runtime_definitions.ts";
import { planChecked, removedNames } from "./checked_plan.ts";
import { type ConfigPlan, diffOf } from "./config_plan.ts";
import type { NodeHost } from "./host.ts";
import { removeOldVersions } from "./leftovers.ts";
import {
  lastingHandlers,
  lockNode,
  type NodeOptions,
  openSession,
  rcmPaths,
  type Session,
} from "./session.ts";
import { SHIM_PREFIX } from "./shim_files.ts";
import { applyChange, type ChangeResult } from "./transaction.ts";

/** What to uninstall. */
export interface UninstallOptions extends NodeOptions {
  /** Names of shims; `all`: every one that is installed. */
  readonly shims: readonly string[] | "all";
  /** Only tell what would be done. */
  readonly isDryRun: boolean;
}

/** What was done, or would be. */
export interface UninstallResult {
  readonly isChanged: boolean;
  readonly isRestarted: boolean;
  readonly diff: string;
  /** Programs that are gone. */
  readonly paths: readonly string[];
  /** Runtimes that containerd does not have any more. */
  readonly handlers: readonly string[];
}

/**
 * Uninstalls shims: first containerd forgets them, then their programs go. Running pods go on.
 *
 * What is not installed is no failure: an earlier run may have been ended by the restart that it
 * caused.
 *
 * @throws {NodeError} if it cannot be done; then the node is as it was.
 */
export async function uninstallShims(
  host: NodeHost,
  options: UninstallOptions,
): Promise<UninstallResult> {
  using _lock = options.isDryRun ? undefined : await lockNode(host, options);
  await options.onStage?.("locked");
  const session = await openSession(host, options);
  const names = options.shims === "all"
    ? [...new Set([...session.lockFile.keys(), ...Object.keys(session.state.shims)])]
    : options.shims;
  for (const name of names) {
    if (!session.lockFile.has(name)) options.log.info("shim is not installed", { shim: name });
  }
  const paths = names.map((name) => programOf(session, name));
  const remove = handlersOf(session, { names, paths });
  const plan = await planChecked(session, { set: [], aliases: [], remove });
  const present = await presentPaths(session, paths);
  const result: UninstallResult = {
    isChanged: plan.changes.length > 0 || present.length > 0,
    isRestarted: !plan.isSame,
    diff: diffOf(plan.changes),
    paths: present,
    handlers: removedNames(plan, remove),
  };
  if (options.isDryRun) return result;
  const applied = await apply(session, { names, paths, remove, plan });
  for (const path of present) options.log.info("shim uninstalled", { path });
  return { ...result, ...applied, isChanged: applied.isChanged || present.length > 0 };
}

async function apply(
  session: Session,
  { names, paths, remove, plan }: {
    names: readonly string[];
    paths: readonly string[];
    remove: readonly string[];
    plan: ConfigPlan;
  },
): Promise<ChangeResult> {
  const { host, state, lockFile } = session;
  const shims = withoutKeys(state.shims, names);
  const gone = plan.changes.filter(({ after }) => after === undefined).map(({ path }) => path);
  const handlers = removedNames(plan, remove);
  const result = await applyChange(session, {
    operation: "uninstall",
    programs: [],
    plan,
    wanted: {
      present: plan.set,
      absent: absentHandlers(session, { handlers, paths }),
      kept: keptHandlers(session, { remove, paths }),
    },
    finish: async () => {
      for (const path of paths) await host.files.remove(path);
    },
    lockFile: new Map([...lockFile].filter(([name]) => !names.includes(name))),
    state: { shims, created: state.created.filter((path) => !gone.includes(path)) },
  });
  await removeOldVersions(session, shims);
  return result;
}

function programOf({ lockFile, options }: Session, name: string): string {
  return lockFile.get(name)?.path ??
    join(rcmPaths(options.rcmPath).binDir, `${SHIM_PREFIX}${name}`);
}

/** The runtimes of the shims: those that were written down, and those that have their programs. */
function handlersOf(
  { config, state, options }: Session,
  { names, paths }: { names: readonly string[]; paths: readonly string[] },
): string[] {
  const { binDir } = rcmPaths(options.rcmPath);
  const { text, version } = config.target;
  const files = [...config.effective, ...config.others].map(({ text }) => listRuntimes(text));
  if (text !== undefined) files.push(listRuntimes(text, { version }));
  const written = files.flat().filter((runtime) =>
    originOf(runtime, binDir) === "rcm" && paths.includes(runtime.runtimeType ?? "")
  ).map(({ name }) => name);
  const known = names.flatMap((name) => [name, ...state.shims[name]?.handlers ?? []]);
  return [...new Set([...known, ...written])];
}

/** Those that containerd must not have: removed now, or by a run that did not come to the restart. */
function absentHandlers(
  { loaded }: Session,
  { handlers, paths }: { handlers: readonly string[]; paths: readonly string[] },
): string[] {
  const stale = [...loaded ?? []].filter(([, { runtimeType }]) => paths.includes(runtimeType ?? ""))
    .map(([name]) => name);
  return [...new Set([...handlers, ...stale])];
}

function keptHandlers(
  session: Session,
  { remove, paths }: { remove: readonly string[]; paths: readonly string[] },
): string[] {
  return lastingHandlers(session).filter((name) =>
    !remove.includes(name) && !paths.includes(session.loaded?.get(name)?.runtimeType ?? "")
  );
}

async function presentPaths({ host }: Session, paths: readonly string[]): Promise<string[]> {
  const present: string[] = [];
  for (const path of paths) {
    if (await host.files.ownKind(path) !== undefined) present.push(path);
  }
  return present;
}

function withoutKeys<T>(
  record: Readonly<Record<string, T>>,
  names: readonly string[],
): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !names.includes(name)));
}
