/**
 * Blobs of the cache. They were verified when they came; disks and people can change them since.
 *
 * @module
 */

import { TerminalError } from "../../../lib/errors.ts";
import { nodeCrypto } from "../../../lib/node_builtins.ts";
import type { BlobName } from "../../../lib/oci/blob.ts";

/**
 * The bytes of a cached blob, in pieces. Ends normally only if they are the right ones; a wrong file is
 * removed, so that the next pull brings it again.
 *
 * @throws {TerminalError} if they are not.
 */
export async function* readCachedBlob(
  path: string,
  { digest }: Pick<BlobName, "digest">,
): AsyncGenerator<Uint8Array> {
  const hash = nodeCrypto().createHash("sha256");
  for await (const chunk of (await Deno.open(path)).readable) {
    hash.update(chunk);
    yield chunk;
  }
  if (`sha256:${hash.digest("hex")}` === digest) return;
  await Deno.remove(path);
  throw new TerminalError(
    "DamagedCache",
    `The file "${path}" of the cache was damaged, and has been removed. Try again`,
  );
}

/** As {@link readCachedBlob}, as one text. */
export async function readCachedText(
  path: string,
  blob: Pick<BlobName, "digest">,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of readCachedBlob(path, blob)) {
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
