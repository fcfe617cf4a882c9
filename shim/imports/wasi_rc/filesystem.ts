/**
 * `wasi:filesystem` of the snapshots. 2023-11-10 is as 0.2; 2023-10-18 has permissions and locks, of
 * which only the question whether something may be accessed has an answer.
 *
 * @module
 */

import type { ComponentContext, ImportObject } from "../component_context.ts";
import {
  Descriptor as Descriptor02,
  type DescriptorFlags,
  type OpenFlags,
  type PathFlags,
} from "../_descriptor.ts";
import type { FsErrorCode } from "../_fs_errors.ts";
import { buildMountRoots } from "../_mount_root.ts";
import { FileQuota } from "../_open_file.ts";
import { createWasiFilesystem } from "../wasi_filesystem.ts";
import { GivenOutputStream } from "./io.ts";
import { asSnapshot, FIRST, type Snapshot } from "./snapshots.ts";

/** The flags `modes`. */
interface Modes {
  readonly readable?: boolean;
  readonly writable?: boolean;
  readonly executable?: boolean;
}
/** The variant `access-type`. */
type AccessType = { readonly tag: "access"; readonly val: Modes } | { readonly tag: "exists" };

/**
 * The resource `descriptor` of 2023-10-18. Errors are thrown as {@link FsErrorCode}. The original
 * traps in the functions that are `unsupported` here.
 */
export class Descriptor extends Descriptor02 {
  /** @param _modes The permissions of a new file are those of the host's process. */
  override openAt(
    pathFlags: PathFlags,
    path: string,
    openFlags: OpenFlags,
    flags: DescriptorFlags,
    _modes?: Modes,
  ): Descriptor {
    return new Descriptor(this.open(path, { pathFlags, openFlags, flags }));
  }

  override writeViaStream(offset: bigint): GivenOutputStream {
    return GivenOutputStream.replacing(super.writeViaStream(offset));
  }

  override appendViaStream(): GivenOutputStream {
    return GivenOutputStream.replacing(super.appendViaStream());
  }

  /** Nothing can be executed but directories, in the sense that they may be looked into. */
  accessAt(pathFlags: PathFlags, path: string, type: AccessType): void {
    const isDirectory = this.statAt(pathFlags, path).type === "directory";
    if (type.tag === "exists") return;
    const { writable, executable } = type.val;
    // Only directories of a writable tree may be changed in.
    if (writable && !this.getFlags().mutateDirectory) throw "not-permitted" satisfies FsErrorCode;
    if (executable && !isDirectory) throw "access" satisfies FsErrorCode;
  }

  changeFilePermissionsAt(): never {
    throw "unsupported" satisfies FsErrorCode;
  }

  changeDirectoryPermissionsAt(): never {
    throw "unsupported" satisfies FsErrorCode;
  }

  lockShared(): never {
    throw "unsupported" satisfies FsErrorCode;
  }

  lockExclusive(): never {
    throw "unsupported" satisfies FsErrorCode;
  }

  tryLockShared(): never {
    throw "unsupported" satisfies FsErrorCode;
  }

  tryLockExclusive(): never {
    throw "unsupported" satisfies FsErrorCode;
  }

  unlock(): never {
    throw "unsupported" satisfies FsErrorCode;
  }
}

/**
 * The interfaces of `wasi:filesystem` in a snapshot, for one component.
 * @throws {Error} of `node:fs` if a mount's host path does not exist.
 */
export function createFilesystem(component: ComponentContext, snapshot: Snapshot): ImportObject {
  const offered = asSnapshot(createWasiFilesystem(component), snapshot);
  if (snapshot !== FIRST) return offered;
  const roots = buildMountRoots(component.mounts);
  const quota = new FileQuota();
  return {
    [`wasi:filesystem/preopens@${FIRST}`]: {
      getDirectories: () =>
        roots.map((root) => [
          new Descriptor({ directory: { root, parts: [], quota } }),
          root.guestPath,
        ]),
    },
    [`wasi:filesystem/types@${FIRST}`]: {
      ...offered[`wasi:filesystem/types@${FIRST}`],
      Descriptor,
    },
  };
}
