/**
 * Changes a node: programs, configuration, restart. Either all of it is done and containerd serves
 * with it, or the node is as it was and containerd serves as before.
 *
 * What is about to be done is written down first, so that a run that is killed in the middle is
 * finished, or taken back, by the next one.
 *
 * @module
 */

import { dirname } from "node:path/posix";
import { errorText } from "../../lib/errors.ts";
import type { ConfigPlan, FileChange } from "./config_plan.ts";
import {
  ourRuntimes,
  prepareJournal,
  pruneBackups,
  readUnproven,
  type Unproven,
} from "./journal.ts";
import { removeOldVersions, removeScratch } from "./leftovers.ts";
import { findMissing, waitUntilLoaded, type Wanted } from "./loaded.ts";
import type { LockFile } from "./lock_file.ts";
import { explainFailure, NodeError } from "./node_error.ts";
import { planRestart, restartContainerd } from "./restart.ts";
import { lastingHandlers, saveState, type Session } from "./session.ts";
import { tryProgram } from "./program_try.ts";
import {
  copyAsset,
  type MeasuredAsset,
  restoreProgram,
  type ShimPlace,
  switchTo,
} from "./shim_files.ts";
import type { InstallerState, Journal } from "./state_file.ts";

/** A change of a node. */
export interface NodeChange {
  readonly operation: Journal["operation"];
  /** Programs to put in place. */
  readonly programs: readonly { readonly asset: MeasuredAsset; readonly place: ShimPlace }[];
  readonly plan: ConfigPlan;
  /** What containerd has to have in the end. */
  readonly wanted: Wanted;
  /** Done when containerd has it, before it is written down as done. May be done twice. */
  readonly finish?: () => Promise<void>;
  /** What is installed then. */
  readonly lockFile: LockFile;
  /** What is to be remembered then; without a journal. */
  readonly state: Omit<InstallerState, "journal">;
}

/** What became of it. */
export interface ChangeResult {
  readonly isChanged: boolean;
  readonly isRestarted: boolean;
}

/**
 * Makes a change.
 * @throws {NodeError} if it cannot be made; the node is as it was.
 */
export async function applyChange(session: Session, change: NodeChange): Promise<ChangeResult> {
  const { options } = session;
  const { plan, programs } = change;
  const decision = await decide(session, change);
  const { needsRestart } = decision;
  await options.onStage?.("planned");
  const journal = await prepare(session, { change, decision });
  let isRestarted = false;
  try {
    await replace(session, { change, journal });
    if (needsRestart) {
      isRestarted = true;
      await restart(session, false);
      await options.onStage?.("restarted");
      await waitOrThrow(session, change.wanted);
    }
    await options.onStage?.("loaded");
    await change.finish?.();
    await options.onStage?.("removed");
    await saveState(session, { lockFile: change.lockFile, state: change.state });
  } catch (error) {
    await rollBack(session, { journal, error, isRestarted });
  }
  await options.onStage?.("committed");
  await removeScratch(session);
  for (const { path } of plan.changes) await pruneBackups(session, path);
  await options.onStage?.("cleaned");
  const isChanged = programs.length > 0 || plan.changes.length > 0 || needsRestart;
  return { isChanged, isRestarted };
}

/** What is known before anything is done. */
interface Decision {
  readonly needsRestart: boolean;
  readonly unproven: Unproven;
  /** Runtimes of ours that containerd will read for the first time. */
  readonly fresh: readonly string[];
}

/** @throws {NodeError} if containerd has to be restarted and cannot be. */
async function decide(session: Session, change: NodeChange): Promise<Decision> {
  const { host, options, loaded } = session;
  const { plan, wanted } = change;
  const unproven = await readUnproven(session);
  const ours = ourRuntimes(session, plan.changes);
  const missing = [
    ...findMissing(loaded, wanted),
    // What an interrupted run wrote has to be seen working, whichever shim this run is for.
    ...(unproven.files.length > 0
      ? findMissing(loaded, { present: ours, absent: [], kept: [] })
      : []),
  ];
  const needsRestart = options.restarts &&
    (!plan.isSame || mustRestart(session, { change, missing }));
  if (!needsRestart) return { needsRestart, unproven, fresh: [] };
  await planRestart(host, session.detected.distribution).catch((error) => {
    throw new NodeError(
      "UnsupportedNode",
      `containerd cannot be restarted, so nothing was changed: ${errorText(error)}`,
      { cause: error },
    );
  });
  const fresh = ours.map(({ name }) => name).filter((name) => !loaded?.has(name));
  return { needsRestart, unproven, fresh };
}

