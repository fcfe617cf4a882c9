/**
 * The app of a container: found in the node's store, or put there.
 *
 * @module
 */

import type { PrepareAppResult, StoredApp } from "../../crds/contract.ts";
import type { AppStore, Workspace } from "./app_store.ts";
import {
  type AppIdentity,
  containerKey,
  type FindAppOptions,
  findStoredApp,
  identifyApp,
} from "./find_app.ts";
import { buildImageApp } from "./image_app.ts";
import { readImage } from "./image_content.ts";
import { buildRootfsApp } from "./rootfs_app.ts";

/** What {@link prepareApp} needs. */
export interface PrepareAppOptions extends FindAppOptions {
  readonly store: AppStore;
  /** Tells about something that is odd, or costs time. */
  readonly report: (line: string) => void;
}

/**
 * Finds the app of a container's image in the store, or loads, prepares and stores it. Without layers
 * of an app, the image's `/spin.toml` says what it is.
 *
 * @returns `app` or `none`.
 * @throws {TerminalError} if the image's app cannot be run.
 * @throws {Error} if containerd cannot be asked.
 */
export async function prepareApp(options: PrepareAppOptions): Promise<PrepareAppResult> {
  const { client, store } = options;
  const identity = await identifyApp(options);
  const { image } = identity;
  const stored = findStoredApp(store, identity, options);
  if (stored) return stored;
  const content = image && await readImage(client, image);
  if (!content && !identity.hasManifest) return { kind: "none" };
  const { key, replace } = await keyFor(identity, { options, isInLayers: content !== undefined });
  const making = { root: store.root, rootfs: options.rootfs, report: options.report };
  const build = (workspace: Workspace): Promise<StoredApp> =>
    content
      ? buildImageApp(content, { ...making, workspace })
      : buildRootfsApp({ ...making, workspace });
  // From now on it stays in the store; and if it cannot be made, nobody uses it.
  store.use(key, options);
  try {
    await store.make(key, build, { replace });
  } catch (error) {
    store.release(options);
    throw error;
  }
  return { kind: "app", directory: store.appDir(key), key };
}

async function keyFor(
  { imageKey, rootKey }: AppIdentity,
  { options, isInLayers }: { options: PrepareAppOptions; isInLayers: boolean },
): Promise<{ key: string; replace: boolean }> {
  const key = isInLayers ? imageKey : rootKey;
  if (key !== undefined) return { key, replace: false };
  return { key: await containerKey(options), replace: true };
}
