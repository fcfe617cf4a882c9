/**
 * Where prepared components are kept: a directory of content-addressed entries that any number of
 * processes share. An entry appears whole, by rename, or not at all.
 *
 * @module
 */

import { errorText, TerminalError } from "../../lib/errors.ts";
import { readWholeFile } from "../../lib/read_file.ts";
import { ARTIFACT_FILES, type ArtifactManifest, sha256Hex } from "./artifact.ts";
import { engineVersion } from "./engine_version.ts";
import type { PreparedFiles } from "./prepare.ts";

/** A verified entry. */
export interface PreparedComponent {
  /** Absolute path; the bindings are imported from here. */
  readonly directory: string;
  readonly manifest: ArtifactManifest;
  /** The core modules, by file name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** What it was composed with, the outermost first; absent if there is none. */
  readonly middleware?: readonly PreparedComponent[];
}

/** The entry's directory name: the source's digest and the engine's version. */
export function entryName(sourceHex: string): string {
  return `${sourceHex}-${engineVersion()}`;
}

/**
 * Reads and verifies an entry.
 * @param options.isTrusted Nobody but root could have changed it, and it was complete when it
 * appeared: its content is not verified, which takes a large component's start 30 ms and more.
 * @returns undefined if there is none, or if it is incomplete, damaged or of another version.
 */
export async function readEntry(
  directory: string,
  { isTrusted = false }: { isTrusted?: boolean } = {},
): Promise<PreparedComponent | undefined> {
  try {
    const manifest: ArtifactManifest = JSON.parse(
      await Deno.readTextFile(`${directory}/${ARTIFACT_FILES.manifest}`),
    );
    if (manifest.engine !== engineVersion()) return undefined;
    const files = new Map<string, Uint8Array>();
    const checks = Object.entries(manifest.files).map(async ([name, digest]) => {
      const bytes = await readWholeFile(`${directory}/${name}`);
      files.set(name, bytes);
      return isTrusted || await sha256Hex(bytes) === digest;
    });
    const isIntact = (await Promise.all(checks)).every((isGood) => isGood);
    files.delete(ARTIFACT_FILES.bindings);
    if (!isIntact) return undefined;
    if (!manifest.middleware) return { directory, manifest, files };
    const directories = manifest.middleware.map((name) => `${directory}/${name}`);
    const middleware = await readAll(directories, { isTrusted });
    return middleware && { directory, manifest, files, middleware };
  } catch (error) {
    // Absent, half-written by a crash, or damaged: all are mended by preparing again.
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return undefined;
    if (error instanceof TypeError || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}

/** All of several entries, or undefined if one is not as it should be. */
async function readAll(
  directories: readonly string[],
  options: { isTrusted: boolean },
): Promise<PreparedComponent[] | undefined> {
  const found: PreparedComponent[] = [];
  for (const directory of directories) {
    const entry = await readEntry(directory, options);
    if (!entry) return undefined;
    found.push(entry);
  }
  return found;
}

/**
 * Writes an entry. If another process was faster, its entry stays and this one is dropped.
 * @throws {TerminalError} if the disk is full or the store cannot be written.
 */
export async function writeEntry(directory: string, files: PreparedFiles): Promise<void> {
  const parent = directory.slice(0, directory.lastIndexOf("/"));
  let temporary: string | undefined;
  try {
    await Deno.mkdir(parent, { recursive: true });
    temporary = await Deno.makeTempDir({ dir: parent, prefix: ".preparing-" });
    for (const [name, content] of files) {
      const path = `${temporary}/${name}`;
      if (name.includes("/")) {
        await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      }
      await writeDurably(path, content);
    }
    await publish(temporary, directory);
  } catch (error) {
    throw storeError(parent, error);
  } finally {
    if (temporary !== undefined) await removeQuietly(temporary);
  }
}

async function writeDurably(path: string, content: Uint8Array): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
  for (let written = 0; written < content.length;) {
    written += await file.write(content.subarray(written));
  }
  await file.syncData();
}

async function publish(temporary: string, directory: string): Promise<void> {
  try {
    await Deno.rename(temporary, directory);
  } catch (error) {
    // A directory with entries is never replaced by rename. Either another process was faster, or
    // what is there is damaged and has to make room.
    if (await readEntry(directory)) return;
    const aside = `${temporary}-damaged`;
    try {
      await Deno.rename(directory, aside);
    } catch {
      throw error;
    }
    await Deno.rename(temporary, directory);
    await removeQuietly(aside);
  }
}

/** Leftovers cost space only; a failure to remove them must not hide what happened before. */
async function removeQuietly(directory: string): Promise<void> {
  await Deno.remove(directory, { recursive: true }).catch(() => {});
}

/** Whether the store is only readable, so that preparing has to go elsewhere. */
export function isReadOnly(error: unknown): boolean {
  const cause = error instanceof TerminalError ? error.cause : error;
  if (cause instanceof Deno.errors.PermissionDenied) return true;
  const code = (cause as { code?: string } | undefined)?.code;
  return code === "EROFS" || code === "EACCES" || code === "EPERM" || code === "ENOTDIR";
}

function storeError(directory: string, error: unknown): TerminalError {
  const code = (error as { code?: string } | undefined)?.code;
  const detail = code === "ENOSPC" || code === "EDQUOT"
    ? "the disk is full; free some space there"
    : errorText(error);
  return new TerminalError(
    "CannotStorePrepared",
    `Cannot keep the prepared component in "${directory}": ${detail}, or choose another directory ` +
      "with --cache-dir",
    { cause: error },
  );
}
