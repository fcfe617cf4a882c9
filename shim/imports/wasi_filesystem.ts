/**
 * `wasi:filesystem@0.2` over the directories and files mounted for a component.
 *
 * @module
 */

import type { ComponentContext, ImportObject } from "./component_context.ts";
import { Descriptor, DirectoryEntryStream } from "./_descriptor.ts";
import { buildMountRoots } from "./_mount_root.ts";
import { FileQuota } from "./_open_file.ts";
import type { IoError } from "./wasi_io.ts";

export type { Descriptor, DirectoryEntryStream } from "./_descriptor.ts";
export type { Datetime, DescriptorStat, NewTimestamp } from "./_file_stat.ts";
export type { EntryType } from "./_mount_root.ts";

/**
 * The interfaces of `wasi:filesystem@0.2` for one component. A component without mounts has no
 * preopened directory.
 * @throws {Error} of `node:fs` if a mount's host path does not exist.
 */
export function createWasiFilesystem(component: ComponentContext): ImportObject {
  const roots = buildMountRoots(component.mounts);
  const quota = new FileQuota();
  return {
    "wasi:filesystem/preopens@0.2": {
      getDirectories: () =>
        roots.map((root) => [Descriptor.ofDirectory({ root, parts: [], quota }), root.guestPath]),
    },
    "wasi:filesystem/types@0.2": {
      Descriptor,
      DirectoryEntryStream,
      filesystemErrorCode: (error: IoError) =>
        typeof error.cause === "string" ? error.cause : undefined,
    },
  };
}