/** Does what nobody notices: copies, backs up, and writes down what comes next. */
async function prepare(
  session: Session,
  { change, decision }: { change: NodeChange; decision: Decision },
): Promise<Journal> {
  const { host, options, state } = session;
  const { plan, programs } = change;
  try {
    for (const program of programs) await copyAsset(host.files, program);
  } catch (error) {
    throw explainFailure(error, { what: "Cannot copy the shim to the node" });
  }
  try {
    for (const program of programs) await tryProgram(session, program);
  } catch (error) {
    // What an interrupted run kept is needed to take it back.
    if (state.journal === undefined) {
      await removeScratch(session);
      await removeOldVersions(session, state.shims);
    }
    throw error;
  }
  await options.onStage?.("copied");
  const journal = await prepareJournal(session, {
    operation: change.operation,
    programs: programs.map(({ place }) => place.path),
    changes: plan.changes,
    unproven: decision.unproven,
    fresh: decision.fresh,
  }).catch((error) => {
    throw explainFailure(error, { what: "Cannot back up the configuration" });
  });
  await options.onStage?.("backed-up");
  const isNeeded = programs.length > 0 || plan.changes.length > 0 || decision.needsRestart;
  if (isNeeded || state.journal) {
    await saveState(session, { state: { ...state, journal } }).catch((error) => {
      throw explainFailure(error, { what: "Cannot write the installer's state" });
    });
  }
  await options.onStage?.("journaled");
  return journal;
}

/** Lets the new programs and files take effect. */
async function replace(
  session: Session,
  { change, journal }: { change: NodeChange; journal: Journal },
): Promise<void> {
  const { host, options } = session;
  for (const { place } of change.programs) {
    const { before } = journal.programs.find(({ path }) => path === place.path)!;
    await switchTo(host.files, { place, before });
  }
  await options.onStage?.("programs");
  for (const file of change.plan.changes) await writeChange(session, file);
  await options.onStage?.("configured");
}

/**
 * Whether containerd has to be restarted though the configuration stays: it has not read it yet. An
 * uninstall does not start a containerd that did not run before; but an interrupted run may have ended
 * it.
 */
function mustRestart(
  { loaded, state }: Session,
  { change, missing }: { change: NodeChange; missing: readonly string[] },
): boolean {
  if (missing.length === 0) return false;
  return change.operation === "install" || loaded !== undefined || state.journal !== undefined;
}

async function restart(session: Session, isSecondTry: boolean): Promise<void> {
  const { host, options, detected } = session;
  await restartContainerd(host, {
    detected,
    log: options.log,
    timeoutMs: options.timeouts.restartMs,
    isSecondTry,
  });
}

async function waitOrThrow(session: Session, wanted: Wanted): Promise<void> {
  const { host, options, socket } = session;
  const timeoutMs = options.timeouts.loadMs;
  const missing = await waitUntilLoaded(host, { socket, wanted, timeoutMs });
  if (missing.length > 0) {
    throw new Error(`${missing.join("; ")}, ${Math.round(timeoutMs / 1000)} s after its restart`);
  }
}

async function writeChange({ host }: Session, { path, after }: FileChange): Promise<void> {
  if (after === undefined) return await host.files.remove(path);
  await host.files.makeDirectory(dirname(path));
  await host.files.writeText(path, after);
}

/** Puts everything back and tells why. @throws {NodeError} always. */
async function rollBack(
  session: Session,
  { journal, error, isRestarted }: { journal: Journal; error: unknown; isRestarted: boolean },
): Promise<never> {
  const { host, options, state } = session;
  const reason = errorText(error).replace(/\.$/, "");
  options.log.warn("taking everything back", { reason });
  try {
    for (const { path, backup } of journal.files) {
      const text = backup === undefined ? undefined : await host.files.readText(backup);
      if (backup !== undefined && text === undefined) throw new Error(`"${backup}" is gone`);
      await writeChange(session, { path, before: undefined, after: text });
    }
    for (const program of journal.programs) await restoreProgram(host.files, program);
    // An interrupted run may have restarted it with what was just taken back.
    if (isRestarted || (state.journal && options.restarts)) await serveAgain(session);
    await saveState(session, { state: { shims: state.shims, created: state.created } });
    await removeScratch(session);
    await removeOldVersions(session, state.shims);
  } catch (failure) {
    throw new NodeError(
      "InstallFailed",
      `${reason}. Taking it back failed too: ${errorText(failure)}. The next run tries ` +
        `again; the old configuration is in ${
          journal.files.map(({ backup }) => `"${backup}"`).join(", ") || "place"
        }.`,
      { cause: error },
    );
  }
  if (!isRestarted) {
    throw explainFailure(error, { what: "Cannot change the node; it is as it was" });
  }
  throw new NodeError(
    "RolledBack",
    `containerd does not run with the new configuration: ${reason}. The old ` +
      `configuration is in place again${
        wasServing(session) ? ", and containerd serves with it" : ""
      }.`,
    { cause: error },
  );
}

/** Starts containerd with what was put back. */
async function serveAgain(session: Session): Promise<void> {
  const { state, options } = session;
  try {
    await restart(session, true);
    // What it had may come from the interrupted run that is taken back now.
    const kept = state.journal ? [] : lastingHandlers(session);
    await waitOrThrow(session, { present: [], absent: [], kept });
  } catch (error) {
    if (wasServing(session)) throw error;
    options.log.warn("containerd did not serve before, and does not now", {
      reason: errorText(error),
    });
  }
}

/** Whether containerd has to serve after everything was taken back. */
function wasServing({ loaded, state }: Session): boolean {
  return loaded !== undefined || state.journal !== undefined;
}
