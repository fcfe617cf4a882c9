/**
 * The shim that this program is, so that a node needs no download.
 *
 * @module
 */

import { join } from "node:path";
import { INSTALL_DIR, installDirOf } from "../lib/install_dir.ts";
import { NodeError } from "./node/node_error.ts";
import type { ShimAsset } from "./node/shim_files.ts";

/** The shim's name if nothing else is asked for. */
const NAME = "spin-v2";

/**
 * This program's own shim: its install directory, or the program itself if it is a compiled one.
 *
 * @param name Name to install it as; default: `spin-v2`.
 * @throws {NodeError} if the program runs from its source.
 */
export async function bundledShim(name = NAME): Promise<ShimAsset> {
  const fileName = `containerd-shim-${name}`;
  if (Deno.build.standalone) {
    return { name, fileName, source: Deno.execPath(), kind: "file" };
  }
  const directory = installDirOf(await Deno.readLink("/proc/self/exe"));
  if (directory === undefined) {
    throw new NodeError(
      "InstallFailed",
      "This program has no shim bundled with it: it runs from its source. Build an install " +
        "directory (deno task install-dir) and give it with --source.",
    );
  }
  const { version } = JSON.parse(await Deno.readTextFile(join(directory, INSTALL_DIR.version)));
  return {
    name,
    fileName,
    source: directory,
    kind: "directory",
    program: INSTALL_DIR.shim,
    ...(typeof version === "string" && { version }),
  };
}
