/**
 * The functions of WASI preview 1 on open files, directories and streams.
 *
 * @module
 */

import type { InputStream, OutputStream } from "../../../imports/wasi_io.ts";
import type { GuestMemory } from "../guest_memory.ts";
import { ERRNO, Errno, streamErrno } from "./errno.ts";
import type { FdTable, OpenDescriptor } from "./fd_table.ts";
import {
  FD_FLAGS,
  fileTypeNumber,
  ioVectors,
  newTimestamps,
  RIGHTS,
  writeFdstat,
  writeFilestat,
} from "./layout.ts";
import type { Preview1Functions } from "./system.ts";

/** Bytes of the record `dirent` before the name. */
const DIRENT_BYTES = 24;
/** What `fd_seek` counts from. */
const WHENCE = { set: 0, current: 1, end: 2 } as const;

/** The functions whose names begin with `fd_`. */
export function createFileFunctions(memory: GuestMemory, table: FdTable): Preview1Functions {
  return {
    ...createReadFunctions(memory, table),
    ...createWriteFunctions(memory, table),
    ...createStatusFunctions(memory, table),
    ...createDirectoryFunctions(memory, table),
    fd_close(fd: number) {
      table.close(fd);
      return ERRNO.success;
    },
    fd_renumber(from: number, to: number) {
      table.renumber(from, to);
      return ERRNO.success;
    },
    fd_seek(fd: number, offset: bigint, whence: number, result: number) {
      const file = regular(table.descriptor(fd, "spipe"));
      const base = whence === WHENCE.set
        ? 0n
        : whence === WHENCE.current
        ? file.position
        : whence === WHENCE.end
        ? file.descriptor.stat().size
        : undefined;
      if (base === undefined || base + offset < 0n) throw new Errno("inval");
      file.position = BigInt.asUintN(64, base + offset);
      memory.setU64(result, file.position);
      return ERRNO.success;
    },
    fd_tell(fd: number, result: number) {
      memory.setU64(result, regular(table.descriptor(fd, "spipe")).position);
      return ERRNO.success;
    },
  };
}

/** @throws {Errno} `badf` for a directory. */
function regular(entry: OpenDescriptor): OpenDescriptor {
  if (entry.type === "directory") throw new Errno("badf");
  return entry;
}

function createReadFunctions(memory: GuestMemory, table: FdTable): Preview1Functions {
  /** Fills the buffers from a position on, as far as the file has bytes. */
  function readFile(entry: OpenDescriptor, buffers: Uint8Array[], offset: bigint): number {
    let total = 0;
    for (const buffer of buffers) {
      const [bytes] = entry.descriptor.read(BigInt(buffer.length), offset + BigInt(total));
      buffer.set(bytes);
      total += bytes.length;
      if (bytes.length < buffer.length) break;
    }
    return total;
  }

  function give(bytes: Uint8Array, pointer: number, result: number): number {
    memory.write(pointer, bytes);
    memory.setU32(result, bytes.length);
    return ERRNO.success;
  }

  /** At most the first buffer is filled: more might mean to wait for it. */
  function readStream(
    stream: InputStream,
    { vectors, count, result }: { vectors: number; count: number; result: number },
  ): number | Promise<number> {
    const [first] = ioVectors(memory, vectors, count);
    if (!first) return give(new Uint8Array(0), 0, result);
    const { byteOffset, length } = first;
    function end(error: unknown): number {
      const failure = streamErrno(error);
      if (failure !== undefined) throw failure;
      return give(new Uint8Array(0), byteOffset, result);
    }
    try {
      const bytes = stream.blockingRead(BigInt(length));
      // The guest's memory may have grown meanwhile, so the place is looked up again.
      return bytes instanceof Promise
        ? bytes.then((read) => give(read, byteOffset, result), end)
        : give(bytes, byteOffset, result);
    } catch (error) {
      return end(error);
    }
  }

  return {
    fd_read(fd: number, vectors: number, count: number, result: number) {
      const entry = table.get(fd);
      if (entry.kind === "output") throw new Errno("badf");
      if (entry.kind === "input") return readStream(entry.stream, { vectors, count, result });
      const read = readFile(regular(entry), ioVectors(memory, vectors, count), entry.position);
      entry.position += BigInt(read);
      memory.setU32(result, read);
      return ERRNO.success;
    },
    fd_pread(fd: number, vectors: number, count: number, offset: bigint, result: number) {
      const entry = regular(table.descriptor(fd, "spipe"));
      const at = BigInt.asUintN(64, offset);
      memory.setU32(result, readFile(entry, ioVectors(memory, vectors, count), at));
      return ERRNO.success;
    },
  };
}

