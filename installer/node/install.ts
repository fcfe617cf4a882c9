/**
 * Installs shims on a node.
 *
 * @module
 */

import { join } from "node:path/posix";
import { systemdCgroupOf } from "../containerd_config/effective.ts";
import type { RuntimeSetting } from "../containerd_config/runtime_block.ts";
import { planChecked, type PlanGoal, removedNames } from "./checked_plan.ts";
import { type ConfigPlan, diffOf } from "./config_plan.ts";
import type { NodeHost } from "./host.ts";
import { removeKwasm, removeOldVersions } from "./leftovers.ts";
import { isMountedNoexec } from "./mounts.ts";
import { NodeError } from "./node_error.ts";
import { checkProgram } from "./program_check.ts";
import { listUnits } from "./restart.ts";
import {
  lastingHandlers,
  lockNode,
  type NodeOptions,
  openSession,
  type Session,
} from "./session.ts";
import {
  isInPlace,
  measureAsset,
  type MeasuredAsset,
  placeOf,
  type ShimAsset,
} from "./shim_files.ts";
import type { ShimState } from "./state_file.ts";
import { applyChange } from "./transaction.ts";

/** What to install. */
export interface InstallOptions extends NodeOptions {
  readonly assets: readonly ShimAsset[];
  /** Handlers for the shim beside its own name; for one asset only. */
  readonly handlers: readonly string[];
  /** Whether a shim for Spin gets the handler `spin` too, which other manifests name. */
  readonly hasAliases: boolean;
  /** Option → value as TOML. `SystemdCgroup = "auto"`: as containerd's own runtime has it. */
  readonly runtimeOptions: Readonly<Record<string, string>>;
  /** Give options on distributions whose containerd does not hand them on. */
  readonly forcesOptions: boolean;
  /** `x86_64` or `aarch64`. */
  readonly arch: string;
  /** Only tell what would be done. */
  readonly isDryRun: boolean;
}

/** What was done, or would be. */
export interface InstallResult {
  /** Whether anything on the node is different now. */
  readonly isChanged: boolean;
  readonly isRestarted: boolean;
  /** The differences of the configuration, as `diff -u` prints them. */
  readonly diff: string;
  /** The text of the configuration. */
  readonly config: string;
  readonly shims: readonly { name: string; path: string; isNew: boolean; handlers: string[] }[];
}

/** Handlers that manifests of SpinKube name, whichever shim serves them. */
const SPIN_SHIM = /^spin(?:-v\d+)?$/;
const SPIN_ALIAS = "spin";
const SYSTEMD_CGROUP = "SystemdCgroup";
const BUS_SOCKETS = ["/run/dbus/system_bus_socket", "/run/systemd/private"];

/**
 * Installs shims and lets containerd have them.
 *
 * Doing it again changes nothing. The configuration of others is never touched, and containerd is
 * restarted only if it has to read something new.
 *
 * @throws {NodeError} if it cannot be done; then the node is as it was.
 * @throws {TerminalError} if something the user gave is wrong.
 */
export async function installShims(
  host: NodeHost,
  options: InstallOptions,
): Promise<InstallResult> {
  using _lock = options.isDryRun ? undefined : await lockNode(host, options);
  await options.onStage?.("locked");
  const session = await openSession(host, options);
  const assets = await Promise.all(options.assets.map(measureAsset));
  await checkAssets(session, { assets, arch: options.arch });
  const goal = await buildGoal(session, { assets, options });
  const plan = await planChecked(session, goal);
  const result = await describe(session, { assets, plan, goal });
  if (options.isDryRun) return result;
  await ensureBus(session, plan.set);
  return { ...result, ...await apply(session, { assets, plan, goal }) };
}

