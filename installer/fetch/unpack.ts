/**
 * Unpacks the archive of a shim, and trusts nothing in it.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { errorText } from "../../lib/errors.ts";
import { NodeError } from "../node/node_error.ts";

/** How much an archive may hold. */
export interface UnpackLimits {
  readonly maxBytes: number;
  readonly maxEntries: number;
}

const GZIP = [0x1f, 0x8b];

/**
 * Unpacks a tar archive, compressed by gzip or not, into an empty directory.
 *
 * @throws {NodeError} if it is none, holds more than it may, or something other than files and
 * directories with names below the directory. What was unpacked until then is left to the caller.
 */
export async function unpackArchive(
  path: string,
  { directory, limits }: { readonly directory: string; readonly limits: UnpackLimits },
): Promise<void> {
  const { createTarDecoder } = await import("modern-tar");
  const file = await Deno.open(path);
  const head = new Uint8Array(GZIP.length);
  await file.read(head);
  await file.seek(0, Deno.SeekMode.Start);
  const isGzip = GZIP.every((byte, index) => head[index] === byte);
  const bytes = isGzip ? file.readable.pipeThrough(new DecompressionStream("gzip")) : file.readable;
  const entries = bytes.pipeThrough(countBytes(limits)).pipeThrough(
    createTarDecoder({ strict: true }),
  );
  let count = 0;
  try {
    for await (const { header, body } of entries) {
      if (++count > limits.maxEntries) throw tooMuch(limits);
      const target = join(directory, checkName(header.name));
      if (header.type === "directory") {
        await body.cancel();
        await Deno.mkdir(target, { recursive: true });
      } else if (header.type === undefined || header.type === "file") {
        await Deno.mkdir(dirname(target), { recursive: true });
        await writeFile(target, { body, isExecutable: ((header.mode ?? 0) & 0o111) !== 0 });
      } else throw refuse(`"${header.name}" is a ${header.type}, and only files are allowed`);
    }
  } catch (error) {
    if (error instanceof NodeError || isDiskError(error)) throw error;
    throw refuse(errorText(error), error);
  }
  if (count === 0) throw refuse("there is nothing in it");
}

function countBytes(limits: UnpackLimits): TransformStream<Uint8Array, Uint8Array> {
  let left = limits.maxBytes;
  return new TransformStream({
    transform(chunk, controller) {
      left -= chunk.length;
      if (left < 0) throw tooMuch(limits);
      controller.enqueue(chunk);
    },
  });
}

function tooMuch({ maxBytes, maxEntries }: UnpackLimits): NodeError {
  return refuse(`it unpacks to more than ${maxBytes} bytes or ${maxEntries} entries`);
}

function refuse(reason: string, cause?: unknown): NodeError {
  return new NodeError("VerificationFailed", `The archive cannot be used: ${reason}.`, { cause });
}

/** @returns The name without what says nothing. @throws {NodeError} if it leads elsewhere. */
function checkName(name: string): string {
  const words = name.split("/").filter((word) => word !== "." && word !== "");
  if (name.startsWith("/") || words.includes("..") || /[\0\\]/.test(name)) {
    throw refuse(`the name ${JSON.stringify(name)} leads out of the directory`);
  }
  return words.join("/");
}

async function writeFile(
  path: string,
  { body, isExecutable }: { body: AsyncIterable<Uint8Array>; isExecutable: boolean },
): Promise<void> {
  const mode = isExecutable ? 0o755 : 0o644;
  using file = await Deno.open(path, { write: true, createNew: true, mode });
  for await (const chunk of body) {
    for (let at = 0; at < chunk.length;) at += await file.write(chunk.subarray(at));
  }
}

/** Trouble with our files, and none of the archive. Two entries of one name are the archive's. */
function isDiskError(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" && /^E[A-Z]+$/.test(code) && code !== "EEXIST";
}
