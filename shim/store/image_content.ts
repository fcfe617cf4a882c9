/**
 * From a container to the content of its image, as containerd has it.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { errorText, TerminalError } from "../../lib/errors.ts";
import { hasLockVersion, type OciImage } from "../loader/oci_app.ts";
import {
  OCI_TYPES,
  type OciDescriptor,
  type OciIndexEntry,
  parseOciIndex,
  parseOciManifest,
  supportedLayers,
} from "../loader/oci_image.ts";
import { CONTAINERD_METHODS } from "../proto/containerd_api.ts";
import { type ContainerdClient, isNotFound } from "./containerd_client.ts";
import type { ImageRecord } from "./find_app.ts";

/** The content of one image. */
export interface ImageContent extends OciImage {
  /**
   * The bytes of a blob, in pieces. Ends normally only if they have the right size and digest.
   * @throws {TerminalError} if the blob is missing or is something else.
   */
  readonly read: (blob: OciDescriptor) => AsyncGenerator<Uint8Array>;
  /** A small blob as text. @throws {TerminalError} also if it has more than 32 MiB. */
  readonly readText: (blob: OciDescriptor) => Promise<string>;
}

/** Bytes of a manifest, a configuration or a locked app. */
const MAX_TEXT_BYTES = 32 << 20;

/**
 * Reads what an image holds of a Spin app.
 * @returns Undefined if it holds none: its layers are a root file system, or mean something else.
 * @throws {TerminalError} if a blob is missing, damaged, or not what the manifest says.
 */
export async function readImage(
  client: ContainerdClient,
  { name, target }: ImageRecord,
): Promise<ImageContent | undefined> {
  const owner = `image "${name}"`;
  const read = (blob: OciDescriptor) => readBlob(client, blob, owner);
  const readText = (blob: OciDescriptor) => readBlobText(read(blob), { blob, owner });
  const descriptor = await findManifest(client, { target, owner, readText });
  if (!descriptor) return undefined;
  const manifest = parseOciManifest(await readText(descriptor), owner);
  const config = await readText(manifest.config);
  const isSpin = supportedLayers(manifest).length > 0 &&
    (architectureOf(config) === "wasm" || hasLockVersion(config));
  return isSpin ? { reference: name, manifest, config, read, readText } : undefined;
}

async function findManifest(
  client: ContainerdClient,
  { target, owner, readText }: {
    target: OciDescriptor;
    owner: string;
    readText: (blob: OciDescriptor) => Promise<string>;
  },
): Promise<OciDescriptor | undefined> {
  const { indexes, manifests }: { indexes: readonly string[]; manifests: readonly string[] } =
    OCI_TYPES;
  if (manifests.includes(target.mediaType)) return target;
  if (!indexes.includes(target.mediaType)) return undefined;
  const entries = parseOciIndex(await readText(target), owner);
  // Only what the node pulled is there.
  for (const entry of sortByPlatform(entries)) {
    if (manifests.includes(entry.mediaType) && await hasBlob(client, entry.digest)) return entry;
  }
  return undefined;
}

/** Entries for Wasm first, then those of this node; those of other machines never. */
function sortByPlatform(entries: readonly OciIndexEntry[]): OciIndexEntry[] {
  const own = Deno.build.arch === "aarch64" ? "arm64" : "amd64";
  function rank({ platform }: OciIndexEntry): number {
    if (!platform) return 2;
    if (platform.architecture === "wasm") return 0;
    return platform.os === "linux" && platform.architecture === own ? 1 : -1;
  }
  return entries.filter((entry) => rank(entry) >= 0).sort((a, b) => rank(a) - rank(b));
}

async function hasBlob(client: ContainerdClient, digest: string): Promise<boolean> {
  try {
    await client.call(CONTAINERD_METHODS.getContentInfo, { digest });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

function architectureOf(config: string): unknown {
  try {
    return JSON.parse(config)?.architecture;
  } catch {
    // Artifacts may have anything as their configuration.
    return undefined;
  }
}

async function* readBlob(
  client: ContainerdClient,
  { digest, size }: OciDescriptor,
  owner: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let length = 0;
  try {
    for await (const { data } of client.stream(CONTAINERD_METHODS.readContent, { digest })) {
      length += data.length;
      if (length > size) break;
      hash.update(data);
      yield data;
    }
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw new TerminalError(
      "MissingContent",
      `The blob ${digest} of ${owner} is not in containerd's content store: ${errorText(error)}. ` +
        "Pull the image again. If that does not help, see to it that containerd keeps the layers " +
        "of images (`discard_unpacked_layers = false`)",
      { cause: error },
    );
  }
  const actual = `sha256:${hash.digest("hex")}`;
  if (length === size && actual === digest) return;
  const found = length > size
    ? `more than ${size} bytes`
    : length < size
    ? `${length} bytes, not ${size}`
    : `the digest ${actual}`;
  throw new TerminalError(
    "CorruptContent",
    `The blob ${digest} of ${owner} is damaged: it has ${found}. Remove the image from the node ` +
      "and pull it again",
  );
}

async function readBlobText(
  chunks: AsyncIterable<Uint8Array>,
  { blob, owner }: { blob: OciDescriptor; owner: string },
): Promise<string> {
  if (blob.size > MAX_TEXT_BYTES) {
    throw new TerminalError(
      "TooLarge",
      `The blob ${blob.digest} of ${owner} has ${blob.size} bytes; at most ${MAX_TEXT_BYTES} are ` +
        "accepted of a manifest, a configuration or a locked app",
    );
  }
  const bytes = new Uint8Array(blob.size);
  let length = 0;
  for await (const chunk of chunks) {
    bytes.set(chunk, length);
    length += chunk.length;
  }
  return new TextDecoder().decode(bytes);
}
