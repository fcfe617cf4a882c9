/**
 * Manifests of images that hold Spin apps: which layers matter, and what they are.
 *
 * @module
 */

import { MEDIA_TYPES } from "../../crds/contract.ts";
import { errorText, TerminalError } from "../../lib/errors.ts";

/** Points to a blob. */
export interface OciDescriptor {
  readonly mediaType: string;
  /** `sha256:<hex>`, checked. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/** The manifest of one image. */
export interface OciManifest {
  readonly config: OciDescriptor;
  readonly layers: readonly OciDescriptor[];
}

/** An entry of an index. */
export interface OciIndexEntry extends OciDescriptor {
  readonly platform: { readonly os: string; readonly architecture: string } | undefined;
}

/** Media types of manifests and of lists of them. */
export const OCI_TYPES = {
  manifests: [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
  ],
  indexes: [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
  ],
} as const;

const DIGEST = /^sha256:[0-9a-f]{64}$/;

const SUPPORTED: readonly string[] = Object.values(MEDIA_TYPES);

/**
 * Parses the manifest of an image.
 * @param owner For messages: `image "example.com/hello:1"`.
 * @throws {TerminalError} if it is no manifest, or names a blob by something else than its SHA-256.
 */
export function parseOciManifest(json: string, owner: string): OciManifest {
  const manifest = parseObject(json, `The manifest of ${owner}`);
  const { config, layers } = manifest;
  if (!Array.isArray(layers)) {
    throw invalid(`The manifest of ${owner} has no "layers"; it is not that of an image`);
  }
  return {
    config: readDescriptor(config, `"config" in the manifest of ${owner}`),
    layers: layers.map((layer, index) =>
      readDescriptor(layer, `layer ${index + 1} in the manifest of ${owner}`)
    ),
  };
}

/**
 * Parses a list of manifests.
 * @throws {TerminalError} as {@link parseOciManifest}.
 */
export function parseOciIndex(json: string, owner: string): readonly OciIndexEntry[] {
  const { manifests } = parseObject(json, `The index of ${owner}`);
  if (!Array.isArray(manifests)) throw invalid(`The index of ${owner} has no "manifests"`);
  return manifests.map((entry, index) => ({
    ...readDescriptor(entry, `entry ${index + 1} in the index of ${owner}`),
    platform: readPlatform(entry),
  }));
}

/**
 * The layers that belong to an app, in the order of the manifest. Others mean nothing to Spin and are
 * passed over, as it does.
 */
export function supportedLayers({ layers }: OciManifest): OciDescriptor[] {
  return layers.filter(({ mediaType }) => SUPPORTED.includes(mediaType));
}

/**
 * A JSON object.
 * @param owner For messages; begins with a capital.
 * @throws {TerminalError} if the text is anything else.
 */
export function parseObject(json: string, owner: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw invalid(`${owner} is no JSON: ${errorText(error)}`, error);
  }
  if (isObject(value)) return value;
  throw invalid(`${owner} is no JSON object`);
}

function readDescriptor(value: unknown, owner: string): OciDescriptor {
  if (!isObject(value)) throw invalid(`The ${owner} is missing`);
  const { mediaType = "", digest, size } = value;
  if (typeof mediaType !== "string") throw invalid(`The media type of ${owner} is no text`);
  if (typeof digest !== "string" || !DIGEST.test(digest)) {
    throw invalid(
      `The digest of ${owner} is ${JSON.stringify(digest)}; only "sha256:" and 64 hexadecimal ` +
        "digits are accepted",
    );
  }
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) {
    throw invalid(`The size of ${owner} is ${JSON.stringify(size)}, which is no number of bytes`);
  }
  return { mediaType, digest, size };
}

function readPlatform(entry: unknown): OciIndexEntry["platform"] {
  const platform = isObject(entry) ? entry.platform : undefined;
  if (!isObject(platform)) return undefined;
  const { os = "", architecture = "" } = platform;
  return typeof os === "string" && typeof architecture === "string"
    ? { os, architecture }
    : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(message: string, cause?: unknown): TerminalError {
  return new TerminalError("InvalidImage", message, cause === undefined ? {} : { cause });
}