function createWriteFunctions(memory: GuestMemory, table: FdTable): Preview1Functions {
  function gather(vectors: number, count: number): Uint8Array {
    const buffers = ioVectors(memory, vectors, count);
    if (buffers.length === 1) return buffers[0]!;
    const all = new Uint8Array(buffers.reduce((sum, buffer) => sum + buffer.length, 0));
    let offset = 0;
    for (const buffer of buffers) {
      all.set(buffer, offset);
      offset += buffer.length;
    }
    return all;
  }

  function written(bytes: number, result: number): number {
    memory.setU32(result, bytes);
    return ERRNO.success;
  }

  function writeStream(
    stream: OutputStream,
    { bytes, result }: { bytes: Uint8Array; result: number },
  ): number | Promise<number> {
    const { length } = bytes;
    function fail(error: unknown): never {
      throw streamErrno(error) ?? new Errno("pipe");
    }
    try {
      const pending = stream.blockingWriteAndFlush(bytes);
      return pending ? pending.then(() => written(length, result), fail) : written(length, result);
    } catch (error) {
      return fail(error);
    }
  }

  return {
    fd_write(fd: number, vectors: number, count: number, result: number) {
      const entry = table.get(fd);
      if (entry.kind === "input") throw new Errno("badf");
      const bytes = gather(vectors, count);
      if (entry.kind === "output") return writeStream(entry.stream, { bytes, result });
      const { descriptor } = regular(entry);
      if (entry.isAppending) entry.position = descriptor.stat().size;
      entry.position += descriptor.write(bytes, entry.position);
      return written(bytes.length, result);
    },
    fd_pwrite(fd: number, vectors: number, count: number, offset: bigint, result: number) {
      const { descriptor } = regular(table.descriptor(fd, "spipe"));
      const bytes = gather(vectors, count);
      return written(Number(descriptor.write(bytes, BigInt.asUintN(64, offset))), result);
    },
  };
}

function createStatusFunctions(memory: GuestMemory, table: FdTable): Preview1Functions {
  return {
    fd_advise(fd: number) {
      regular(table.descriptor(fd, "spipe"));
      return ERRNO.success;
    },
    fd_allocate(fd: number) {
      regular(table.descriptor(fd));
      return ERRNO.notsup;
    },
    fd_datasync(fd: number) {
      table.descriptor(fd).descriptor.syncData();
      return ERRNO.success;
    },
    fd_sync(fd: number) {
      table.descriptor(fd).descriptor.sync();
      return ERRNO.success;
    },
    fd_fdstat_get(fd: number, result: number) {
      const entry = table.get(fd);
      if (entry.kind !== "descriptor") {
        // Of no known type, so that no program takes it for a terminal.
        const rights = entry.kind === "input" ? RIGHTS.read : RIGHTS.write;
        writeFdstat(memory, result, { fileType: 0, flags: 0, rights, inherited: 0n });
        return ERRNO.success;
      }
      const isDirectory = entry.type === "directory";
      const { read, write } = entry.descriptor.getFlags();
      const content = (read ? RIGHTS.read : 0n) | (write ? RIGHTS.write : 0n);
      writeFdstat(memory, result, {
        fileType: fileTypeNumber(entry.type),
        flags: entry.isAppending ? FD_FLAGS.append : 0,
        rights: isDirectory ? RIGHTS.all & ~RIGHTS.write & ~RIGHTS.read : RIGHTS.files | content,
        inherited: isDirectory ? RIGHTS.all : 0n,
      });
      return ERRNO.success;
    },
    fd_fdstat_set_flags(fd: number, flags: number) {
      const entry = regular(table.descriptor(fd));
      if ((flags & ~(FD_FLAGS.append | FD_FLAGS.nonblock)) !== 0) throw new Errno("inval");
      entry.isAppending = (flags & FD_FLAGS.append) !== 0;
      return ERRNO.success;
    },
    // Rights may only be given up, and none is looked at later.
    fd_fdstat_set_rights(fd: number) {
      table.get(fd);
      return ERRNO.success;
    },
    fd_filestat_get(fd: number, result: number) {
      const entry = table.get(fd);
      const stat = entry.kind === "descriptor" ? entry.descriptor.stat() : STREAM_STAT;
      const inode = entry.kind === "descriptor" ? entry.descriptor.metadataHash().lower : 0n;
      writeFilestat(memory, result, { stat, inode });
      return ERRNO.success;
    },
    fd_filestat_set_size(fd: number, size: bigint) {
      regular(table.descriptor(fd)).descriptor.setSize(BigInt.asUintN(64, size));
      return ERRNO.success;
    },
    fd_filestat_set_times(fd: number, accessed: bigint, modified: bigint, flags: number) {
      const times = newTimestamps(flags, { accessed, modified });
      table.descriptor(fd).descriptor.setTimes(times.accessed, times.modified);
      return ERRNO.success;
    },
  };
}

