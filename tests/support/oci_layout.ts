/**
 * OCI images made by tests, as archives that `ctr images import` reads.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

/** A blob, and what it is. */
export interface Blob {
  readonly mediaType: string;
  readonly data: Uint8Array;
}

/** A file or, with `link`, a symbolic link. */
export interface TarEntry {
  readonly path: string;
  readonly data?: Uint8Array;
  /** Target of a link. */
  readonly link?: string;
  /** Default: 0o644; directories are made 0o755. */
  readonly mode?: number;
}

/** An image. */
export interface OciImage {
  /** `example.test/hello:1` */
  readonly name: string;
  readonly config: Blob;
  readonly layers: readonly Blob[];
  /** As the index says it. Default: linux/amd64, which every node of these tests takes. */
  readonly platform?: { architecture: string; os: string };
  readonly annotations?: Readonly<Record<string, string>>;
  /** Its layers are no root file system. Default: false. */
  readonly isArtifact?: boolean;
}

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

/** `sha256:…` */
export function digestOf(data: Uint8Array): string {
  return `sha256:${createHash("sha256").update(data).digest("hex")}`;
}

/** JSON as a blob. */
export function jsonBlob(mediaType: string, value: unknown): Blob {
  return { mediaType, data: new TextEncoder().encode(JSON.stringify(value)) };
}

/** An ordinary image: its files in one layer. */
export function linuxImage(
  name: string,
  { files, config = {} }: { files: readonly TarEntry[]; config?: Record<string, unknown> },
): OciImage {
  const archive = tar(files);
  return {
    name,
    layers: [{ mediaType: LAYER, data: gzipSync(archive) }],
    config: jsonBlob(CONFIG, {
      architecture: Deno.build.arch === "aarch64" ? "arm64" : "amd64",
      os: "linux",
      config,
      rootfs: { type: "layers", diff_ids: [digestOf(archive)] },
    }),
  };
}

/** An image of something else than a root file system: what it holds is not unpacked. */
export function artifact(
  name: string,
  layers: readonly Blob[],
  config: Record<string, unknown> = {},
): OciImage {
  return {
    name,
    layers,
    isArtifact: true,
    config: jsonBlob(CONFIG, {
      architecture: "wasm",
      os: "Wasip1",
      config,
      rootfs: { type: "layers", diff_ids: [] },
    }),
  };
}

/** The archive of an image. */
export function ociArchive(image: OciImage): Uint8Array {
  const manifest = jsonBlob(MANIFEST, {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: descriptor(image.config),
    layers: image.layers.map(descriptor),
    ...(image.annotations ? { annotations: image.annotations } : {}),
  });
  const index = {
    schemaVersion: 2,
    manifests: [{
      ...descriptor(manifest),
      platform: image.platform ??
        { architecture: Deno.build.arch === "aarch64" ? "arm64" : "amd64", os: "linux" },
      annotations: {
        "io.containerd.image.name": image.name,
        "org.opencontainers.image.ref.name": image.name.split(":").at(-1)!,
      },
    }],
  };
  const blobs = new Map(
    [manifest, image.config, ...image.layers].map(({ data }) => [digestOf(data), data]),
  );
  return tar([
    { path: "oci-layout", data: text({ imageLayoutVersion: "1.0.0" }) },
    { path: "index.json", data: text(index) },
    ...[...blobs].map(([digest, data]) => ({ path: `blobs/${digest.replace(":", "/")}`, data })),
  ]);
}

function text(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function descriptor({ mediaType, data }: Blob): Record<string, unknown> {
  return { mediaType, digest: digestOf(data), size: data.length };
}

const BLOCK = 512;
/** Type flags of the entries. */
const FILE = "0";
const LINK = "2";
const DIRECTORY = "5";

/** A `ustar` archive of files that are owned by root; their directories are added. */
export function tar(entries: readonly TarEntry[]): Uint8Array {
  const directories = new Set(entries.flatMap(({ path }) => {
    const parts = path.split("/").slice(0, -1);
    return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
  }));
  const parts: Uint8Array[] = [];
  for (const path of [...directories].sort()) {
    parts.push(header({ path: `${path}/`, mode: 0o755 }, DIRECTORY));
  }
  for (const entry of entries) {
    parts.push(header(entry, entry.link === undefined ? FILE : LINK));
    if (!entry.data) continue;
    parts.push(entry.data, new Uint8Array((BLOCK - entry.data.length % BLOCK) % BLOCK));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return concat(parts);
}

function header({ path, data, link = "", mode = 0o644 }: TarEntry, type: string): Uint8Array {
  if (path.length > 100) throw new RangeError(`The path is too long for this archive: "${path}"`);
  const bytes = new Uint8Array(BLOCK);
  function put(at: number, value: string): void {
    bytes.set(new TextEncoder().encode(value), at);
  }
  function octal(at: number, value: number, width: number): void {
    put(at, value.toString(8).padStart(width - 1, "0"));
  }
  put(0, path);
  octal(100, mode, 8);
  octal(108, 0, 8);
  octal(116, 0, 8);
  octal(124, data?.length ?? 0, 12);
  octal(136, 0, 12);
  put(148, " ".repeat(8));
  put(156, type);
  put(157, link);
  put(257, "ustar\0" + "00");
  octal(148, bytes.reduce((sum, byte) => sum + byte, 0), 7);
  return bytes;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
