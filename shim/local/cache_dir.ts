/**
 * Where prepared components and downloads of a user are kept.
 *
 * @module
 */

import { join } from "../../lib/path.ts";

/** What {@link userCacheDir} looks at. */
export interface CacheDirOptions {
  /** As `Deno.build.os`. */
  readonly os: string;
  readonly environment: (name: string) => string | undefined;
}

/** The directory by the rules of the operating system; undefined if the user has no home. */
export function userCacheDir({ os, environment }: CacheDirOptions): string | undefined {
  const home = environment("HOME") || undefined;
  if (os === "windows") return below(environment("LOCALAPPDATA"), "spinkube", "cache");
  if (os === "darwin") return below(home, "Library", "Caches", "spinkube");
  // The specification of XDG says that a relative path is to be ignored.
  const xdg = environment("XDG_CACHE_HOME");
  return xdg?.startsWith("/") ? join(xdg, "spinkube") : below(home, ".cache", "spinkube");
}

function below(base: string | undefined, ...parts: string[]): string | undefined {
  return base ? join(base, ...parts) : undefined;
}
