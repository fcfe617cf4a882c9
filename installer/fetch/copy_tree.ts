/**
 * Copies a shim that is at hand, without the network.
 *
 * @module
 */

import { join } from "node:path";
import { errorText } from "../../lib/errors.ts";
import { removeIfThere } from "../../lib/remove_if_there.ts";
import { NodeError } from "../node/node_error.ts";

/** A shim that is at hand. */
interface LocalShim {
  readonly fileName: string;
  /** The program's name in the directory; default: {@link fileName}. */
  readonly program?: string;
}

/**
 * Copies a file or directory with all that is in it.
 *
 * @param options.path Where to. It is complete when it is there.
 * @param options.program Which program it is for: in a directory it gets that name.
 * @throws {NodeError} if it cannot be copied.
 */
export async function copyTree(
  source: string,
  { path, program }: { readonly path: string; readonly program: LocalShim },
): Promise<void> {
  const unfinished = `${path}.new`;
  try {
    await removeIfThere(unfinished, { recursive: true });
    await Deno.mkdir(join(path, ".."), { recursive: true });
    await copy(source, unfinished);
    const own = program.program ?? program.fileName;
    if (own !== program.fileName) {
      await Deno.rename(join(unfinished, own), join(unfinished, program.fileName));
    }
    await removeIfThere(path, { recursive: true });
    await Deno.rename(unfinished, path);
  } catch (error) {
    throw new NodeError(
      "InstallFailed",
      `Cannot copy "${source}" to "${path}": ${errorText(error)}`,
      {
        cause: error,
      },
    );
  }
}

async function copy(from: string, to: string): Promise<void> {
  const { isDirectory, mode } = await Deno.stat(from);
  if (!isDirectory) return await Deno.copyFile(from, to);
  await Deno.mkdir(to, { mode: (mode ?? 0o755) & 0o777 });
  for await (const { name, isSymlink } of Deno.readDir(from)) {
    if (isSymlink) await Deno.symlink(await Deno.readLink(join(from, name)), join(to, name));
    else await copy(join(from, name), join(to, name));
  }
}
