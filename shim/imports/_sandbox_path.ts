/**
 * Paths as guests give them, resolved without ever leaving the directory they are relative to.
 *
 * @module
 */

import { fs } from "../../lib/node_builtins.ts";
import { SEPARATOR } from "../../lib/path.ts";
import type { Entry, MountRoot } from "./_mount_root.ts";
import type { FsErrorCode } from "./_fs_errors.ts";

/** Symbolic links followed in one path, as Linux has it. */
const MAX_LINKS = 40;

/** What would split a name on the host but not for the guest: backslashes and drives of Windows. */
const HOST_SEPARATORS = SEPARATOR === "/" ? /[/]/ : /[\\/:]/;

/** A place that a path leads to. */
export interface Place {
  readonly root: MountRoot;
  readonly parts: readonly string[];
  /** Undefined if nothing is there, but its directory exists. */
  readonly entry: Entry | undefined;
  /** The path ends in a slash or in `.`: only a directory will do. */
  readonly mustBeDirectory: boolean;
}

/**
 * Walks `path` name by name. Links are followed by hand, so that none can lead out of the directory
 * at `base`, neither at the end of the path nor on the way.
 * @param options.follow Whether a link at the end of the path is followed, too.
 * @throws {FsErrorCode} `not-permitted` for a path that leads out of the directory; `no-entry`,
 * `not-directory`, `loop`, `invalid`.
 */
export function resolvePath(
  path: string,
  options: { root: MountRoot; base: readonly string[]; follow: boolean },
): Place {
  const { root, base, follow } = options;
  if (path === "") throw "no-entry" satisfies FsErrorCode;
  if (path.startsWith("/")) throw "not-permitted" satisfies FsErrorCode;
  if (path.includes("\0")) throw "invalid" satisfies FsErrorCode;
  const queue = path.split("/");
  const mustBeDirectory = /(?:^|\/)\.{0,2}$/.test(path);
  const parts = [...base];
  let entry: Entry | undefined = root.entry(parts);
  let links = 0;
  while (queue.length > 0) {
    const name = queue.shift()!;
    if (entry?.type !== "directory") throw entry ? "not-directory" : "no-entry";
    if (name === "" || name === ".") continue;
    if (name === "..") {
      if (parts.length === base.length) throw "not-permitted" satisfies FsErrorCode;
      parts.pop();
      entry = root.entry(parts);
      continue;
    }
    if (HOST_SEPARATORS.test(name)) throw "not-permitted" satisfies FsErrorCode;
    const next = [...parts, name];
    const found = root.entry(next);
    const isLast = queue.every((rest) => rest === "" || rest === ".");
    if (found?.type === "symbolic-link" && (!isLast || follow || mustBeDirectory)) {
      if (++links > MAX_LINKS) throw "loop" satisfies FsErrorCode;
      queue.unshift(...linkTarget(root, next));
      continue;
    }
    parts.push(name);
    entry = found;
    if (isLast) break;
  }
  if (mustBeDirectory && entry && entry.type !== "directory") {
    throw "not-directory" satisfies FsErrorCode;
  }
  return { root, parts, entry, mustBeDirectory };
}

/** @throws {FsErrorCode} `not-permitted` for an absolute target: it leads out by definition. */
function linkTarget(root: MountRoot, parts: readonly string[]): string[] {
  const target = fs().readlinkSync(root.hostPath(parts)!);
  if (target.startsWith("/") || target === "") throw "not-permitted" satisfies FsErrorCode;
  return target.split("/");
}
