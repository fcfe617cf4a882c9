/**
 * The journal: what is about to be done to a node, and what was there before.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path/posix";
import { editRuntimes, listRuntimes } from "../containerd_config/edit.ts";
import type { RuntimeSetting } from "../containerd_config/runtime_block.ts";
import { originOf } from "../containerd_config/runtime_definitions.ts";
import type { FileChange } from "./config_plan.ts";
import { rcmPaths, type Session } from "./session.ts";
import { describeProgram, forgetProgram } from "./shim_files.ts";
import type { Journal, JournaledFile, JournaledProgram } from "./state_file.ts";

/** Old configurations that are kept. */
const MAX_BACKUPS = 3;

/** What a killed run changed and nobody has seen working: programs, and files as it left them. */
export interface Unproven {
  readonly programs: readonly JournaledProgram[];
  readonly files: readonly JournaledFile[];
}

/** Reads what an interrupted run left. */
export async function readUnproven({ host, options, state }: Session): Promise<Unproven> {
  const { journal } = state;
  if (journal === undefined) return { programs: [], files: [] };
  options.log.info("going on after an interrupted run", {
    operation: journal.operation,
    started: journal.startedAt,
  });
  const files: JournaledFile[] = [];
  for (const file of journal.files) {
    const text = await host.files.readText(file.path);
    if (digestOf(text) === file.newDigest) files.push(file);
  }
  return { programs: journal.programs, files };
}

/** What a journal is made for. */
export interface JournalRequest extends Pick<Journal, "operation"> {
  /** Paths of programs that will be replaced. */
  readonly programs: readonly string[];
  /** Files that will be written. */
  readonly changes: readonly FileChange[];
  readonly unproven: Unproven;
  /** Runtimes that containerd will read for the first time. */
  readonly fresh: readonly string[];
}

/** Backs up what will be replaced, and says where. */
export async function prepareJournal(
  session: Session,
  { operation, programs: paths, changes, unproven, fresh }: JournalRequest,
): Promise<Journal> {
  const { host } = session;
  const programs = [...unproven.programs];
  for (const path of paths) {
    if (programs.some((program) => program.path === path)) continue;
    const described = await describeProgram(host.files, path);
    // What an older run kept has served.
    await forgetProgram(host.files, described);
    programs.push(described);
  }
  const files = unproven.files.filter(({ path }) => !changes.some((file) => file.path === path));
  for (const file of changes) {
    const known = unproven.files.find(({ path }) => path === file.path);
    const backup = known ? known.backup : await backUp(session, file);
    files.push({ path: file.path, backup, newDigest: digestOf(file.after) });
  }
  const { target } = session.config;
  if (!files.some(({ path }) => path === target.path)) {
    const fallback = fallbackFor(session, fresh);
    if (fallback) {
      const backup = await backUp(session, fallback);
      files.push({ path: target.path, backup, newDigest: digestOf(target.text) });
    }
  }
  return { operation, startedAt: new Date(host.now()).toISOString(), programs, files };
}

/**
 * What to put in the place of a file that was written without a restart, if containerd does not run
 * with it: the file without the runtimes that containerd has never had.
 */
function fallbackFor(
  { config: { target }, options }: Session,
  fresh: readonly string[],
): FileChange | undefined {
  if (target.text === undefined || fresh.length === 0) return undefined;
  const { text } = editRuntimes(target.text, { set: [], remove: fresh }, {
    binDir: rcmPaths(options.rcmPath).binDir,
    version: target.version,
  });
  return text === target.text ? undefined : { path: target.path, before: text, after: target.text };
}

/** The runtimes of ours that a plan leaves in the configuration, whichever shim they are of. */
export function ourRuntimes(
  { config: { target }, options }: Session,
  changes: readonly FileChange[],
): RuntimeSetting[] {
  const changed = changes.find(({ path }) => path === target.path);
  const text = (changed ? changed.after : target.text) ?? "";
  const { binDir } = rcmPaths(options.rcmPath);
  return listRuntimes(text, { version: target.version }).flatMap((runtime) => {
    const { name, runtimeType, options } = runtime;
    return originOf(runtime, binDir) === "rcm" && runtimeType?.startsWith(`${binDir}/`)
      ? [{ name, runtimeType, options }]
      : [];
  });
}

function digestOf(text: string | undefined): string | undefined {
  return text === undefined ? undefined : createHash("sha256").update(text).digest("hex");
}

async function backUp(
  { host }: Session,
  { path, before }: FileChange,
): Promise<string | undefined> {
  if (before === undefined) return undefined;
  const numbers = (await listBackups({ host }, path)).map(({ number }) => number);
  const backup = `${path}.rcm-${Math.max(0, ...numbers) + 1}.bak`;
  await host.files.writeText(backup, before);
  return backup;
}

async function listBackups(
  { host }: Pick<Session, "host">,
  path: string,
): Promise<{ path: string; number: number }[]> {
  const prefix = `${basename(path)}.rcm-`;
  return (await host.files.list(dirname(path))).flatMap((name) => {
    const [, number] = name.startsWith(prefix)
      ? /^(\d+)\.bak$/.exec(name.slice(prefix.length)) ?? []
      : [];
    return number === undefined
      ? []
      : [{ path: join(dirname(path), name), number: Number(number) }];
  }).sort((a, b) => a.number - b.number);
}

/** Removes all but the last backups of a file. */
export async function pruneBackups({ host }: Session, path: string): Promise<void> {
  const backups = await listBackups({ host }, path);
  for (const { path } of backups.slice(0, -MAX_BACKUPS)) await host.files.remove(path);
}
