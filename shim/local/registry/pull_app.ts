/**
 * `registry pull`, and apps of registries for `up`.
 *
 * @module
 */

import { UsageError } from "../../../lib/errors.ts";
import { join, resolve } from "../../../lib/path.ts";
import type { LockedApp } from "../../loader/mod.ts";
import { placeOciApp } from "../../loader/oci_app.ts";
import { wantedDigests, writeLayers } from "../../store/layer_files.ts";
import { readCachedBlob } from "./cached_blob.ts";
import {
  openRegistry,
  readReference,
  registryCacheDir,
  terminalProgress,
} from "./open_registry.ts";
import { type CachedApp, pullApp } from "./pull.ts";

/** What {@link pull} needs of the options of a command. */
export interface PullValues {
  readonly insecure: boolean;
  readonly "cache-dir": string | undefined;
  /** Ends the transfer. */
  readonly signal?: AbortSignal;
}

/**
 * Pulls the app `text` into the cache.
 * @throws {UsageError} if `text` is no reference, or there is no place for the cache.
 * @throws {TerminalError} if the registry or the image is not in order.
 */
export async function pull(values: PullValues, text: string): Promise<{ cached: CachedApp }> {
  const reference = readReference(text);
  const cacheDir = registryCacheDir(values["cache-dir"]);
  if (cacheDir === undefined) {
    throw new UsageError("There is no home directory to keep the app in; give --cache-dir");
  }
  const cached = await pullApp({
    client: openRegistry(reference, {
      isPlainHttp: values.insecure,
      ...(values.signal ? { signal: values.signal } : {}),
    }),
    reference,
    cacheDir: resolve(cacheDir),
    showProgress: (total) => terminalProgress("Pulling app from the Registry", total),
  });
  return { cached };
}

/**
 * Gives a pulled app its content.
 * @param workingDir Content goes below it; the caller removes it.
 * @throws {TerminalError} naming what is missing or damaged.
 */
export async function placeCachedApp(cached: CachedApp, workingDir: string): Promise<LockedApp> {
  const directory = join(workingDir, "layers");
  await Deno.mkdir(directory, { recursive: true });
  const find = await writeLayers({
    reference: cached.reference,
    read: (layer) => readCachedBlob(cached.pathOf(layer), layer),
  }, { layers: cached.layers, wanted: wantedDigests(cached.app), directory });
  return await placeOciApp(cached.app, { find, workingDir });
}
