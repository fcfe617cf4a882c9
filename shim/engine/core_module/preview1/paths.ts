/**
 * The functions of WASI preview 1 on paths, which are relative to an open directory.
 *
 * @module
 */

import type { GuestMemory } from "../guest_memory.ts";
import { ERRNO, Errno } from "./errno.ts";
import { type FdTable, openDescriptor } from "./fd_table.ts";
import {
  FD_FLAGS,
  LOOKUP_FOLLOW,
  newTimestamps,
  OPEN_FLAGS,
  RIGHTS,
  writeFilestat,
} from "./layout.ts";
import type { Descriptor } from "../../../imports/wasi_filesystem.ts";
import type { Preview1Functions } from "./system.ts";

/** The functions whose names begin with `path_`. */
export function createPathFunctions(memory: GuestMemory, table: FdTable): Preview1Functions {
  function directory(fd: number): Descriptor {
    return table.descriptor(fd, "notdir").descriptor;
  }

  function lookup(flags: number): { symlinkFollow: boolean } {
    return { symlinkFollow: (flags & LOOKUP_FOLLOW) !== 0 };
  }

  return {
    ...createPathChanges(memory, directory),
    path_open(
      fd: number,
      lookupFlags: number,
      path: number,
      length: number,
      flags: number,
      rights: bigint,
      _inherited: bigint,
      fdFlags: number,
      result: number,
    ) {
      const descriptor = directory(fd).openAt(
        lookup(lookupFlags),
        memory.text(path, length),
        {
          create: (flags & OPEN_FLAGS.create) !== 0,
          directory: (flags & OPEN_FLAGS.directory) !== 0,
          exclusive: (flags & OPEN_FLAGS.exclusive) !== 0,
          truncate: (flags & OPEN_FLAGS.truncate) !== 0,
        },
        {
          read: (rights & RIGHTS.read) !== 0n,
          write: (rights & RIGHTS.write) !== 0n,
          fileIntegritySync: (fdFlags & FD_FLAGS.sync) !== 0,
          dataIntegritySync: (fdFlags & FD_FLAGS.dsync) !== 0,
          requestedWriteSync: (fdFlags & FD_FLAGS.rsync) !== 0,
        },
      );
      const isAppending = (fdFlags & FD_FLAGS.append) !== 0;
      try {
        const type = descriptor.getType();
        memory.setU32(result, table.add(openDescriptor(descriptor, { type, isAppending })));
      } catch (error) {
        descriptor[Symbol.dispose]();
        throw error;
      }
      return ERRNO.success;
    },
    path_filestat_get(fd: number, flags: number, path: number, length: number, result: number) {
      const name = memory.text(path, length);
      const base = directory(fd);
      const stat = base.statAt(lookup(flags), name);
      writeFilestat(memory, result, {
        stat,
        inode: base.metadataHashAt(lookup(flags), name).lower,
      });
      return ERRNO.success;
    },
    path_filestat_set_times(
      fd: number,
      flags: number,
      path: number,
      length: number,
      accessed: bigint,
      modified: bigint,
      timeFlags: number,
    ) {
      const times = newTimestamps(timeFlags, { accessed, modified });
      const name = memory.text(path, length);
      directory(fd).setTimesAt(lookup(flags), name, times.accessed, times.modified);
      return ERRNO.success;
    },
    path_readlink(
      fd: number,
      path: number,
      length: number,
      buffer: number,
      size: number,
      result: number,
    ) {
      const target = new TextEncoder().encode(directory(fd).readlinkAt(memory.text(path, length)));
      // As `readlink` has it: what does not fit is left out.
      const fitting = target.subarray(0, size >>> 0);
      memory.write(buffer, fitting);
      memory.setU32(result, fitting.length);
      return ERRNO.success;
    },
  };
}

/** Those that change directories. */
function createPathChanges(
  memory: GuestMemory,
  directory: (fd: number) => Descriptor,
): Preview1Functions {
  return {
    path_create_directory(fd: number, path: number, length: number) {
      directory(fd).createDirectoryAt(memory.text(path, length));
      return ERRNO.success;
    },
    path_remove_directory(fd: number, path: number, length: number) {
      directory(fd).removeDirectoryAt(memory.text(path, length));
      return ERRNO.success;
    },
    path_unlink_file(fd: number, path: number, length: number) {
      directory(fd).unlinkFileAt(memory.text(path, length));
      return ERRNO.success;
    },
    path_symlink(target: number, targetLength: number, fd: number, path: number, length: number) {
      directory(fd).symlinkAt(memory.text(target, targetLength), memory.text(path, length));
      return ERRNO.success;
    },
    path_rename(
      fd: number,
      path: number,
      length: number,
      newFd: number,
      newPath: number,
      newLength: number,
    ) {
      directory(fd).renameAt(
        memory.text(path, length),
        directory(newFd),
        memory.text(newPath, newLength),
      );
      return ERRNO.success;
    },
    path_link(
      fd: number,
      flags: number,
      path: number,
      length: number,
      newFd: number,
      newPath: number,
      newLength: number,
    ) {
      if ((flags & LOOKUP_FOLLOW) !== 0) throw new Errno("inval");
      directory(fd).linkAt(
        {},
        memory.text(path, length),
        directory(newFd),
        memory.text(newPath, newLength),
      );
      return ERRNO.success;
    },
  };
}
