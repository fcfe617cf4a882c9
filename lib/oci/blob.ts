/**
 * Content that is named by its SHA-256.
 *
 * @module
 */

import { nodeCrypto } from "../node_builtins.ts";

/** What points to a blob. */
export interface BlobName {
  /** `sha256:<hex>`. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/** A blob to be pushed, read in parts. */
export interface BlobSource extends BlobName {
  /** Exactly the bytes from `offset` on, at most `length`. */
  readonly read: (offset: number, length: number) => Promise<Uint8Array<ArrayBuffer>>;
}

/** `sha256:<hex>` of the bytes. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${nodeCrypto().createHash("sha256").update(bytes).digest("hex")}`;
}

/** A blob that is in memory. */
export function blobOfBytes(bytes: Uint8Array<ArrayBuffer>): BlobSource {
  return {
    digest: digestOf(bytes),
    size: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  };
}

/** How much of a file is read at once to find its digest. */
const READ_BYTES = 1 << 20;

/**
 * A file as a blob. It is read now for its digest, and again when it is pushed.
 * @throws {Error} from `read` if the file has become shorter meanwhile.
 */
export async function blobOfFile(path: string): Promise<BlobSource> {
  const hash = nodeCrypto().createHash("sha256");
  let size = 0;
  using file = await Deno.open(path);
  const buffer = new Uint8Array(Math.min((await file.stat()).size + 1, READ_BYTES));
  for (let count = await file.read(buffer); count !== null; count = await file.read(buffer)) {
    hash.update(buffer.subarray(0, count));
    size += count;
  }
  return {
    digest: `sha256:${hash.digest("hex")}`,
    size,
    read: (offset, length) => readPart(path, { offset, length: Math.min(length, size - offset) }),
  };
}

async function readPart(
  path: string,
  { offset, length }: { offset: number; length: number },
): Promise<Uint8Array<ArrayBuffer>> {
  using file = await Deno.open(path);
  await file.seek(offset, Deno.SeekMode.Start);
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const count = await file.read(bytes.subarray(done));
    if (count === null) throw new Error(`"${path}" was changed while it was read`);
    done += count;
  }
  return bytes;
}