const STREAM_STAT = Object.freeze({
  type: "unknown",
  linkCount: 1n,
  size: 0n,
  dataAccessTimestamp: undefined,
  dataModificationTimestamp: undefined,
  statusChangeTimestamp: undefined,
});

function createDirectoryFunctions(memory: GuestMemory, table: FdTable): Preview1Functions {
  const encoder = new TextEncoder();

  function preopen(fd: number): Uint8Array {
    const entry = table.get(fd);
    if (entry.kind !== "descriptor" || entry.preopen === undefined) throw new Errno("badf");
    return encoder.encode(entry.preopen);
  }

  function list(entry: OpenDescriptor): NonNullable<OpenDescriptor["listing"]> {
    const stream = entry.descriptor.readDirectory();
    const listing: { name: string; type: typeof entry.type }[] = [
      { name: ".", type: "directory" },
      { name: "..", type: "directory" },
    ];
    for (let next = stream.readDirectoryEntry(); next; next = stream.readDirectoryEntry()) {
      listing.push(next);
    }
    return listing;
  }

  /** What may be gone by now, or lie above what the guest may see, has no number. */
  function inodeOf(entry: OpenDescriptor, name: string): bigint {
    try {
      if (name === "..") return 0n;
      if (name === ".") return entry.descriptor.metadataHash().lower;
      return entry.descriptor.metadataHashAt({}, name).lower;
    } catch (error) {
      if (typeof error === "string") return 0n;
      throw error;
    }
  }

  return {
    fd_prestat_get(fd: number, result: number) {
      const { length } = preopen(fd);
      memory.setU32(result, 0);
      memory.setU32(result + 4, length);
      return ERRNO.success;
    },
    fd_prestat_dir_name(fd: number, pointer: number, length: number) {
      const name = preopen(fd);
      if (length >>> 0 < name.length) throw new Errno("nametoolong");
      memory.write(pointer, name);
      return ERRNO.success;
    },
    fd_readdir(fd: number, pointer: number, length: number, cookie: bigint, result: number) {
      const entry = table.descriptor(fd, "notdir");
      if (entry.type !== "directory") throw new Errno("notdir");
      // A guest that begins anew sees what has changed.
      if (cookie === 0n || !entry.listing) entry.listing = list(entry);
      const buffer = memory.slice(pointer, length);
      let used = 0;
      for (let at = Number(cookie); at < entry.listing.length && used < buffer.length; at++) {
        const { name, type } = entry.listing[at]!;
        const record = encodeEntry(encoder.encode(name), {
          next: BigInt(at + 1),
          inode: inodeOf(entry, name),
          type: fileTypeNumber(type),
        });
        // An entry that is cut off says that there is more.
        buffer.set(record.subarray(0, buffer.length - used), used);
        used += Math.min(record.length, buffer.length - used);
      }
      memory.setU32(result, used);
      return ERRNO.success;
    },
  };
}

function encodeEntry(
  name: Uint8Array,
  { next, inode, type }: { next: bigint; inode: bigint; type: number },
): Uint8Array {
  const record = new Uint8Array(DIRENT_BYTES + name.length);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, next, true);
  view.setBigUint64(8, inode, true);
  view.setUint32(16, name.length, true);
  view.setUint8(20, type);
  record.set(name, DIRENT_BYTES);
  return record;
}
