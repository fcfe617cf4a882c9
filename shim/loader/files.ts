/**
 * The files of components: finds them, and copies them to where the guest sees them.
 *
 * @module
 */

import { toFileUrl } from "../../lib/file_url.ts";
import { TerminalError } from "../../lib/errors.ts";
import { dirname, isAbsolute, join, relative, resolve, SEPARATOR } from "../../lib/path.ts";
import { removeIfThere } from "../../lib/remove_if_there.ts";
import type { ContentRef } from "./locked_app.ts";
import type { FileMount } from "./manifest.ts";

/** The mounts of a locked component. */
export type LockedFiles = ({ path: string } & ContentRef)[];

/** What {@link planFiles} needs to know. */
export interface PlanFilesOptions {
  readonly appDir: string;
  /** Absolute paths begin here. Default: they are refused. */
  readonly rootDir?: string;
  /** Where the copies of this component go; never taken for a part of the app. */
  readonly targetDir: string;
  readonly excludeFiles: readonly string[];
  /** Called with the index of a mount and what is wrong with it. */
  readonly problem: (index: number, message: string) => void;
}

/** Absolute paths of copies, and of what they are copies of. */
export type FilePlan = ReadonlyMap<string, string>;

/**
 * Finds the files of a component without copying any. Of two files with one destination the later
 * wins. Nothing outside of the app's directory is taken, not even through a symbolic link.
 */
export async function planFiles(
  mounts: readonly FileMount[],
  options: PlanFilesOptions,
): Promise<FilePlan> {
  const plan = new Map<string, string>();
  const finder = {
    ...options,
    realAppDir: await Deno.realPath(options.appDir),
    exclusions: await Promise.all(options.excludeFiles.map(exclusionMatcher)),
  };
  for (const [index, mount] of mounts.entries()) {
    try {
      const found = mount.kind === "pattern"
        ? await findPattern(mount.pattern, finder)
        : await findPlacement(mount, finder);
      for (const [target, source] of found) plan.set(target, source);
    } catch (error) {
      if (!(error instanceof MountError)) throw error;
      options.problem(index, error.message);
    }
  }
  return plan;
}

/** Copies that run at once. */
const COPY_CONCURRENCY = 16;

/**
 * Copies a plan into `targetDir`, which is made, and emptied first if `isOwned`.
 * @throws {TerminalError} naming the file that cannot be copied.
 */
export async function copyFiles(
  plan: FilePlan,
  { targetDir, isOwned }: { targetDir: string; isOwned: boolean },
): Promise<LockedFiles> {
  if (isOwned) await removeIfThere(targetDir, { recursive: true });
  await Deno.mkdir(targetDir, { recursive: true });
  const queue = plan.entries();
  await Promise.all(Array.from({ length: COPY_CONCURRENCY }, () => copyAll(queue)));
  return [{ source: toFileUrl(targetDir).href, path: "/" }];
}

async function copyAll(queue: Iterator<[string, string]>): Promise<void> {
  for (let next = queue.next(); !next.done; next = queue.next()) {
    const [target, source] = next.value;
    try {
      await Deno.mkdir(dirname(target), { recursive: true });
      await Deno.copyFile(source, target);
    } catch (error) {
      throw new TerminalError(
        "CannotCopyFile",
        `Failed to copy ${JSON.stringify(source)} to working path ${JSON.stringify(target)}: ${
          error instanceof Error ? error.message : error
        }`,
        { cause: error },
      );
    }
  }
}

/**
 * The mounts of `--direct-mounts`: the directories themselves. What is wrong goes to
 * `options.problem`.
 */
export async function directMounts(
  mounts: readonly FileMount[],
  options: Pick<PlanFilesOptions, "appDir" | "rootDir" | "problem">,
): Promise<LockedFiles> {
  const files: LockedFiles = [];
  const finder = { ...options, realAppDir: await Deno.realPath(options.appDir) };
  for (const [index, mount] of mounts.entries()) {
    const source = mount.kind === "pattern" ? mount.pattern : mount.source;
    const destination = mount.kind === "pattern" ? mount.pattern : mount.destination;
    try {
      const path = await checkInside(source, finder);
      if (!(await statOrUndefined(path))?.isDirectory) {
        throw new MountError(
          `Only directory mounts are supported with \`--direct-mounts\`; ${
            JSON.stringify(source)
          } is not a directory.`,
        );
      }
      guestPath(destination);
      files.push({ source: toFileUrl(path).href, path: destination });
    } catch (error) {
      if (!(error instanceof MountError)) throw error;
      options.problem(index, error.message);
    }
  }
  return files;
}

/** Something the user has to change about one mount. */
class MountError extends Error {
  override readonly name = "MountError";
}

interface Finder extends PlanFilesOptions {
  readonly realAppDir: string;
  /** What matches one of these is left out. */
  readonly exclusions: readonly Matcher[];
}

/** Takes a path relative to the app, with slashes. */
type Matcher = (path: string) => boolean;

type Found = [target: string, source: string][];

