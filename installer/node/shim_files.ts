/**
 * Puts the programs of shims in place, and the old ones back.
 *
 * A program is replaced by a rename: whoever runs the old one goes on with it. A shim of several
 * files has a directory of its own for each version, and a link in `bin` that leads to the current
 * one.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { chmod, link, open } from "node:fs/promises";
import { basename, dirname, join } from "node:path/posix";
import { INSTALL_DIR } from "../../lib/install_dir.ts";
import type { HostFiles } from "./host_files.ts";
import type { JournaledProgram } from "./state_file.ts";

/** Something to install. */
export interface ShimAsset {
  /** The runtime's name: `spin-v2`. */
  readonly name: string;
  /** The program's file name: `containerd-shim-spin-v2`. */
  readonly fileName: string;
  /** Where it is, for this process: a program, or a directory with the program and what it needs. */
  readonly source: string;
  readonly kind: "file" | "directory";
  /** The program's name in the directory; default: {@link fileName}. */
  readonly program?: string;
  /** The version it says it has. */
  readonly version?: string;
}

/** An asset with what it is. */
export interface MeasuredAsset extends ShimAsset {
  /** SHA-256 of the program. */
  readonly sha256: string;
  /** SHA-256 over all of it. */
  readonly digest: string;
}

/** Where an asset goes. */
export interface ShimPlace {
  /** The program that containerd starts. */
  readonly path: string;
  /** What its link leads to, and the directory for that; for one program undefined. */
  readonly link: { readonly target: string; readonly directory: string } | undefined;
}

const PROGRAM_MODE = 0o755;
/** Digits of the digest in a directory's name. */
const SHORT_DIGEST = 12;
const COPY_BYTES = 1024 * 1024;

/** Prefix of the file names of shims. */
export const SHIM_PREFIX = "containerd-shim-";

/** Reads all of an asset. */
export async function measureAsset(asset: ShimAsset): Promise<MeasuredAsset> {
  if (asset.kind === "file") {
    const sha256 = await hashFile(asset.source);
    return { ...asset, sha256, digest: sha256 };
  }
  const all = createHash("sha256");
  const program = asset.program ?? asset.fileName;
  let sha256: string | undefined;
  for (const { path, mode, link } of await listTree(asset.source)) {
    // Compiled code is written while the program runs: it does not make it another program.
    if (path.startsWith(`${INSTALL_DIR.cache}/`)) continue;
    const content = link === undefined ? await hashFile(join(asset.source, path)) : `link ${link}`;
    if (path === program) sha256 = content;
    all.update(`${(mode & 0o777).toString(8)} ${content} ${path}\n`);
  }
  if (sha256 === undefined) throw new Error(`"${asset.source}" has no "${program}" in it.`);
  return { ...asset, sha256, digest: all.digest("hex") };
}

/** Where an asset goes. @param rcmPath `/opt/rcm`. */
export function placeOf(asset: MeasuredAsset, rcmPath: string): ShimPlace {
  const path = join(rcmPath, "bin", asset.fileName);
  if (asset.kind === "file") return { path, link: undefined };
  const name = `${asset.name}-${asset.digest.slice(0, SHORT_DIGEST)}`;
  return {
    path,
    link: {
      target: join("..", "lib", name, asset.program ?? asset.fileName),
      directory: join(rcmPath, "lib", name),
    },
  };
}

/** Whether an asset is in place already. */
export async function isInPlace(
  files: HostFiles,
  { asset, place }: { asset: MeasuredAsset; place: ShimPlace },
): Promise<boolean> {
  const kind = await files.ownKind(place.path);
  if (place.link) {
    return kind === "link" && await files.readLink(place.path) === place.link.target &&
      await files.exists(place.path);
  }
  return kind === "file" && await hashFile(await files.resolve(place.path)) === asset.sha256;
}

/** What a later {@link restoreProgram} has to know. Nothing is changed yet. */
export async function describeProgram(files: HostFiles, path: string): Promise<JournaledProgram> {
  const target = await files.readLink(path);
  if (target !== undefined) return { path, before: { kind: "link", target } };
  return await files.ownKind(path) === undefined
    ? { path, before: { kind: "none" } }
    : { path, before: { kind: "file", saved: savedPath(path) } };
}

function savedPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.rcm-old`);
}

/** Copies an asset to where it takes effect by one rename; see {@link switchTo}. */
export async function copyAsset(
  files: HostFiles,
  { asset, place }: { asset: MeasuredAsset; place: ShimPlace },
): Promise<void> {
  await files.makeDirectory(dirname(place.path), 0o775);
  if (place.link === undefined) {
    await copyProgram(asset, await files.resolveParent(newPath(place.path)));
    return;
  }
  const { directory } = place.link;
  // It has its digest in its name and came there by a rename: it is complete.
  if (await files.exists(directory)) return;
  const unfinished = `${directory}.new`;
  await files.removeTree(unfinished);
  await files.makeDirectory(unfinished);
  const real = await files.resolve(unfinished);
  try {
    for (const { path, mode, link } of await listTree(asset.source)) {
      const target = join(real, path);
      await Deno.mkdir(dirname(target), { recursive: true });
      if (link === undefined) await copyFile(join(asset.source, path), { target, mode });
      else await Deno.symlink(link, target);
    }
    await files.rename(unfinished, directory);
  } catch (error) {
    await files.removeTree(unfinished);
    throw error;
  }
}

/** Where the program of an asset is on the node once it is copied, before it takes effect. */
export function copiedProgram(place: ShimPlace): string {
  return place.link === undefined
    ? newPath(place.path)
    : join(dirname(place.path), place.link.target);
}

/** Lets what was copied take effect. The old program is kept as the journal says. */
export async function switchTo(
  files: HostFiles,
  { place, before }: { place: ShimPlace; before: JournaledProgram["before"] },
): Promise<void> {
  if (before.kind === "file" && !await files.exists(before.saved)) {
    await link(await files.resolve(place.path), await files.resolveParent(before.saved));
  }
  if (place.link) await files.link(place.path, place.link.target);
  else await files.rename(newPath(place.path), place.path);
}

/** Puts back what was there before. */
export async function restoreProgram(
  files: HostFiles,
  { path, before }: JournaledProgram,
): Promise<void> {
  if (before.kind === "none") await files.remove(path);
  else if (before.kind === "link") await files.link(path, before.target);
  // If it was not saved yet, it was not replaced yet either.
  else if (await files.exists(before.saved)) await files.rename(before.saved, path);
}

/** Removes what was kept for {@link restoreProgram}. */
export async function forgetProgram(files: HostFiles, { before }: JournaledProgram): Promise<void> {
  if (before.kind === "file") await files.remove(before.saved);
}

/** Where a program is until it takes effect. */
function newPath(path: string): string {
  return join(dirname(path), `.${basename(path)}.rcm-new`);
}

async function copyProgram(asset: MeasuredAsset, target: string): Promise<void> {
  try {
    const sha256 = await copyFile(asset.source, { target, mode: PROGRAM_MODE });
    if (sha256 !== asset.sha256) throw new Error(`"${asset.source}" changed while it was copied.`);
  } catch (error) {
    await removeQuietly(target);
    throw error;
  }
}

async function removeQuietly(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch {
    // The error that led here is the one to tell.
  }
}

/** Copies a file so that it survives a power cut. @returns SHA-256 of what was written. */
async function copyFile(
  source: string,
  { target, mode }: { target: string; mode: number },
): Promise<string> {
  const hash = createHash("sha256");
  const buffer = new Uint8Array(COPY_BYTES);
  using from = await Deno.open(source);
  const to = await open(target, "w", mode);
  try {
    for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
      hash.update(buffer.subarray(0, count));
      let written = 0;
      while (written < count) {
        written += (await to.write(buffer, written, count - written)).bytesWritten;
      }
    }
    await to.sync();
  } finally {
    await to.close();
  }
  await chmod(target, mode & 0o777);
  return hash.digest("hex");
}

/** SHA-256 of a file in hexadecimal. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  const buffer = new Uint8Array(COPY_BYTES);
  for (let count = await file.read(buffer); count !== null; count = await file.read(buffer)) {
    hash.update(buffer.subarray(0, count));
  }
  return hash.digest("hex");
}

interface TreeEntry {
  readonly path: string;
  readonly mode: number;
  /** The target if it is a link. */
  readonly link: string | undefined;
}

/** All files and links below a directory, sorted. */
async function listTree(directory: string, below = ""): Promise<TreeEntry[]> {
  const found: TreeEntry[] = [];
  for await (const { name, isDirectory } of Deno.readDir(join(directory, below))) {
    const path = join(below, name);
    if (isDirectory) {
      found.push(...await listTree(directory, path));
      continue;
    }
    const info = await Deno.lstat(join(directory, path));
    if (info.isSymlink) {
      found.push({ path, mode: 0o777, link: await Deno.readLink(join(directory, path)) });
    } else if (info.isFile) found.push({ path, mode: info.mode ?? 0o644, link: undefined });
    else throw new Error(`"${join(directory, path)}" is neither a file nor a directory.`);
  }
  return found.sort((a, b) => a.path < b.path ? -1 : 1);
}
