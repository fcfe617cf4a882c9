/**
 * What is installed here.
 *
 * @module
 */

import { delimiter, join } from "node:path";
import { UsageError } from "../../lib/errors.ts";

/**
 * Whether a program is on the path.
 * @param path The value of `PATH`.
 */
export async function isInstalled(program: string, path: string): Promise<boolean> {
  const names = Deno.build.os === "windows" ? [`${program}.exe`, `${program}.cmd`] : [program];
  for (const directory of path.split(delimiter).filter(Boolean)) {
    for (const name of names) {
      const info = await Deno.stat(join(directory, name)).catch(() => undefined);
      if (info?.isFile) return true;
    }
  }
  return false;
}

/**
 * Checks the files that options name; an undefined path was not given.
 * @param options Flag → path.
 * @throws {UsageError} with every flag whose file is not there.
 */
export async function checkFiles(
  options: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const problems: string[] = [];
  for (const [flag, path] of Object.entries(options)) {
    if (path === undefined) continue;
    const info = await Deno.stat(path).catch(() => undefined);
    if (!info?.isFile) problems.push(`There is no file "${path}", given with ${flag}`);
  }
  if (problems.length > 0) throw new UsageError(problems.join("\n"));
}