async function findPattern(pattern: string, finder: Finder): Promise<Found> {
  for (const [ending, name] of [["..", "parent"], [".", "current"]] as const) {
    if (pattern !== ending && !pattern.endsWith(`/${ending}`)) continue;
    throw new MountError(
      `A file pattern can't end in a ${name} directory path (${ending}). If you want to include a ` +
        "directory, use source-destination form, or a glob pattern ending in **/*.",
    );
  }
  if (pattern === "") throw new MountError("A file pattern cannot be empty");
  const path = await checkInside(pattern, finder);
  const info = await statOrUndefined(path);
  const name = toPosix(relative(finder.appDir, path));
  if (info?.isFile) return [[join(finder.targetDir, name), path]];
  if (!info?.isDirectory && !/[*?[]/.test(pattern)) {
    throw new MountError(
      `${JSON.stringify(pattern)} does not exist and doesn't appear to be a glob pattern`,
    );
  }
  const isMatch = info?.isDirectory ? () => true : await globMatcher(name);
  const base = info?.isDirectory ? path : join(finder.appDir, globBase(name));
  const found: Found = [];
  for await (const file of walk(base, finder)) {
    const relativePath = toPosix(relative(finder.appDir, file));
    if (isMatch(relativePath) && !isExcluded(relativePath, finder)) {
      found.push([join(finder.targetDir, relativePath), file]);
    }
  }
  return found;
}

async function findPlacement(
  { source, destination }: { source: string; destination: string },
  finder: Finder,
): Promise<Found> {
  const path = await checkInside(source, finder);
  const info = await statOrUndefined(path);
  if (!info) throw new MountError(`File or directory ${JSON.stringify(source)} does not exist`);
  const target = join(finder.targetDir, guestPath(destination));
  if (!info.isDirectory) {
    if (/(?:^|\/)\.?$/.test(destination)) {
      throw new MountError(`${JSON.stringify(destination)} is not a valid destination file name`);
    }
    return [[target, path]];
  }
  const found: Found = [];
  for await (const file of walk(path, finder)) {
    if (isExcluded(toPosix(relative(finder.appDir, file)), finder)) continue;
    found.push([join(target, relative(path, file)), file]);
  }
  return found;
}

/** The absolute path of something in the app's directory, whether it exists or not. */
async function checkInside(
  path: string,
  { appDir, realAppDir, rootDir }: { appDir: string; realAppDir: string; rootDir?: string },
): Promise<string> {
  const absolute = rootDir !== undefined && isAbsolute(path)
    ? join(rootDir, path)
    : resolve(appDir, path);
  if (path.split(/[\\/]/).includes("..") || !isWithin(absolute, appDir)) {
    throw new MountError(
      `${path} cannot be mapped because it is outside the application directory. ` +
        "Files must be within the application directory.",
    );
  }
  await checkLink(absolute, realAppDir);
  return absolute;
}

async function checkLink(path: string, realAppDir: string): Promise<string | undefined> {
  const real = await realPathOrUndefined(path);
  if (real === undefined || isWithin(real, realAppDir)) return real;
  throw new MountError(
    `${JSON.stringify(path)} leads out of the application directory through a symbolic link, to ` +
      `${JSON.stringify(real)}; put a copy of the file in its place`,
  );
}

/** Whether an absolute path is `directory` or below it. */
export function isWithin(path: string, directory: string): boolean {
  const way = relative(directory, path);
  return way === "" || (way !== ".." && !way.startsWith(`..${SEPARATOR}`) && !isAbsolute(way));
}

/**
 * A destination without `/` in front.
 * @throws {MountError} if it leads upward.
 */
function guestPath(destination: string): string {
  const path = destination.replace(/^\/+/, "");
  if (path.split(/[\\/]/).includes("..")) {
    throw new MountError(`the destination ${JSON.stringify(destination)} must not contain ".."`);
  }
  return path;
}

/** Every regular file below `directory`, in the order of names; links are followed, once. */
async function* walk(
  directory: string,
  finder: Finder & { readonly ancestors?: readonly string[] },
): AsyncGenerator<string> {
  const { ancestors = [] } = finder;
  const real = await checkLink(directory, finder.realAppDir);
  if (real === undefined || ancestors.includes(real) || directory === finder.targetDir) return;
  const names = (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name).sort();
  for (const name of names) {
    const path = join(directory, name);
    // A link to nothing is no file.
    const info = await statOrUndefined(path);
    if (info?.isDirectory) yield* walk(path, { ...finder, ancestors: [...ancestors, real] });
    else if (info?.isFile) {
      await checkLink(path, finder.realAppDir);
      yield path;
    }
  }
}

/** What Rust's glob does not know is switched off; a leading dot is matched like any character. */
const GLOB_OPTIONS = { dot: true, nobrace: true, noextglob: true, nonegate: true };

async function globMatcher(pattern: string): Promise<Matcher> {
  return (await loadPicomatch())(pattern, GLOB_OPTIONS);
}

/** In `exclude_files` a single `*` also matches `/`. */
async function exclusionMatcher(pattern: string): Promise<Matcher> {
  return (await loadPicomatch())(pattern, { ...GLOB_OPTIONS, bash: true });
}

/** Only for apps with patterns: loading it takes 10 ms, a tenth of the loading of all modules. */
async function loadPicomatch() {
  return (await import("picomatch")).default;
}

function isExcluded(path: string, { exclusions }: Finder): boolean {
  return exclusions.some((isMatch) => isMatch(path));
}

/** The directory above the first segment that is a pattern. */
function globBase(pattern: string): string {
  const segments = pattern.split("/");
  const first = segments.findIndex((segment) => /[*?[]/.test(segment));
  return segments.slice(0, first).join("/");
}

async function statOrUndefined(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function realPathOrUndefined(path: string): Promise<string | undefined> {
  try {
    return await Deno.realPath(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory ||
    error instanceof Deno.errors.FilesystemLoop;
}

function toPosix(path: string): string {
  return SEPARATOR === "/" ? path : path.replaceAll(SEPARATOR, "/");
}
