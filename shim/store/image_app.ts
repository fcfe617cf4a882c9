/**
 * The app in an image's layers.
 *
 * @module
 */

import type { StoredApp } from "../../crds/contract.ts";
import { placeOciApp, readOciApp } from "../loader/oci_app.ts";
import type { ImageContent } from "./image_content.ts";
import { wantedDigests, writeLayers } from "./layer_files.ts";
import { linkFile, storeContent, type StoreContentOptions } from "./stored_content.ts";

/**
 * Makes the app in the workspace.
 * @throws {TerminalError} if the image holds none that can be run.
 */
export async function buildImageApp(
  image: ImageContent,
  options: StoreContentOptions,
): Promise<StoredApp> {
  const { workspace } = options;
  const { app, layers } = await readOciApp(image, image.readText);
  const find = await writeLayers(image, {
    layers,
    wanted: wantedDigests(app),
    directory: workspace.scratch,
  });
  const placed = await placeOciApp(app, {
    find,
    workingDir: workspace.app,
    placeFile: linkFile,
  });
  return await storeContent(placed, options);
}
