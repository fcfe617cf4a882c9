/**
 * Writes the content of an image's layers into files that are named by their digests.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { MEDIA_TYPES } from "../../crds/contract.ts";
import { errorText, TerminalError } from "../../lib/errors.ts";
import type { LockedApp } from "../loader/locked_app.ts";
import type { OciDescriptor } from "../loader/oci_image.ts";
import type { ImageContent } from "./image_content.ts";

/** Bounds on what archives unpack to. */
export interface UnpackLimits {
  /** Bytes of all archives of an app. */
  readonly bytes: number;
  /** Entries of all archives of an app. */
  readonly entries: number;
}

/** As much as any real site needs, and little enough for a node's disk. */
export const UNPACK_LIMITS: UnpackLimits = { bytes: 4 * 2 ** 30, entries: 500_000 };

/** Options of {@link writeLayers}. */
export interface LayerOptions {
  /** Of the app; of archives only what it asks for is kept. */
  readonly layers: readonly OciDescriptor[];
  /** Digests that the app asks for. */
  readonly wanted: ReadonlySet<string>;
  /** An empty directory. */
  readonly directory: string;
  readonly limits?: UnpackLimits;
}

/**
 * Writes the layers of an app, each checked before its file appears. Names and kinds of an archive's
 * entries mean nothing: its regular files are found by their content, everything else is passed over.
 *
 * @returns Finds the file with a digest; undefined if the image does not have it.
 * @throws {TerminalError} if a layer is missing or damaged, or unpacks to more than the limits.
 */
export async function writeLayers(
  image: Pick<ImageContent, "reference" | "read">,
  { layers, wanted, directory, limits = UNPACK_LIMITS }: LayerOptions,
): Promise<(digest: string) => string | undefined> {
  const files = new Map<string, string>();
  const left = { ...limits };
  for (const layer of layers) {
    const path = `${directory}/${hexOf(layer.digest)}`;
    const digest = await writeFile(path, image.read(layer));
    if (digest !== layer.digest) {
      throw new TerminalError(
        "CorruptContent",
        `The layer ${layer.digest} of image "${image.reference}" is damaged: it has the digest ` +
          `${digest}. Pull the image again`,
      );
    }
    files.set(digest, path);
    if (layer.mediaType !== MEDIA_TYPES.archive) continue;
    const owner = `The archive ${layer.digest} of image "${image.reference}"`;
    for await (const digest of unpack(path, { wanted, directory, left, limits, owner })) {
      files.set(digest, `${directory}/${hexOf(digest)}`);
    }
  }
  return (digest) => files.get(digest);
}

/** The digests that the sources and files of an app refer to. */
export function wantedDigests(app: LockedApp): Set<string> {
  const wanted = new Set<string>();
  for (
    const { source, files = [], dependencies = {}, trigger_dependencies = {} } of app.components
  ) {
    const others = [...Object.values(dependencies), ...Object.values(trigger_dependencies).flat()];
    for (const { digest } of [source, ...files, ...others.map(({ source }) => source)]) {
      if (digest !== undefined) wanted.add(digest);
    }
  }
  return wanted;
}

interface UnpackOptions {
  readonly wanted: ReadonlySet<string>;
  readonly directory: string;
  readonly limits: UnpackLimits;
  /** What of the limits has not been used; counted down. */
  readonly left: { bytes: number; entries: number };
  readonly owner: string;
}

/** @returns The digests of the files that were kept. */
async function* unpack(path: string, options: UnpackOptions): AsyncGenerator<string> {
  const { owner, left } = options;
  const { createTarDecoder } = await import("modern-tar");
  const file = await Deno.open(path);
  const entries = file.readable
    .pipeThrough(new DecompressionStream("gzip"))
    .pipeThrough(countBytes(options))
    .pipeThrough(createTarDecoder({ strict: true }));
  try {
    for await (const { header, body } of entries) {
      if (--left.entries < 0) throw tooLarge(options);
      if (header.type !== "file") {
        await body.cancel();
        continue;
      }
      const digest = await keepIfWanted(body, options);
      if (digest !== undefined) yield digest;
    }
  } catch (error) {
    if (error instanceof TerminalError) throw error;
    if (isDiskError(error)) throw error;
    throw new TerminalError("CorruptContent", `${owner} cannot be unpacked: ${errorText(error)}`, {
      cause: error,
    });
  }
}

function countBytes(options: UnpackOptions): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform(chunk, controller) {
      options.left.bytes -= chunk.length;
      if (options.left.bytes < 0) throw tooLarge(options);
      controller.enqueue(chunk);
    },
  });
}

function tooLarge({ owner, limits }: UnpackOptions): TerminalError {
  return new TerminalError(
    "TooLarge",
    `${owner} unpacks to more than the ${limits.bytes} bytes or ${limits.entries} entries that an ` +
      "app may have; take files out of it that the app does not need",
  );
}

/** @returns The digest of the file; undefined if the app does not ask for it. */
async function keepIfWanted(
  body: AsyncIterable<Uint8Array>,
  { wanted, directory }: UnpackOptions,
): Promise<string | undefined> {
  const temporary = `${directory}/unpacking`;
  const digest = await writeFile(temporary, body);
  if (wanted.has(digest)) {
    await Deno.rename(temporary, `${directory}/${hexOf(digest)}`);
    return digest;
  }
  await Deno.remove(temporary);
  return undefined;
}

/** Writes a file. @returns Its digest. */
async function writeFile(path: string, chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  for await (const chunk of chunks) {
    hash.update(chunk);
    for (let written = 0; written < chunk.length;) {
      written += await file.write(chunk.subarray(written));
    }
  }
  return `sha256:${hash.digest("hex")}`;
}

function hexOf(digest: string): string {
  return digest.replace("sha256:", "");
}

/** Trouble with our files, and none of the archive. */
function isDiskError(error: unknown): boolean {
  return typeof (error as { code?: unknown })?.code === "string" &&
    /^E[A-Z]+$/.test((error as { code: string }).code);
}