async function checkAssets(
  session: Session,
  { assets, arch }: { assets: readonly MeasuredAsset[]; arch: string },
): Promise<void> {
  const { host, options } = session;
  if (await isMountedNoexec(host.files, options.rcmPath)) {
    throw new NodeError(
      "UnsupportedNode",
      `"${options.rcmPath}" is mounted with "noexec" on this node, so that containerd could not start ` +
        "a shim there. Choose another directory with --rcm-path.",
    );
  }
  for (const asset of assets) {
    const program = asset.kind === "file"
      ? asset.source
      : join(asset.source, asset.program ?? asset.fileName);
    const problem = await checkProgram(program, { files: session.host.files, arch });
    if (problem === undefined) continue;
    throw new NodeError(
      problem.isNodes ? "UnsupportedNode" : "VerificationFailed",
      `The shim "${asset.fileName}" cannot run on this node: ${problem.message}.`,
    );
  }
}

function buildGoal(
  session: Session,
  { assets, options }: { assets: readonly MeasuredAsset[]; options: InstallOptions },
): PlanGoal {
  const { state } = session;
  const runtimeOptions = effectiveOptions(session, options);
  const set: RuntimeSetting[] = [];
  const aliases: string[] = [];
  const remove: string[] = [];
  for (const asset of assets) {
    const { path } = placeOf(asset, options.rcmPath);
    const names = new Set([asset.name, ...options.handlers]);
    if (options.hasAliases && SPIN_SHIM.test(asset.name) && !names.has(SPIN_ALIAS)) {
      names.add(SPIN_ALIAS);
      aliases.push(SPIN_ALIAS);
    }
    for (const name of names) {
      const owner = ownerOf(session, { name, besides: asset.name }) ??
        set.find((setting) => setting.name === name)?.runtimeType;
      if (owner === undefined) {
        set.push({ name, runtimeType: path, options: runtimeOptions });
      } else if (aliases.includes(name)) {
        session.options.log.info("the alias belongs to another shim", { handler: name, owner });
      } else {
        throw new NodeError(
          "InstallFailed",
          `The handler "${name}" of the shim "${asset.name}" belongs to the shim "${owner}" already.`,
        );
      }
    }
    const former = state.shims[asset.name]?.handlers ?? [];
    remove.push(...former.filter((name) => !names.has(name)));
  }
  return { set, aliases, remove };
}

/** Another installed shim that has a handler. */
function ownerOf(
  { state }: Session,
  { name, besides }: { name: string; besides: string },
): string | undefined {
  return Object.entries(state.shims)
    .find(([shim, { handlers }]) => shim !== besides && handlers.includes(name))?.[0];
}

/** The options as they are written. */
function effectiveOptions(
  { detected, checker, options: { log } }: Session,
  { runtimeOptions, forcesOptions }: InstallOptions,
): Readonly<Record<string, string>> {
  if (!detected.distribution.hasOptions && !forcesOptions) {
    if (Object.keys(runtimeOptions).length > 0) {
      log.warn("runtime options are left out: this distribution does not hand them to shims", {
        distribution: detected.distribution.name,
      });
    }
    return {};
  }
  if (runtimeOptions[SYSTEMD_CGROUP] !== "auto") return runtimeOptions;
  const { [SYSTEMD_CGROUP]: _, ...others } = runtimeOptions;
  const own = checker && systemdCgroupOf(checker.present);
  return own === undefined ? others : { ...others, [SYSTEMD_CGROUP]: String(own) };
}

