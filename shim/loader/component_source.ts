/**
 * Finds the Wasm of components and dependencies.
 *
 * @module
 */

import { toFileUrl } from "../../lib/file_url.ts";
import { errorText } from "../../lib/errors.ts";
import { nodeCrypto } from "../../lib/node_builtins.ts";
import { isAbsolute, join, relative, resolve } from "../../lib/path.ts";
import { removeIfThere } from "../../lib/remove_if_there.ts";
import { NODE_FILES, resolveInRoot } from "../../lib/rootfs_path.ts";
import { sourceKey } from "./lock.ts";
import type { ContentRef } from "./locked_app.ts";
import type { ManifestSource } from "./manifest.ts";
import type { ManifestReport } from "./manifest_report.ts";
import type { KeyPath } from "./toml_positions.ts";

/** A source that somebody in the manifest needs. */
export interface SourceRequest {
  readonly source: ManifestSource;
  readonly path: KeyPath;
  /** `component "hello"` */
  readonly owner: string;
  /** Whether the manifest says how to build it. */
  readonly hasBuild: boolean;
}

/** Options of {@link findSources}. */
export interface FindSourcesOptions {
  /** Relative paths start here. */
  readonly appDir: string;
  /** No path leads out of here, not even through links. Default: paths may lead anywhere. */
  readonly rootDir?: string;
  /** Downloads are kept here, by digest. */
  readonly cacheDir: string;
  readonly report: ManifestReport;
  /** Default: the global `fetch`. */
  readonly fetch?: (url: string, init: { signal: AbortSignal }) => Promise<Response>;
}

/** A download that takes longer than this is given up. */
const DOWNLOAD_TIMEOUT_MS = 10 * 60_000;

/**
 * Where each source is, by `sourceKey`. Local files are checked (there, readable, not empty); URLs
 * are downloaded unless the cache has them, and only if nothing is wrong with the manifest so far.
 * What cannot be had goes to the report.
 */
export async function findSources(
  requests: readonly SourceRequest[],
  options: FindSourcesOptions,
): Promise<Map<string, ContentRef>> {
  const found = new Map<string, ContentRef>();
  async function find(request: SourceRequest): Promise<void> {
    const key = sourceKey(request.source);
    if (found.has(key)) return;
    try {
      found.set(key, { source: toFileUrl(await locate(request, options)).href });
    } catch (error) {
      options.report.add(request.path, `${request.owner}: ${errorText(error)}`);
    }
  }
  for (const request of requests) if (request.source.kind !== "url") await find(request);
  if (!options.report.isClean) return found;
  for (const request of requests) if (request.source.kind === "url") await find(request);
  return found;
}

function locate(request: SourceRequest, options: FindSourcesOptions): Promise<string> {
  const { source } = request;
  if (source.kind === "path") return checkFile(source.path, { ...options, ...request });
  if (source.kind === "url") return download(source, options);
  return Promise.reject(
    new Error(
      `the package "${source.package}@${source.version}" is in a registry; registry packages ` +
        "arrive with `registry pull`. Until then, download the Wasm file and name its path",
    ),
  );
}

/** @throws {Error} saying what is wrong with the file and the way out. */
async function checkFile(
  path: string,
  { appDir, rootDir, hasBuild }: { appDir: string; rootDir?: string; hasBuild: boolean },
): Promise<string> {
  const absolute = rootDir === undefined
    ? resolve(appDir, path)
    : findInRoot(path, { appDir, rootDir });
  const failure = `Failed to load Wasm source ${JSON.stringify(path)}`;
  const build = hasBuild ? "build it first, for example with `--build`" : "check the path";
  try {
    using file = await Deno.open(absolute);
    const { isFile, isDirectory, size } = await file.stat();
    if (isDirectory) throw new Error("it is a directory; name the .wasm file in it");
    if (isFile && size === 0) throw new Error(`the file is empty; ${build}`);
    return absolute;
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound
      ? `the file does not exist; ${build}`
      : errorText(error);
    throw new Error(`${failure}: ${reason}`, { cause: error });
  }
}

/** @returns A path without links. @throws {Error} if there is nothing, or no file. */
function findInRoot(
  path: string,
  { appDir, rootDir }: { appDir: string; rootDir: string },
): string {
  const inside = isAbsolute(path) ? path : `/${relative(rootDir, resolve(appDir))}/${path}`;
  const found = resolveInRoot(inside, { root: rootDir, bind: new Map(), files: NODE_FILES });
  // Opening something else than a file may wait for ever.
  const isFile = found !== undefined && NODE_FILES.look(found)?.kind !== "other";
  if (isFile) return found;
  throw new Error(
    `Failed to load Wasm source ${JSON.stringify(path)}: there is no such file in the image; ` +
      "copy it there",
  );
}

/** The path of a file with the right digest. */
async function download(
  { url, digest }: { url: string; digest: string },
  { cacheDir, fetch: fetchUrl = fetch }: FindSourcesOptions,
): Promise<string> {
  const directory = join(cacheDir, "wasm");
  const path = join(directory, digest.replace("sha256:", ""));
  if (await digestOf(path) === digest) return path;
  const failure = `Error fetching source URL ${JSON.stringify(url)}`;
  await Deno.mkdir(directory, { recursive: true });
  const temporary = `${path}.${crypto.randomUUID()}`;
  try {
    const response = await fetchUrl(url, { signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS) });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`the server answered ${response.status} ${response.statusText}`.trimEnd());
    }
    const actual = await saveBody(response, temporary);
    if (actual !== digest) {
      throw new Error(
        `invalid content digest; expected ${digest}, downloaded ${actual}. If the new content is ` +
          "right, put its digest into the manifest",
      );
    }
    await Deno.rename(temporary, path);
    return path;
  } catch (error) {
    throw new Error(`${failure}: ${errorText(error)}`, { cause: error });
  } finally {
    // After success it has been renamed.
    await removeIfThere(temporary);
  }
}

/** Writes the body to `path`, on disk when this returns, and gives its digest. */
async function saveBody(response: Response, path: string): Promise<string> {
  const hash = nodeCrypto().createHash("sha256");
  using file = await Deno.open(path, { write: true, createNew: true });
  for await (const chunk of response.body ?? []) {
    hash.update(chunk);
    for (let written = 0; written < chunk.length;) {
      written += await file.write(chunk.subarray(written));
    }
  }
  await file.sync();
  return `sha256:${hash.digest("hex")}`;
}

/** The digest of a cached file, which a crash or a full disk may have spoiled; undefined if none. */
async function digestOf(path: string): Promise<string | undefined> {
  try {
    const hash = nodeCrypto().createHash("sha256");
    const file = await Deno.open(path);
    for await (const chunk of file.readable) hash.update(chunk);
    return `sha256:${hash.digest("hex")}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
