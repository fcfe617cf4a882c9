/**
 * Pulling an app into the local cache, which is laid out as Spin's:
 *
 * ```
 * registry/manifests/<registry>/<repository>/<tag>/{manifest,config}.json
 * registry/wasm/<digest>
 * registry/data/<digest>      files, archives and whatever else
 * ```
 *
 * @module
 */

import { MEDIA_TYPES } from "../../../crds/contract.ts";
import { TerminalError } from "../../../lib/errors.ts";
import { formatOciReference, type OciReference } from "../../../lib/oci/reference.ts";
import type { PulledManifest, RegistryClient } from "../../../lib/oci/registry_client.ts";
import { join } from "../../../lib/path.ts";
import { type OciApp, readOciApp } from "../../loader/oci_app.ts";
import {
  OCI_TYPES,
  type OciDescriptor,
  type OciManifest,
  parseOciIndex,
  parseOciManifest,
  supportedLayers,
} from "../../loader/oci_image.ts";
import { readCachedText } from "./cached_blob.ts";
import { forEachParallel } from "./parallel.ts";
import { type Progress } from "./progress.ts";

/** Options of {@link pullApp}. */
export interface PullOptions {
  readonly client: RegistryClient;
  readonly reference: OciReference;
  readonly cacheDir: string;
  /** Called with the bytes that are to come. */
  readonly showProgress: (total: number) => Progress;
}

/** An app in the cache. */
export interface CachedApp extends OciApp {
  /** In full: `ghcr.io/example/hello:1`. */
  readonly reference: string;
  /** Of the image's manifest. */
  readonly digest: string;
  /** Path of a layer. */
  readonly pathOf: (layer: OciDescriptor) => string;
}

/** Blobs that are on their way at once. */
const PARALLEL = 16;

/** A locked app or a configuration is not larger. */
const MAX_TEXT_BYTES = 32 << 20;

/**
 * Pulls what the cache does not have. Every blob is verified before it appears there.
 *
 * @throws {RegistryError} if it cannot be had.
 * @throws {TerminalError} if the image holds no Spin app, or something else than it says.
 */
export async function pullApp(options: PullOptions): Promise<CachedApp> {
  const { client, reference, cacheDir } = options;
  const root = join(cacheDir, "registry");
  const name = formatOciReference(
    reference.tag === undefined && reference.digest === undefined
      ? { ...reference, tag: "latest" }
      : reference,
  );
  const owner = `image "${name}"`;
  const { pulled, manifest } = await pullImageManifest(options, owner);
  const layers = supportedLayers(manifest);
  const blobs = uniqueByDigest([...layers, manifest.config]);
  for (const directory of ["wasm", "data"]) {
    await Deno.mkdir(join(root, directory), { recursive: true });
  }
  const missing = [];
  for (const blob of blobs) if (!await isCached(blob, root)) missing.push(blob);
  using progress = options.showProgress(missing.reduce((sum, { size }) => sum + size, 0));
  await forEachParallel(missing, {
    limit: PARALLEL,
    work: (blob) =>
      client.pullBlob(reference.repository, {
        blob,
        path: blobPath(blob, root),
        onBytes: progress.add,
      }),
  });
  const config = await readText(manifest.config, root);
  const app = await readOciApp(
    { reference: name, manifest, config },
    (layer) => readText(layer, root),
  );
  await writeRecord({ root, reference, manifest: pulled.bytes, config: await lockedText() });
  return { ...app, reference: name, digest: pulled.digest, pathOf: (blob) => blobPath(blob, root) };

  async function lockedText(): Promise<string> {
    const locked = layers.findLast(({ mediaType }) => mediaType === MEDIA_TYPES.lockedApp);
    return locked ? await readText(locked, root) : config;
  }
}

/** The manifest of one image. */
export interface ImageManifest {
  readonly pulled: PulledManifest;
  readonly manifest: OciManifest;
}

/**
 * Pulls the manifest of an image, through an index if there is one.
 *
 * @param owner For messages: `image "example.com/hello:1"`.
 * @throws {RegistryError} if it cannot be had.
 * @throws {TerminalError} if it is that of something else than a Spin app.
 */
export async function pullImageManifest(
  { client, reference: { repository, tag, digest } }: Pick<PullOptions, "client" | "reference">,
  owner: string,
): Promise<ImageManifest> {
  const accept = [...OCI_TYPES.manifests, ...OCI_TYPES.indexes];
  const first = await client.pullManifest(repository, {
    reference: digest ?? tag ?? "latest",
    accept,
  });
  const isIndex = (OCI_TYPES.indexes as readonly string[]).includes(first.mediaType);
  const pulled = isIndex
    ? await client.pullManifest(repository, { reference: chooseImage(first, owner), accept })
    : first;
  const manifest = parseOciManifest(new TextDecoder().decode(pulled.bytes), owner);
  checkIsSpin(manifest, owner);
  return { pulled, manifest };
}

/** Apps are the same for every machine; where there are several images, one says so. */
function chooseImage({ bytes }: PulledManifest, owner: string): string {
  const entries = parseOciIndex(new TextDecoder().decode(bytes), owner);
  const entry =
    entries.find(({ platform }) => platform !== undefined && /^wasm/.test(platform.architecture)) ??
      entries[0];
  if (entry) return entry.digest;
  throw new TerminalError("InvalidImage", `The index of ${owner} is empty`);
}

/** @throws {TerminalError} if it is an image of another kind. */
function checkIsSpin(manifest: OciManifest, owner: string): void {
  // Old images have the app as their configuration, and perhaps no layers.
  if (supportedLayers(manifest).length > 0 || manifest.layers.length === 0) return;
  const types = [...new Set(manifest.layers.map(({ mediaType }) => mediaType))];
  throw new TerminalError(
    "NoApp",
    `The ${owner} holds no Spin app: its layers are of the types ${types.join(", ")}. Images of ` +
      "apps are made by `spinkube registry push` or `spin registry push`",
  );
}

function uniqueByDigest(blobs: readonly OciDescriptor[]): OciDescriptor[] {
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
}

function blobPath({ digest, mediaType }: OciDescriptor, root: string): string {
  const isWasm = mediaType === MEDIA_TYPES.wasm || mediaType === MEDIA_TYPES.package;
  const name = Deno.build.os === "windows" ? digest.replace(":", "_") : digest;
  return join(root, isWasm ? "wasm" : "data", name);
}

async function isCached(blob: OciDescriptor, root: string): Promise<boolean> {
  try {
    const { isFile, size } = await Deno.stat(blobPath(blob, root));
    return isFile && size === blob.size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function readText(blob: OciDescriptor, root: string): Promise<string> {
  if (blob.size > MAX_TEXT_BYTES) {
    throw new TerminalError("InvalidImage", `The blob ${blob.digest} is too large for what it is`);
  }
  return await readCachedText(blobPath(blob, root), blob);
}

async function writeRecord({ root, reference, manifest, config }: {
  root: string;
  reference: OciReference;
  manifest: Uint8Array;
  config: string;
}): Promise<void> {
  const { registry, repository, tag, digest } = reference;
  const safe = Deno.build.os === "windows" ? registry.replaceAll(":", "_") : registry;
  const version = tag ?? digest?.replace(":", "_") ?? "latest";
  const directory = join(root, "manifests", safe, repository, version);
  await Deno.mkdir(directory, { recursive: true });
  await Deno.writeFile(join(directory, "manifest.json"), manifest);
  await Deno.writeTextFile(join(directory, "config.json"), config);
}
