/**
 * How the directories of a node are mounted.
 *
 * @module
 */

import type { HostFiles } from "./host_files.ts";

/**
 * Whether programs below a path cannot be run, because it is mounted with `noexec`. False if the node
 * does not tell.
 */
export async function isMountedNoexec(files: HostFiles, path: string): Promise<boolean> {
  const text = await files.readText("/proc/1/mountinfo").catch(() => {
    // Not every container may look at the node's first process.
    return undefined;
  });
  return optionsOf(text ?? "", await files.follow(path)).includes("noexec");
}

/** The options of the mount that a path is in. @param mountinfo As in `/proc/PID/mountinfo`. */
export function optionsOf(mountinfo: string, path: string): string[] {
  let found: { point: string; options: string } | undefined;
  for (const line of mountinfo.split("\n")) {
    const [, , , , point, options] = line.split(" ");
    if (point === undefined || options === undefined) continue;
    const plain = point.replace(
      /\\([0-7]{3})/g,
      (_, octal) => String.fromCharCode(parseInt(octal, 8)),
    );
    const isAbove = plain === "/" || path === plain || path.startsWith(`${plain}/`);
    // Of two at the same place the later one hides the earlier one.
    if (isAbove && plain.length >= (found?.point.length ?? 0)) found = { point: plain, options };
  }
  return found?.options.split(",") ?? [];
}
