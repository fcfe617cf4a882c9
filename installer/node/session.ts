/**
 * One run of the installer on a node: what it was told, what it found, and what it remembers.
 *
 * @module
 */

import { join } from "node:path/posix";
import { listRuntimes } from "../containerd_config/edit.ts";
import { addressOf, parseConfig, runtimesOf } from "../containerd_config/effective.ts";
import { type ConfigChecker, createChecker } from "./config_check.ts";
import { detectDistribution, type Detected } from "./distribution.ts";
import type { InstallLog, LoadedRuntimes, NodeHost } from "./host.ts";
import type { FileLock } from "./host_files.ts";
import { formatLockFile, type LockFile, parseLockFile } from "./lock_file.ts";
import { type NodeConfig, readNodeConfig } from "./node_config.ts";
import { explainFailure, NodeError } from "./node_error.ts";
import { formatState, type InstallerState, parseState } from "./state_file.ts";

/** Steps of a run, each told when what it did is on the disk. */
export type Stage =
  | "locked"
  | "planned"
  | "copied"
  | "backed-up"
  | "journaled"
  | "programs"
  | "configured"
  | "restarted"
  | "loaded"
  | "removed"
  | "committed"
  | "cleaned";

/** What every run is told. */
export interface NodeOptions {
  /** Our directory on the node: `/opt/rcm`. */
  readonly rcmPath: string;
  /** containerd's configuration; default: detected. */
  readonly configPath?: string | undefined;
  /** False: files only; containerd learns of them when somebody restarts it. */
  readonly restarts: boolean;
  /** Milliseconds. */
  readonly timeouts: {
    /** Until another run on this node has to be done. */
    readonly lockMs: number;
    /** Until the restart has to be done. */
    readonly restartMs: number;
    /** Until containerd has to serve after it. */
    readonly loadMs: number;
  };
  readonly log: InstallLog;
  /** Called after each step, for tests that end the process there. */
  readonly onStage?: ((stage: Stage) => void | Promise<void>) | undefined;
}

/** Default times: containerd on a busy node takes its time. */
export const DEFAULT_TIMEOUTS: NodeOptions["timeouts"] = {
  lockMs: 300_000,
  restartMs: 120_000,
  loadMs: 120_000,
};

/** A node as it was found. */
export interface Session {
  readonly host: NodeHost;
  readonly options: NodeOptions;
  readonly detected: Detected;
  readonly config: NodeConfig;
  /** Undefined: containerd cannot be asked. */
  readonly checker: ConfigChecker | undefined;
  /** containerd's socket on the node. */
  readonly socket: string;
  /** What containerd had at the beginning; undefined: it did not answer. */
  readonly loaded: LoadedRuntimes | undefined;
  readonly lockFile: LockFile;
  readonly state: InstallerState;
}

/** Paths in our directory. */
export function rcmPaths(rcmPath: string) {
  return {
    binDir: join(rcmPath, "bin"),
    lockFile: join(rcmPath, "rcm-lock.json"),
    state: join(rcmPath, "state.json"),
    lock: join(rcmPath, ".lock"),
  };
}

/** Looks at a node. Nothing is written but scratch files beside the configuration, for containerd. */
export async function openSession(host: NodeHost, options: NodeOptions): Promise<Session> {
  const paths = rcmPaths(options.rcmPath);
  const lockFile = parseLockFile(await host.files.readText(paths.lockFile), paths.lockFile);
  const state = parseState(await host.files.readText(paths.state), paths.state);
  const detected = await detectDistribution(host.files, options.configPath);
  const { log } = options;
  if (detected.isAssumed) {
    log.warn("could not determine distro from containerd config, falling back to defaults", {
      config: detected.configPath,
    });
  }
  const found = await readNodeConfig(host.files, detected);
  const checker = await createChecker(host, { config: found, log });
  const config = checker?.files
    ? await readNodeConfig(host.files, detected, { only: checker.files })
    : found;
  const socket = socketOf(config, checker);
  const loaded = await host.loadedRuntimes(socket);
  return { host, options, detected, config, checker, socket, loaded, lockFile, state };
}

function socketOf(config: NodeConfig, checker: ConfigChecker | undefined): string {
  const [main] = config.effective;
  const written = main ? addressOf(parseConfig(main.text, main.path)) : undefined;
  // K3s and k0s give the address on the command line; what containerd prints is its default then.
  if (written !== undefined || config.distribution.name !== "containerd") {
    return written ?? config.distribution.socket;
  }
  return (checker && addressOf(checker.present)) ?? config.distribution.socket;
}

/**
 * Keeps other runs away from the node until the lock is closed. It ends with the process, however
 * that ends.
 *
 * @throws {NodeError} if another run does not end, or the node's file system is read-only.
 */
export async function lockNode(host: NodeHost, options: NodeOptions): Promise<FileLock> {
  const { lock } = rcmPaths(options.rcmPath);
  try {
    await host.files.makeDirectory(options.rcmPath);
    const end = host.now() + options.timeouts.lockMs;
    for (let isFirst = true;; isFirst = false) {
      const held = await host.files.tryLock(lock);
      if (held) return held;
      if (isFirst) options.log.info("waiting for another run of the installer to end");
      if (host.now() >= end) break;
      await host.sleep(1_000);
    }
  } catch (error) {
    throw explainFailure(error, {
      what: `Cannot write to "${options.rcmPath}"`,
      hint: "Choose a directory that can be written with --rcm-path.",
    });
  }
  throw new NodeError(
    "InstallFailed",
    `Another installer holds the lock "${lock}" for more than ` +
      `${Math.round(options.timeouts.lockMs / 1000)} s. Nothing was changed.`,
  );
}

/**
 * Handlers that containerd has, and that it will have again after a restart as things are: what
 * somebody took out of the files without a restart is no loss of ours.
 */
export function lastingHandlers({ loaded, checker, config }: Session): string[] {
  const written = checker
    ? Object.keys(runtimesOf(checker.present))
    : config.effective.flatMap(({ text }) => listRuntimes(text).map(({ name }) => name));
  return [...loaded?.keys() ?? []].filter((name) => written.includes(name));
}

/** Writes what is installed, and what was to be remembered. The lock file first: it is the contract. */
export async function saveState(
  { host, options }: Pick<Session, "host" | "options">,
  { lockFile, state }: { readonly lockFile?: LockFile; readonly state: InstallerState },
): Promise<void> {
  const paths = rcmPaths(options.rcmPath);
  if (lockFile) await writeIfNew(host, { path: paths.lockFile, text: formatLockFile(lockFile) });
  await writeIfNew(host, { path: paths.state, text: formatState(state) });
}

async function writeIfNew(
  { files }: NodeHost,
  { path, text }: { path: string; text: string },
): Promise<void> {
  if (await files.readText(path) !== text) await files.writeText(path, text);
}
