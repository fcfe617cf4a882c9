/**
 * Fetches a shim into the directory that the installer takes it from: a program, or a directory with
 * a program and what it needs.
 *
 * @module
 */

import { join } from "node:path";
import { errorText } from "../../lib/errors.ts";
import { NodeError } from "../node/node_error.ts";
import { SHIM_PREFIX } from "../node/shim_files.ts";
import { checkProgram } from "../node/program_check.ts";
import { HostFiles } from "../node/host_files.ts";
import { download, type DownloadOptions, shownUrl } from "./download.ts";
import { isOciLocation, resolveOci } from "./oci_source.ts";
import { unpackArchive, type UnpackLimits } from "./unpack.ts";

/** What to fetch. */
export interface FetchOptions
  extends Pick<DownloadOptions, "authorization" | "fetch" | "retries" | "pauseMs" | "sleep"> {
  /** `spin-v2`; the program becomes `containerd-shim-spin-v2`. */
  readonly shimName: string;
  /** URL of an archive, or an artifact of a registry: `oci://HOST/NAME:TAG`. */
  readonly location: string;
  /** Credentials for registries: the text of Docker's `config.json`. */
  readonly registryConfig?: string | undefined;
  /** SHA-256 that the archive must have, in hexadecimal; undefined: it is not checked. */
  readonly sha256: string | undefined;
  /** The directory to put it in. */
  readonly assetPath: string;
  /** The node's architecture: `x86_64` or `aarch64`. */
  readonly arch: string;
  readonly limits?: UnpackLimits;
  readonly log: (level: "INFO" | "WARN", message: string) => void;
}

/** What was fetched. */
export interface FetchedShim {
  readonly path: string;
  /** SHA-256 of the archive. */
  readonly sha256: string;
}

const MAX_ARCHIVE_BYTES = 1024 ** 3;
const TIMEOUT_MS = 600_000;
const DEFAULT_LIMITS: UnpackLimits = { maxBytes: 2 * 1024 ** 3, maxEntries: 20_000 };
const NAME = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/;
/** Names this in a directory that is a shim as a whole. */
const VERSION = "VERSION";

/**
 * Fetches a shim. The archive is verified before anything of it is unpacked, and nothing is in the
 * directory before all of it is there.
 *
 * @throws {NodeError} if it cannot be had, or is not what it should be.
 */
export async function fetchShim(options: FetchOptions): Promise<FetchedShim> {
  const { shimName, location, assetPath, log } = options;
  if (!NAME.test(shimName)) {
    throw new NodeError("InstallFailed", `"${shimName}" is no name of a shim.`);
  }
  checkDigest(options.sha256);
  await Deno.mkdir(assetPath, { recursive: true });
  const work = await Deno.makeTempDir({ dir: assetPath, prefix: ".fetch-" });
  try {
    const archive = join(work, "archive");
    const artifact = isOciLocation(location) ? await resolveOci(options) : undefined;
    const sha256 = await download({
      ...options,
      ...artifact,
      path: archive,
      maxBytes: MAX_ARCHIVE_BYTES,
      timeoutMs: TIMEOUT_MS,
      onRetry: (message) => log("WARN", `${message}; trying again`),
    });
    log("INFO", `downloaded ${shownLocation(location)}, sha256 ${sha256}`);
    // The registry's digest says that the layer is whole; the user's, that it is the right one.
    if (artifact) verify(sha256, { ...options, sha256: artifact.sha256 });
    if (options.sha256 !== undefined || !isPinned(location)) verify(sha256, options);
    const directory = join(work, "unpacked");
    await Deno.mkdir(directory);
    await unpackArchive(archive, { directory, limits: options.limits ?? DEFAULT_LIMITS });
    const path = join(assetPath, `${SHIM_PREFIX}${shimName}`);
    await place(await findShim(directory, shimName), { path, options });
    log("INFO", `the shim is at ${path}`);
    return { path, sha256 };
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

function shownLocation(location: string): string {
  return isOciLocation(location) ? location : shownUrl(location);
}

/** Whether the location itself says what is there. */
function isPinned(location: string): boolean {
  return isOciLocation(location) && location.includes("@sha256:");
}

function checkDigest(sha256: string | undefined): void {
  if (sha256 === undefined || /^[0-9a-f]{64}$/i.test(sha256)) return;
  throw new NodeError(
    "InstallFailed",
    `The digest "${sha256}" is none: SHA-256 in hexadecimal has 64 digits.`,
  );
}

function verify(actual: string, { sha256: expected, shimName, location, log }: FetchOptions): void {
  if (expected === undefined) {
    log("WARN", `nothing says which digest ${shownLocation(location)} has: it is not verified`);
  } else if (actual !== expected.toLowerCase()) {
    throw new NodeError(
      "VerificationFailed",
      `SHA-256 verification FAILED: expected ${expected} for ${SHIM_PREFIX}${shimName}; ` +
        `"${shownLocation(location)}" has ${actual}.`,
    );
  }
}

/** What of an archive is the shim. */
type Found =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "directory"; readonly path: string; readonly program: string };

/** The program of the shim's name, else the only shim there is. */
async function findShim(directory: string, shimName: string): Promise<Found> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(directory)) names.push(name);
  const [only] = names;
  if (names.length === 1 && (await Deno.stat(join(directory, only!))).isDirectory) {
    return await findShim(join(directory, only!), shimName);
  }
  const shims = names.filter((name) => name.startsWith(SHIM_PREFIX));
  const program = shims.find((name) => name === `${SHIM_PREFIX}${shimName}`) ??
    (shims.length === 1 ? shims[0] : undefined);
  if (program === undefined) {
    throw new NodeError(
      "VerificationFailed",
      `The archive has no "${SHIM_PREFIX}${shimName}" in it` +
        (shims.length > 1 ? `, and several others: ${shims.sort().join(", ")}.` : "."),
    );
  }
  if (names.includes(VERSION)) return { kind: "directory", path: directory, program };
  return { kind: "file", path: join(directory, program) };
}

async function place(
  found: Found,
  { path, options }: { path: string; options: FetchOptions },
): Promise<void> {
  const program = found.kind === "file" ? found.path : join(found.path, found.program);
  const problem = await checkProgram(program, { files: new HostFiles("/"), arch: options.arch });
  // Which loaders the node has is for the installer to say: it sees the node.
  if (problem && !problem.isNodes) {
    throw new NodeError("VerificationFailed", `The shim cannot be used: ${problem.message}.`);
  }
  await Deno.chmod(program, 0o755);
  await removeTree(path);
  if (found.kind === "file") return await Deno.rename(found.path, path);
  const name = `${SHIM_PREFIX}${options.shimName}`;
  if (found.program !== name) await Deno.rename(program, join(found.path, name));
  await Deno.rename(found.path, path);
}

async function removeTree(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) {
      throw new Error(`Cannot replace "${path}": ${errorText(error)}`, { cause: error });
    }
  }
}
