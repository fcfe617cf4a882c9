/**
 * The files of a node, whose root may be mounted anywhere.
 *
 * Links are followed inside that root: `/etc/containerd` → `/var/containerd` of the node is not the
 * `/var/containerd` of the container the installer runs in.
 *
 * @module
 */

import { basename, dirname, join, normalize } from "node:path/posix";
import { chmod, chown, lstat, open, rename, stat } from "node:fs/promises";

/** As many links as Linux follows. */
const MAX_LINKS = 40;
const DEFAULT_MODE = 0o644;

/** What is at a path. */
export type FileKind = "file" | "directory" | "link" | "other";

/** A held lock. Whoever took it closes it; the kernel does if the process dies. */
export interface FileLock extends Disposable {}

/** All paths are absolute ones of the node. */
export class HostFiles {
  /** Where the node's root is mounted. */
  readonly root: string;

  constructor(root: string) {
    this.root = root === "/" ? "/" : root.replace(/\/+$/, "");
  }

  /** The path that this process has to open. @throws {Error} if links go in circles. */
  async resolve(path: string): Promise<string> {
    return await this.#resolve(path, true);
  }

  /** As {@link resolve}, but a link at the very end is not followed. */
  async resolveParent(path: string): Promise<string> {
    return await this.#resolve(path, false);
  }

  async #resolve(path: string, followsLast: boolean): Promise<string> {
    let words = normalize(path).split("/").filter((word) => word !== "");
    let done: string[] = [];
    for (let links = 0; words.length > 0;) {
      const [word = "", ...rest] = words;
      words = rest;
      if (word === "..") {
        done.pop();
        continue;
      }
      const here = this.#real([...done, word]);
      const target = (rest.length > 0 || followsLast) ? await readLink(here) : undefined;
      if (target === undefined) {
        done.push(word);
        continue;
      }
      if (++links > MAX_LINKS) throw new Error(`Too many links: ${path}`);
      if (target.startsWith("/")) done = [];
      words = [...target.split("/").filter((part) => part !== "" && part !== "."), ...words];
    }
    return this.#real(done);
  }

  #real(words: readonly string[]): string {
    return words.length === 0 ? this.root : join(this.root, ...words);
  }

  /** The path on the node that a path leads to. */
  async follow(path: string): Promise<string> {
    const real = await this.resolve(path);
    return this.root === "/" ? real : real.slice(this.root.length) || "/";
  }

  /** What is at a path, links followed; undefined if nothing is. */
  async kind(path: string): Promise<FileKind | undefined> {
    return await kindAt(await this.resolve(path));
  }

  /** Whether there is anything at a path, links followed. */
  async exists(path: string): Promise<boolean> {
    return await this.kind(path) !== undefined;
  }

  /** A file's text; undefined if there is none. @throws {Error} if it cannot be read. */
  async readText(path: string): Promise<string | undefined> {
    try {
      return await Deno.readTextFile(await this.resolve(path));
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  /** The target of a link; undefined if it is none. */
  async readLink(path: string): Promise<string | undefined> {
    return await readLink(await this.resolveParent(path));
  }

  /** The names in a directory, sorted; empty if there is none. */
  async list(path: string): Promise<string[]> {
    const names: string[] = [];
    try {
      for await (const { name } of Deno.readDir(await this.resolve(path))) names.push(name);
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
    return names.sort();
  }

  /** Makes a directory and those above it. */
  async makeDirectory(path: string, mode = 0o755): Promise<void> {
    await Deno.mkdir(await this.resolve(path), { recursive: true, mode });
  }

  /**
   * Replaces a file's text in one step: others see the old text or the new one, after a power cut
   * too. Mode and owner stay; a link stays, and the file it leads to is replaced.
   */
  async writeText(path: string, text: string): Promise<void> {
    const target = await this.resolve(path);
    const old = await statOf(target);
    const temporary = join(dirname(target), `.${basename(target)}.rcm-new`);
    try {
      await writeDurably(temporary, text);
      await chmod(temporary, old ? old.mode & 0o7777 : DEFAULT_MODE);
      if (old) await chown(temporary, old.uid, old.gid);
      await rename(temporary, target);
    } catch (error) {
      await removeIfThere(temporary);
      throw error;
    }
    await syncDirectory(dirname(target));
  }

  /** Writes a file that nobody reads yet, without the care of {@link writeText}. */
  async writeScratch(path: string, text: string): Promise<void> {
    await Deno.writeTextFile(await this.resolve(path), text);
  }

  /** Removes a file or link; nothing happens if there is none. */
  async remove(path: string): Promise<void> {
    const real = await this.resolveParent(path);
    await removeIfThere(real);
    await syncDirectory(dirname(real)).catch(ignoreAbsent);
  }

  /** Removes a directory with all that is in it; nothing happens if there is none. */
  async removeTree(path: string): Promise<void> {
    try {
      await Deno.remove(await this.resolveParent(path), { recursive: true });
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }

  /** Moves a file, link or directory over what is at the other path. */
  async rename(from: string, to: string): Promise<void> {
    const target = await this.resolveParent(to);
    await rename(await this.resolveParent(from), target);
    await syncDirectory(dirname(target));
  }

  /** Makes a link in one step, in the place of what is there. */
  async link(path: string, target: string): Promise<void> {
    const real = await this.resolveParent(path);
    const temporary = join(dirname(real), `.${basename(real)}.rcm-new`);
    await removeIfThere(temporary);
    await Deno.symlink(target, temporary);
    await rename(temporary, real);
    await syncDirectory(dirname(real));
  }

  /** What is at a path, a link itself included; undefined if nothing is. */
  async ownKind(path: string): Promise<FileKind | undefined> {
    return await kindAt(await this.resolveParent(path));
  }

  /**
   * Locks a file, which is made if it is not there. Undefined if somebody else has it.
   * @throws {Error} if the file cannot be made.
   */
  async tryLock(path: string): Promise<FileLock | undefined> {
    const file = await Deno.open(await this.resolve(path), { create: true, write: true });
    if (await file.tryLock(true)) return { [Symbol.dispose]: () => file.close() };
    file.close();
    return undefined;
  }
}

async function readLink(path: string): Promise<string | undefined> {
  try {
    return await Deno.readLink(path);
  } catch {
    // It is no link, or nothing is there: whoever opens it will tell.
    return undefined;
  }
}

async function statOf(
  path: string,
): Promise<{ mode: number; uid: number; gid: number } | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

async function kindAt(path: string): Promise<FileKind | undefined> {
  try {
    const info = await lstat(path);
    if (info.isSymbolicLink()) return "link";
    return info.isFile() ? "file" : info.isDirectory() ? "directory" : "other";
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, "w", DEFAULT_MODE);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes a rename survive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    ignoreAbsent(error);
  }
}

function ignoreAbsent(error: unknown): void {
  if (!isAbsent(error)) throw error;
}

function isAbsent(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  return code === "ENOENT" || code === "ENOTDIR" || error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.NotADirectory;
}
