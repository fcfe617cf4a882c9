/**
 * Finds what is to be installed.
 *
 * @module
 */

import { basename, join } from "node:path/posix";
import { NodeError } from "./node_error.ts";
import { SHIM_PREFIX, type ShimAsset } from "./shim_files.ts";

/** The assets of a path: a program, a directory of a shim, or a directory of such. */
export async function findAssets(path: string): Promise<ShimAsset[]> {
  const info = await Deno.stat(path).catch((error) => {
    throw new NodeError("InstallFailed", `There is nothing to install at "${path}".`, {
      cause: error,
    });
  });
  if (info.isFile) return [fileAsset(path)];
  const whole = await directoryAsset(path);
  if (whole) return [whole];
  const assets: ShimAsset[] = [];
  for await (const { name } of Deno.readDir(path)) {
    if (name.startsWith(".")) continue;
    const inner = join(path, name);
    const asset = (await Deno.stat(inner)).isFile ? fileAsset(inner) : await directoryAsset(inner);
    if (asset === undefined) {
      throw new NodeError("VerificationFailed", `The directory "${inner}" holds no shim.`);
    }
    assets.push(asset);
  }
  if (assets.length === 0) throw new NodeError("InstallFailed", `"${path}" is empty.`);
  return assets.sort((a, b) => a.name < b.name ? -1 : 1);
}

function fileAsset(path: string): ShimAsset {
  const fileName = basename(path);
  return { name: runtimeName(fileName), fileName, source: path, kind: "file" };
}

/** A directory of a shim says what version it is, and has the program in it. */
async function directoryAsset(path: string): Promise<ShimAsset | undefined> {
  try {
    const { version } = JSON.parse(await Deno.readTextFile(join(path, "VERSION")));
    for await (const { name } of Deno.readDir(path)) {
      if (!name.startsWith(SHIM_PREFIX)) continue;
      return {
        name: runtimeName(name),
        fileName: name,
        source: path,
        kind: "directory",
        ...(typeof version === "string" && { version }),
      };
    }
  } catch {
    // It says nothing of itself: it is a directory of other things.
  }
  return undefined;
}

/** The runtime's name that a program's name stands for. */
export function runtimeName(fileName: string): string {
  return fileName.startsWith(SHIM_PREFIX) ? fileName.slice(SHIM_PREFIX.length) : fileName;
}
