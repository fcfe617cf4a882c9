/**
 * Writing the files of a new app: all of them, or none.
 *
 * @module
 */

import { TerminalError } from "../../../lib/errors.ts";
import { basename, dirname, join, relative, resolve } from "../../../lib/path.ts";
import { removeIfThere } from "../../../lib/remove_if_there.ts";
import type { TemplateFile } from "./template.ts";

/** Options of {@link writeApp}. */
export interface WriteOptions {
  /** Replace files that are there already. */
  readonly allowOverwrite: boolean;
  /** Asks whether to write into a directory that is not empty; undefined: do not. */
  readonly confirm: ((question: string) => Promise<boolean>) | undefined;
  /** Everything is taken back when it fires. */
  readonly signal: AbortSignal;
  /** How messages name the directory. */
  readonly shown: string;
}

/**
 * Writes the files of an app. A new directory appears when it is complete; in one that is there
 * already, files are put in their places when all of them are written.
 *
 * @returns Whether it was done; false if the user did not want it.
 * @throws {TerminalError} if something is in the way.
 * @throws The signal's reason, when it fires; nothing is left then.
 */
export async function writeApp(
  directory: string,
  files: readonly TemplateFile[],
  options: WriteOptions,
): Promise<boolean> {
  const there = await namesIn(directory, options.shown);
  if (there === undefined) {
    await writeNew(directory, files, options.signal);
    return true;
  }
  const wanted = await withoutSamples(directory, files);
  const taken = await takenPaths(directory, wanted);
  if (there.length > 0 && !options.allowOverwrite) {
    const question =
      `Directory '${options.shown}' already contains other files. Generate into it anyway?`;
    if (!options.confirm || taken.length > 0) throw notEmpty(options.shown, taken);
    if (!await options.confirm(question)) return false;
  }
  await writeInto(directory, wanted, options.signal);
  return true;
}

function notEmpty(shown: string, taken: readonly string[]): TerminalError {
  const replaced = taken.length === 0 ? "" : `, and replace ${taken.join(", ")}`;
  return new TerminalError(
    "DirectoryNotEmpty",
    `Can't generate into ${shown} as it already contains other files; give --allow-overwrite to ` +
      `do it all the same${replaced}`,
  );
}

/** @returns Undefined if there is no such directory. */
async function namesIn(directory: string, shown: string): Promise<string[] | undefined> {
  try {
    const names: string[] = [];
    for await (const { name } of Deno.readDir(directory)) names.push(name);
    return names;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (!(error instanceof Deno.errors.NotADirectory)) throw error;
    throw new TerminalError(
      "NoDirectory",
      `Can't generate into ${shown}: it is a file, or below one; give another --output`,
      { cause: error },
    );
  }
}

async function withoutSamples(
  directory: string,
  files: readonly TemplateFile[],
): Promise<TemplateFile[]> {
  const wanted: TemplateFile[] = [];
  for (const file of files) {
    const isKept = file.isSample && await kindOf(dirname(join(directory, file.path))) !== undefined;
    if (!isKept) wanted.push(file);
  }
  return wanted;
}

/**
 * The files that would be replaced.
 * @throws {TerminalError} if a directory is where a file is to be, or the reverse.
 */
async function takenPaths(directory: string, files: readonly TemplateFile[]): Promise<string[]> {
  const taken: string[] = [];
  const problems: string[] = [];
  for (const { path } of files) {
    const parents = path.split("/").slice(0, -1)
      .map((_, index, parts) => parts.slice(0, index + 1).join("/"));
    for (const parent of parents) {
      if (await kindOf(join(directory, parent)) === "file") {
        problems.push(`${parent} is a file, but has to be a directory`);
      }
    }
    const kind = await kindOf(join(directory, path));
    if (kind === "directory") problems.push(`${path} is a directory, but has to be a file`);
    if (kind === "file") taken.push(path);
  }
  if (problems.length === 0) return taken;
  throw new TerminalError(
    "InTheWay",
    [...new Set(problems)].map((problem) => `Can't generate into ${directory}: ${problem}`)
      .join("\n"),
  );
}

async function kindOf(path: string): Promise<"file" | "directory" | undefined> {
  try {
    return (await Deno.stat(path)).isDirectory ? "directory" : "file";
  } catch (error) {
    const isAbsent = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (isAbsent) return undefined;
    throw error;
  }
}

/** The topmost directory that is missing appears with everything below it. */
async function writeNew(
  directory: string,
  files: readonly TemplateFile[],
  signal: AbortSignal,
): Promise<void> {
  const root = await topmostMissing(directory);
  const stage = join(dirname(root), `.${basename(root)}.${crypto.randomUUID()}.new`);
  try {
    await writeFiles(join(stage, relative(root, directory)), files, signal);
    await Deno.rename(stage, root);
  } catch (error) {
    await removeIfThere(stage, { recursive: true });
    throw error;
  }
}

async function topmostMissing(directory: string): Promise<string> {
  let missing = resolve(directory);
  while (await kindOf(dirname(missing)) === undefined) missing = dirname(missing);
  return missing;
}

/** What is replaced is kept until everything is in its place. */
async function writeInto(
  directory: string,
  files: readonly TemplateFile[],
  signal: AbortSignal,
): Promise<void> {
  const stage = join(directory, `.spinkube-new.${crypto.randomUUID()}`);
  const undo: (() => Promise<void>)[] = [];
  try {
    await writeFiles(join(stage, "new"), files, signal);
    for (const [index, { path }] of files.entries()) {
      const target = join(directory, path);
      await makeParents(target, undo);
      if (await kindOf(target) === "file") {
        const kept = join(stage, `old${index}`);
        await Deno.rename(target, kept);
        undo.push(() => Deno.rename(kept, target));
      }
      await Deno.rename(join(stage, "new", path), target);
      undo.push(() => Deno.remove(target));
      signal.throwIfAborted();
    }
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  } finally {
    await removeIfThere(stage, { recursive: true });
  }
}

async function makeParents(target: string, undo: (() => Promise<void>)[]): Promise<void> {
  const parent = dirname(target);
  if (await kindOf(parent) !== undefined) return;
  const first = await topmostMissing(parent);
  await Deno.mkdir(parent, { recursive: true });
  undo.push(() => Deno.remove(first, { recursive: true }));
}

async function writeFiles(
  directory: string,
  files: readonly TemplateFile[],
  signal: AbortSignal,
): Promise<void> {
  for (const { path, text } of files) {
    const target = join(directory, path);
    await Deno.mkdir(dirname(target), { recursive: true });
    await Deno.writeTextFile(target, text, { createNew: true });
    signal.throwIfAborted();
  }
}
