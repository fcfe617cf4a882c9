/**
 * What an app in a registry needs, without pulling the app.
 *
 * @module
 */

import { MEDIA_TYPES } from "../../../crds/contract.ts";
import type { RegistryClient } from "../../../lib/oci/registry_client.ts";
import type { OciReference } from "../../../lib/oci/reference.ts";
import { join } from "../../../lib/path.ts";
import { type AppOutline, outlineOf } from "../../loader/app_outline.ts";
import { readOciApp } from "../../loader/oci_app.ts";
import type { OciDescriptor } from "../../loader/oci_image.ts";
import { openRegistry, readReference } from "./open_registry.ts";
import { pullImageManifest } from "./pull.ts";

/**
 * Asks a registry for the outline of the app `text`. Only manifest and locked app are pulled.
 *
 * @throws {UsageError} if `text` is no reference.
 * @throws {TerminalError} if the registry or the image is not in order, or the signal has fired.
 */
export async function readRemoteOutline(
  text: string,
  { isPlainHttp, signal }: {
    readonly isPlainHttp: boolean;
    /** Ends the transfer. */
    readonly signal?: AbortSignal | undefined;
  },
): Promise<AppOutline> {
  const reference = readReference(text);
  const client = openRegistry(reference, { isPlainHttp, ...(signal ? { signal } : {}) });
  const directory = await Deno.makeTempDir({ prefix: "spinkube-outline-" });
  try {
    return await readOutline({ client, reference, directory, text });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function readOutline({ client, reference, directory, text }: {
  client: RegistryClient;
  reference: OciReference;
  directory: string;
  text: string;
}): Promise<AppOutline> {
  const readText = async (blob: OciDescriptor): Promise<string> => {
    const path = join(directory, blob.digest.replace(":", "-"));
    await client.pullBlob(reference.repository, { blob, path });
    return await Deno.readTextFile(path);
  };
  const { manifest } = await pullImageManifest({ client, reference }, `image "${text}"`);
  const hasApp = manifest.layers.some(({ mediaType }) => mediaType === MEDIA_TYPES.lockedApp);
  // The configuration of today's images says nothing; that of old ones is the app.
  const config = hasApp ? "{}" : await readText(manifest.config);
  const { app } = await readOciApp({ reference: text, manifest, config }, readText);
  return outlineOf(app);
}