async function describe(
  { host, options, config, loaded }: Session,
  { assets, plan, goal }: {
    assets: readonly MeasuredAsset[];
    plan: ConfigPlan;
    goal: PlanGoal;
  },
): Promise<InstallResult> {
  for (const { name, kind, runtimeType } of plan.runtimes) {
    if (kind === "foreign" && goal.aliases.includes(name)) {
      options.log.warn("the alias is left to who has it", { handler: name, runtimeType });
    }
    if (kind === "unchanged") {
      options.log.info("runtime config already exists, skipping", { runtime: name });
    }
  }
  const shims = await Promise.all(assets.map(async (asset) => {
    const place = placeOf(asset, options.rcmPath);
    return {
      name: asset.name,
      path: place.path,
      isNew: !await isInPlace(host.files, { asset, place }),
      handlers: plan.set.filter(({ runtimeType }) => runtimeType === place.path)
        .map(({ name }) => name),
    };
  }));
  const diff = diffOf(plan.changes);
  const isChanged = diff !== "" || shims.some(({ isNew }) => isNew);
  const isRestarted = options.restarts &&
    (!plan.isSame || plan.set.some(({ name }) => !loaded?.has(name)));
  options.log.info("the node was examined", {
    distribution: config.distribution.name,
    config: config.target.path,
  });
  const text = plan.changes.find(({ path }) => path === config.target.path)?.after ??
    config.target.text ?? "";
  return { isChanged, isRestarted, diff, config: text, shims };
}

async function apply(
  session: Session,
  { assets, plan, goal }: {
    assets: readonly MeasuredAsset[];
    plan: ConfigPlan;
    goal: PlanGoal;
  },
): Promise<Pick<InstallResult, "isChanged" | "isRestarted">> {
  const { host, options, lockFile, state, config } = session;
  const shims: Record<string, ShimState> = { ...state.shims };
  const locked = new Map(lockFile);
  const programs = [];
  for (const asset of assets) {
    const place = placeOf(asset, options.rcmPath);
    if (!await isInPlace(host.files, { asset, place })) programs.push({ asset, place });
    locked.set(asset.name, { sha256: asset.sha256, path: place.path });
    const own = plan.set.filter(({ runtimeType }) => runtimeType === place.path);
    shims[asset.name] = keepTime(state.shims[asset.name], {
      handlers: own.map(({ name }) => name),
      options: own[0]?.options ?? {},
      digest: asset.digest,
      ...(asset.version !== undefined && { version: asset.version }),
      ...(place.link && { directory: place.link.directory }),
      configPath: config.target.path,
      installedAt: new Date(host.now()).toISOString(),
    });
  }
  const created = plan.changes.filter(({ before }) => before === undefined).map(({ path }) => path);
  const removed = removedNames(plan, goal.remove);
  const result = await applyChange(session, {
    operation: "install",
    programs,
    plan,
    wanted: {
      present: plan.set,
      absent: removed,
      kept: lastingHandlers(session).filter((name) => !removed.includes(name)),
    },
    lockFile: locked,
    state: { shims, created: [...new Set([...state.created, ...created])] },
  });
  for (const { asset, place } of programs) {
    options.log.info("shim installed", { shim: asset.name, path: place.path, "new-version": true });
  }
  await removeOldVersions(session, shims);
  await removeKwasm(session);
  return result;
}

/** The time of an installation is that of its last change. */
function keepTime(old: ShimState | undefined, now: ShimState): ShimState {
  const { installedAt } = old ?? now;
  const same = { ...now, installedAt };
  return JSON.stringify(old) === JSON.stringify(same) ? same : now;
}

/**
 * systemd's cgroups are asked for over D-Bus. It is started if it is there; packages are never
 * installed on a node.
 */
async function ensureBus(session: Session, set: readonly RuntimeSetting[]): Promise<void> {
  const { host } = session;
  if (!set.some(({ options }) => options[SYSTEMD_CGROUP] === "true")) return;
  for (const path of BUS_SOCKETS) if (await host.files.exists(path)) return;
  if (!session.options.restarts || await listUnits(host) === undefined) return;
  const { code, stderr } = await host.run(["systemctl", "start", "dbus", "--quiet"]);
  if (code === 0) return;
  throw new NodeError(
    "UnsupportedNode",
    `The runtime option "${SYSTEMD_CGROUP}" is "true", and D-Bus does not run on this node ` +
      `(${
        stderr.trim() || `systemctl ends with ${code}`
      }). Install it, or set the option to "false".`,
  );
}
