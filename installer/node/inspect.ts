/**
 * Looks at a node and tells what of it is not as it should be. Nothing is changed.
 *
 * @module
 */

import { join } from "node:path/posix";
import { errorText } from "../../lib/errors.ts";
import { listRuntimes } from "../containerd_config/edit.ts";
import { KWASM_DIRECTORIES, originOf } from "../containerd_config/runtime_definitions.ts";
import type { NodeHost } from "./host.ts";
import { findMissing } from "./loaded.ts";
import { listUnits } from "./restart.ts";
import { type NodeOptions, openSession, rcmPaths, type Session } from "./session.ts";
import { hashFile } from "./shim_files.ts";

/** What is known of an installed shim. */
export interface ShimReport {
  readonly name: string;
  readonly path: string;
  readonly sha256: string | undefined;
  readonly version: string | undefined;
  readonly handlers: readonly string[];
  readonly installedAt: string | undefined;
  /** What is wrong with it; empty: pods can use it. */
  readonly problems: readonly string[];
}

/** A node as it was found. */
export interface NodeReport {
  readonly distribution: string;
  readonly configPath: string;
  /** containerd's; undefined: it does not say. */
  readonly containerdVersion: string | undefined;
  readonly socket: string;
  readonly isServing: boolean;
  /** Handlers of all runtimes that containerd has. */
  readonly handlers: readonly string[];
  readonly shims: readonly ShimReport[];
  /** What concerns the node as a whole, with the way out. */
  readonly problems: readonly string[];
  /** What is no problem now and may become one. */
  readonly warnings: readonly string[];
}

/** Looks at a node. @throws {NodeError} if there is no containerd, or its configuration is broken. */
export async function inspectNode(host: NodeHost, options: NodeOptions): Promise<NodeReport> {
  const session = await openSession(host, options);
  const { loaded, config, checker, detected, state } = session;
  const shims = await Promise.all(
    [...session.lockFile.keys()].sort().map((name) => reportShim(session, name)),
  );
  return {
    distribution: detected.distribution.name,
    configPath: config.target.path,
    containerdVersion: checker?.version,
    socket: session.socket,
    isServing: loaded !== undefined,
    handlers: [...loaded?.keys() ?? []].sort(),
    shims,
    problems: [
      ...(loaded === undefined
        ? [
          `containerd does not answer on "${session.socket}": see its log (journalctl -u containerd).`,
        ]
        : []),
      ...(state.journal
        ? [
          `An ${state.journal.operation} of ${state.journal.startedAt} was interrupted: run it again.`,
        ]
        : []),
      ...await checkWritable(session),
    ],
    warnings: [
      ...(checker ? [] : ["containerd cannot be asked about a configuration before it is used."]),
      ...(detected.isAssumed
        ? ["The distribution is not known: it is treated as containerd under systemd."]
        : []),
      ...await findKwasm(session),
      ...await checkRestarts(session),
    ],
  };
}

async function reportShim(session: Session, name: string): Promise<ShimReport> {
  const { lockFile, state, host } = session;
  const { path, sha256 } = lockFile.get(name)!;
  const known = state.shims[name];
  return {
    name,
    path,
    sha256,
    version: known?.version,
    handlers: known?.handlers ?? handlersOf(session, path),
    installedAt: known?.installedAt,
    problems: [
      ...await checkFile(host, { path, sha256 }),
      ...checkRuntimes(session, { name, path }),
    ],
  };
}

/** Runtimes in the configuration that have a program. */
function handlersOf({ config }: Session, path: string): string[] {
  const { text, version } = config.target;
  return listRuntimes(text ?? "", { version }).filter(({ runtimeType }) => runtimeType === path)
    .map(({ name }) => name);
}

async function checkFile(
  host: NodeHost,
  { path, sha256 }: { path: string; sha256: string | undefined },
): Promise<string[]> {
  if (!await host.files.exists(path)) return [`"${path}" is gone: install it again.`];
  if (sha256 === undefined || sha256 === "") return [];
  try {
    const actual = await hashFile(await host.files.resolve(path));
    return actual === sha256.toLowerCase()
      ? []
      : [`"${path}" is not what was installed: its SHA-256 is ${actual}, not ${sha256}.`];
  } catch (error) {
    return [`"${path}" cannot be read: ${errorText(error)}`];
  }
}

function checkRuntimes(session: Session, { name, path }: { name: string; path: string }): string[] {
  const { state, loaded } = session;
  const written = handlersOf(session, path);
  const known = state.shims[name];
  const handlers = known?.handlers ?? written;
  if (handlers.length === 0) return [`The configuration names no runtime with "${path}".`];
  const problems = handlers.filter((handler) => !written.includes(handler))
    .map((handler) => `The configuration has no runtime "${handler}" with "${path}" any more.`);
  // That it does not answer is a matter of the node.
  if (loaded === undefined) return problems;
  const present = handlers.map((handler) => ({
    name: handler,
    runtimeType: path,
    options: known?.options ?? {},
  }));
  return [...problems, ...findMissing(loaded, { present, absent: [], kept: [] })];
}

async function checkWritable({ host, options }: Session): Promise<string[]> {
  if (!await host.files.exists(options.rcmPath)) return [];
  try {
    // Opening the lock for writing changes nothing that counts.
    using _lock = await host.files.tryLock(rcmPaths(options.rcmPath).lock);
    return [];
  } catch (error) {
    return [`"${options.rcmPath}" cannot be written: ${errorText(error)}`];
  }
}

async function findKwasm({ host, config, options }: Session): Promise<string[]> {
  const { binDir } = rcmPaths(options.rcmPath);
  const texts = [...config.effective, ...config.others].map(({ text }) => text);
  const runtimes = texts.flatMap((text) => listRuntimes(text))
    .filter((runtime) => originOf(runtime, binDir) === "kwasm").map(({ name }) => name);
  const found: string[] = [];
  for (const directory of KWASM_DIRECTORIES) {
    if (await host.files.exists(directory)) found.push(directory);
  }
  return [
    ...new Set(
      runtimes.map((name) =>
        `The runtime "${name}" is kwasm's: installing a shim with that handler replaces it.`
      ),
    ),
    ...found.map((path) => `"${join(path, "..")}" is left of kwasm.`),
  ];
}

async function checkRestarts({ host, detected }: Session): Promise<string[]> {
  const { unit, name } = detected.distribution;
  const units = await listUnits(host);
  if (units === undefined) {
    return ["There is no systemd: how containerd is restarted depends on who started it."];
  }
  const isThere = typeof unit === "string"
    ? units.includes(`${unit}.service`)
    : units.some((one) => unit.test(one));
  return isThere ? [] : [`systemd has no unit for ${name}: containerd could not be restarted.`];
}
