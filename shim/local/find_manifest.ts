/**
 * The app of commands that work on its manifest: `build`, `watch`, `registry push`.
 *
 * @module
 */

import { TerminalError } from "../../lib/errors.ts";
import { join } from "../../lib/path.ts";
import { type AppSource, findAppSource } from "../loader/mod.ts";

/**
 * Finds the app as `findAppSource` does, with messages in the original's words, and tells if it is the
 * one of a parent directory.
 *
 * @throws {TerminalError} if there is none, or it is in a registry.
 */
export async function findManifest(
  from: string | undefined,
  { cwd, report }: { readonly cwd: string; readonly report: (line: string) => void },
): Promise<AppSource> {
  const source = await findAppSource(from, cwd).catch((error) => {
    const isMissing = from === undefined && error instanceof TerminalError &&
      error.reason === "AppNotFound";
    if (!isMissing) throw error;
    throw new TerminalError(
      "AppNotFound",
      '"spin.toml" not found. Run this in the directory of an app, or give --from',
      { cause: error },
    );
  });
  if (from === undefined && source.path !== join(cwd, "spin.toml")) {
    report(
      "No 'spin.toml' in current directory. Using 'spin.toml' from parent directory " +
        `(${source.path})`,
    );
  }
  return source;
}
