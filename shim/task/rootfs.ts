/**
 * Mounts a container's root file system, as containerd says.
 *
 * @module
 */

import { check, cString, ERRNO, type Libc, SystemError } from "./libc.ts";

/** One mount, as containerd's snapshotter describes it. */
export interface RootfsMount {
  readonly type: string;
  readonly source: string;
  /** Below the root; empty: the root itself. */
  readonly target?: string;
  readonly options: readonly string[];
}

const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const MS_REMOUNT = 0x20;
const MS_RDONLY = 0x1;
const MNT_DETACH = 2;

/** Options that are flags. The second number, if there is one, is what is taken away. */
const FLAGS: Readonly<Record<string, readonly [set: number, clear?: number]>> = {
  async: [0, 0x10],
  atime: [0, 0x400],
  bind: [MS_BIND],
  defaults: [0],
  dev: [0, 0x4],
  diratime: [0, 0x800],
  dirsync: [0x80],
  exec: [0, 0x8],
  mand: [0x40],
  noatime: [0x400],
  nodev: [0x4],
  nodiratime: [0x800],
  noexec: [0x8],
  nomand: [0, 0x40],
  norelatime: [0, 0x200000],
  nostrictatime: [0, 0x1000000],
  nosuid: [0x2],
  rbind: [MS_BIND | MS_REC],
  relatime: [0x200000],
  remount: [MS_REMOUNT],
  ro: [MS_RDONLY],
  rw: [0, MS_RDONLY],
  strictatime: [0x1000000],
  suid: [0, 0x2],
  sync: [0x10],
};

/** Bytes of the data of mount(2): one page, less its end. */
const MAX_DATA = 4095;

/** What mount(2) is given. */
export interface MountCall {
  readonly flags: number;
  readonly data: string;
  /** Where relative paths in `data` begin; undefined: they are absolute. */
  readonly directory?: string | undefined;
}

/**
 * Splits options into flags and data. An overlay with so many layers that they do not fit into one
 * page gets paths relative to their common directory.
 * @throws {RangeError} if they do not fit even so.
 */
export function mountCall(options: readonly string[]): MountCall {
  let flags = 0;
  const data: string[] = [];
  for (const option of options) {
    const known = FLAGS[option];
    if (known) flags = (flags | known[0]) & ~(known[1] ?? 0);
    else if (option !== "loop") data.push(option);
  }
  const text = data.join(",");
  if (text.length <= MAX_DATA) return { flags, data: text };
  const short = shortenLayers(data);
  if (short.data.length <= MAX_DATA) return { flags, ...short };
  throw new RangeError(`the mount options are ${short.data.length} bytes long, ${MAX_DATA} fit`);
}

function shortenLayers(data: readonly string[]): { data: string; directory: string } {
  const layers = data.flatMap((option) =>
    option.startsWith("lowerdir=") ? option.slice("lowerdir=".length).split(":") : []
  );
  const directory = commonDirectory(layers);
  const shortened = data.map((option) =>
    option.startsWith("lowerdir=")
      ? `lowerdir=${layers.map((layer) => layer.slice(directory.length + 1)).join(":")}`
      : option
  );
  return { data: shortened.join(","), directory };
}

/** The longest directory that all absolute paths are below, without a slash at the end. */
function commonDirectory(paths: readonly string[]): string {
  const parts = paths.map((path) => path.split("/").slice(0, -1));
  const shortest = Math.min(...parts.map(({ length }) => length));
  let common = 0;
  while (common < shortest && parts.every((part) => part[common] === parts[0]![common])) common++;
  return parts[0]?.slice(0, common).join("/") ?? "";
}

/**
 * Mounts onto `root`, in order. If one fails, those before are undone.
 * @throws {Error} naming the mount that failed.
 */
export function mountRootfs(
  libc: Libc,
  { root, mounts }: { root: string; mounts: readonly RootfsMount[] },
): void {
  for (const [index, mount] of mounts.entries()) {
    const target = mount.target ? `${root}/${mount.target}` : root;
    try {
      mountOne(libc, mount, target);
    } catch (error) {
      if (index > 0) unmount(libc, root);
      const what = `${mount.type} ${mount.source} on ${target}`;
      throw new Error(
        `Cannot mount ${what}: ${error instanceof Error ? error.message : error}`,
        { cause: error },
      );
    }
  }
}

function mountOne(libc: Libc, mount: RootfsMount, target: string): void {
  const { flags, data, directory } = mountCall(mount.options);
  const call = (withFlags: number): void => {
    const result = libc.mount(
      cString(mount.source),
      cString(target),
      cString(mount.type),
      BigInt(withFlags),
      cString(data),
    );
    check(libc, { call: "mount", result });
  };
  const before = directory === undefined ? undefined : Deno.cwd();
  if (directory !== undefined) Deno.chdir(directory);
  try {
    call(flags);
  } finally {
    if (before !== undefined) Deno.chdir(before);
  }
  // The kernel ignores other flags when a mount is bound; they take a second call.
  const isReadOnlyBind = (flags & MS_BIND) !== 0 && (flags & MS_RDONLY) !== 0;
  if (isReadOnlyBind) call(flags | MS_REMOUNT);
}

/** Unmounts everything at `path`, at the latest when nobody uses it any more. */
export function unmount(libc: Libc, path: string): void {
  for (;;) {
    const result = libc.umount2(cString(path), MNT_DETACH);
    try {
      check(libc, { call: "umount", result });
    } catch (error) {
      // Nothing is mounted there any more, or the directory is gone.
      const isDone = error instanceof SystemError &&
        (error.errno === ERRNO.EINVAL || error.errno === ERRNO.ENOENT);
      if (isDone) return;
      throw error;
    }
  }
}
