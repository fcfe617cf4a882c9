/**
 * The trees of files that a component sees: host directories, with single files laid over them.
 *
 * @module
 */

import type { BigIntStats } from "node:fs";
import { fs } from "../../lib/node_builtins.ts";
import { join } from "../../lib/path.ts";
import type { Mount } from "./component_context.ts";

/** What is at one place of a tree. */
export interface Entry {
  /** Undefined for a directory that exists only because a file is mounted below it. */
  readonly stats: BigIntStats | undefined;
  readonly type: EntryType;
}

/** The cases of `descriptor-type`. */
export type EntryType =
  | "unknown"
  | "block-device"
  | "character-device"
  | "directory"
  | "fifo"
  | "symbolic-link"
  | "regular-file"
  | "socket";

/** What `stats`, or an entry of a directory, is of. */
export function entryType(
  stats: Pick<
    BigIntStats,
    | "isFile"
    | "isDirectory"
    | "isSymbolicLink"
    | "isFIFO"
    | "isSocket"
    | "isCharacterDevice"
    | "isBlockDevice"
  >,
): EntryType {
  if (stats.isFile()) return "regular-file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symbolic-link";
  if (stats.isFIFO()) return "fifo";
  if (stats.isSocket()) return "socket";
  if (stats.isCharacterDevice()) return "character-device";
  if (stats.isBlockDevice()) return "block-device";
  return "unknown";
}

/** One tree. Places in it are lists of names from its top; they must hold no `..`. */
export class MountRoot {
  readonly guestPath: string;
  readonly isWritable: boolean;
  readonly #hostPath: string | undefined;
  readonly #files = new Map<string, { hostPath: string; isWritable: boolean }>();
  readonly #directories = new Set<string>();

  /** @param hostPath Without symbolic links; undefined for a tree of single files only. */
  constructor(
    guestPath: string,
    options: { hostPath: string | undefined; isWritable: boolean },
  ) {
    this.guestPath = guestPath;
    this.#hostPath = options.hostPath;
    this.isWritable = options.isWritable;
    if (options.hostPath === undefined) this.#directories.add("");
  }

  /** Lays the host's file over the tree. */
  addFile(
    parts: readonly string[],
    file: { readonly hostPath: string; readonly isWritable: boolean },
  ): void {
    this.#files.set(parts.join("/"), file);
    for (let depth = 0; depth < parts.length; depth++) {
      this.#directories.add(parts.slice(0, depth).join("/"));
    }
  }

  /** Whether the place belongs to a mounted file, so that it can be neither moved nor removed. */
  isPinned(parts: readonly string[]): boolean {
    const key = parts.join("/");
    return this.#files.has(key) || this.#directories.has(key);
  }

  /** Whether the file there may be changed: a mounted file is as its own mount says. */
  isWritableAt(parts: readonly string[]): boolean {
    return this.#files.get(parts.join("/"))?.isWritable ?? this.isWritable;
  }

  /** Where the place is on the host; undefined if it exists only in the guest's view. */
  hostPath(parts: readonly string[]): string | undefined {
    const file = this.#files.get(parts.join("/"));
    if (file !== undefined) return file.hostPath;
    return this.#hostPath === undefined ? undefined : join(this.#hostPath, ...parts);
  }

  /** What is there, symbolic links themselves included; undefined if there is nothing. */
  entry(parts: readonly string[]): Entry | undefined {
    const key = parts.join("/");
    const file = this.#files.get(key);
    // What is mounted is the file that a link leads to: it was the user's choice, not the guest's.
    if (file !== undefined) {
      return toEntry(fs().statSync(file.hostPath, { bigint: true, throwIfNoEntry: false }));
    }
    const found = this.#hostPath === undefined ? undefined : toEntry(
      fs().lstatSync(join(this.#hostPath, ...parts), { bigint: true, throwIfNoEntry: false }),
    );
    if (found) return found;
    return this.#directories.has(key) ? { stats: undefined, type: "directory" } : undefined;
  }

  /** The names and types in a directory, without `.` and `..`. */
  list(parts: readonly string[]): { name: string; type: EntryType }[] {
    const names = new Map<string, EntryType>();
    const hostPath = this.hostPath(parts);
    if (hostPath !== undefined && fs().lstatSync(hostPath, { throwIfNoEntry: false })) {
      for (const item of fs().readdirSync(hostPath, { withFileTypes: true })) {
        names.set(item.name, entryType(item));
      }
    }
    const prefix = parts.length === 0 ? "" : `${parts.join("/")}/`;
    const below = (key: string) =>
      key.startsWith(prefix) && key.length > prefix.length &&
      !key.slice(prefix.length).includes("/");
    for (const key of this.#directories) {
      const name = key.slice(prefix.length);
      if (below(key) && !names.has(name)) names.set(name, "directory");
    }
    for (const key of this.#files.keys()) {
      if (below(key)) names.set(key.slice(prefix.length), "regular-file");
    }
    return [...names].map(([name, type]) => ({ name, type }));
  }
}

function toEntry(stats: BigIntStats | undefined): Entry | undefined {
  return stats && { stats, type: entryType(stats) };
}

function splitPath(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

/**
 * The trees for a component's mounts. A mounted file is laid over the directory mounted nearest
 * above it; files above which nothing is mounted share one tree at `/`.
 * @throws {Deno.errors.NotFound} if a mount's host path does not exist.
 */
export function buildMountRoots(mounts: readonly Mount[]): MountRoot[] {
  const roots: { root: MountRoot; parts: string[] }[] = [];
  const files: { mount: Mount; hostPath: string }[] = [];
  for (const mount of mounts) {
    // Deno's own functions: Node's are loaded when a guest opens something.
    const hostPath = Deno.realPathSync(mount.hostPath);
    if (Deno.statSync(hostPath).isDirectory) {
      const options = { hostPath, isWritable: mount.writable };
      const root = new MountRoot(mount.guestPath, options);
      roots.push({ root, parts: splitPath(mount.guestPath) });
    } else {
      files.push({ mount, hostPath });
    }
  }
  for (const { mount, hostPath } of files) {
    const parts = splitPath(mount.guestPath);
    let nearest = roots
      .filter((candidate) => candidate.parts.every((part, i) => part === parts[i]))
      .sort((a, b) => b.parts.length - a.parts.length)[0];
    if (!nearest) {
      const options = { hostPath: undefined, isWritable: mount.writable };
      nearest = { root: new MountRoot("/", options), parts: [] };
      roots.push(nearest);
    }
    nearest.root.addFile(parts.slice(nearest.parts.length), {
      hostPath,
      isWritable: mount.writable,
    });
  }
  return roots.map(({ root }) => root);
}
