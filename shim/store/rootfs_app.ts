/**
 * The app in an image's root file system, as `FROM scratch` and `COPY` make it.
 *
 * @module
 */

import type { StoredApp } from "../../crds/contract.ts";
import { TerminalError } from "../../lib/errors.ts";
import { NODE_FILES, resolveInRoot } from "../../lib/rootfs_path.ts";
import { loadApp } from "../loader/load_app.ts";
import { downloadSource } from "./download_source.ts";
import { storeContent, type StoreContentOptions } from "./stored_content.ts";

/** Where the original runtime looks, whatever the container's command says. */
const MANIFEST = "/spin.toml";

/**
 * Makes the app in the workspace. Of the image's files only those are copied that are no whole
 * directories; the others are mounted where they are. Sources that are URLs are downloaded once per
 * node and digest.
 *
 * @throws {TerminalError} with every problem of the manifest.
 */
export async function buildRootfsApp(options: StoreContentOptions): Promise<StoredApp> {
  const { rootfs, workspace, root, report } = options;
  const { app, warnings } = await loadApp({ kind: "manifest", path: findManifest(rootfs) }, {
    workingDir: workspace.app,
    cacheDir: root,
    cwd: rootfs,
    rootDir: rootfs,
    directMounts: "where-possible",
    fetch: downloadSource,
  });
  for (const warning of warnings) report(warning);
  const metadata = { ...app.metadata, origin: `file://${MANIFEST}` };
  return await storeContent({ ...app, metadata }, options);
}

function findManifest(rootfs: string): string {
  const path = resolveInRoot(MANIFEST, { root: rootfs, bind: new Map(), files: NODE_FILES });
  if (path !== undefined && NODE_FILES.look(path)?.kind === "file") return path;
  throw new TerminalError(
    "NoApp",
    `"${MANIFEST}" of the image is no file, and leads to none in it`,
  );
}
