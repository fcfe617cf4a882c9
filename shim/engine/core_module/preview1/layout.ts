/**
 * The records of WASI preview 1 in memory, and its flags.
 *
 * @module
 */

import type { DescriptorStat, EntryType, NewTimestamp } from "../../../imports/wasi_filesystem.ts";
import type { GuestMemory } from "../guest_memory.ts";
import { Errno } from "./errno.ts";

/** The numbers of `filetype`. Pipes have none. */
const FILE_TYPES: Readonly<Record<EntryType, number>> = {
  "unknown": 0,
  "fifo": 0,
  "block-device": 1,
  "character-device": 2,
  "directory": 3,
  "regular-file": 4,
  "socket": 6,
  "symbolic-link": 7,
};

/** The number of a type of file. */
export function fileTypeNumber(type: EntryType): number {
  return FILE_TYPES[type];
}

/** The flags `fdflags`. */
export const FD_FLAGS = { append: 1, dsync: 2, nonblock: 4, rsync: 8, sync: 16 } as const;
/** The flags `oflags`. */
export const OPEN_FLAGS = { create: 1, directory: 2, exclusive: 4, truncate: 8 } as const;
/** The flags `lookupflags`. */
export const LOOKUP_FOLLOW = 1;

/** The rights that have an effect here. Preview 1 has many; paths and files know their own limits. */
export const RIGHTS = {
  read: 1n << 1n,
  write: 1n << 6n,
  /** All that there are. */
  all: (1n << 29n) - 1n,
  /** What concerns the content of files. */
  files: (1n << 0n) | (1n << 2n) | (1n << 3n) | (1n << 4n) | (1n << 5n) | (1n << 7n) | (1n << 8n) |
    (1n << 21n) | (1n << 22n) | (1n << 23n) | (1n << 27n),
} as const;

/** Bytes of the record `fdstat`. */
const FDSTAT_BYTES = 24;
/** Bytes of the record `filestat`. */
const FILESTAT_BYTES = 64;

/** Writes the record `fdstat`. */
export function writeFdstat(
  memory: GuestMemory,
  pointer: number,
  stat: { fileType: number; flags: number; rights: bigint; inherited: bigint },
): void {
  memory.slice(pointer, FDSTAT_BYTES).fill(0);
  const { view } = memory;
  view.setUint8(pointer, stat.fileType);
  view.setUint16(pointer + 2, stat.flags, true);
  view.setBigUint64(pointer + 8, stat.rights, true);
  view.setBigUint64(pointer + 16, stat.inherited, true);
}

/** Writes the record `filestat`. */
export function writeFilestat(
  memory: GuestMemory,
  pointer: number,
  { stat, inode }: { stat: DescriptorStat; inode: bigint },
): void {
  memory.slice(pointer, FILESTAT_BYTES).fill(0);
  const { view } = memory;
  // All mounts look like one device; the inode is a hash of the real two numbers.
  view.setBigUint64(pointer, 1n, true);
  view.setBigUint64(pointer + 8, inode, true);
  view.setUint8(pointer + 16, fileTypeNumber(stat.type));
  view.setBigUint64(pointer + 24, stat.linkCount, true);
  view.setBigUint64(pointer + 32, stat.size, true);
  [stat.dataAccessTimestamp, stat.dataModificationTimestamp, stat.statusChangeTimestamp].forEach(
    (time, index) => {
      const nanoseconds = time ? time.seconds * NANOS_PER_SECOND + BigInt(time.nanoseconds) : 0n;
      view.setBigUint64(pointer + 40 + index * 8, BigInt.asUintN(64, nanoseconds), true);
    },
  );
}

/** Nanoseconds in a second. */
export const NANOS_PER_SECOND = 1_000_000_000n;

/** The flags `fstflags`. */
const TIMES = { accessed: 1, accessedNow: 2, modified: 4, modifiedNow: 8 } as const;

/** The two times of a function that sets them. @throws {Errno} `inval` for contradicting flags. */
export function newTimestamps(
  flags: number,
  times: { accessed: bigint; modified: bigint },
): { accessed: NewTimestamp; modified: NewTimestamp } {
  return {
    accessed: newTimestamp(times.accessed, {
      isSet: (flags & TIMES.accessed) !== 0,
      isNow: (flags & TIMES.accessedNow) !== 0,
    }),
    modified: newTimestamp(times.modified, {
      isSet: (flags & TIMES.modified) !== 0,
      isNow: (flags & TIMES.modifiedNow) !== 0,
    }),
  };
}

function newTimestamp(
  time: bigint,
  { isSet, isNow }: { isSet: boolean; isNow: boolean },
): NewTimestamp {
  if (isSet && isNow) throw new Errno("inval");
  if (isNow) return { tag: "now" };
  if (!isSet) return { tag: "no-change" };
  const nanoseconds = BigInt.asUintN(64, time);
  return {
    tag: "timestamp",
    val: {
      seconds: nanoseconds / NANOS_PER_SECOND,
      nanoseconds: Number(nanoseconds % NANOS_PER_SECOND),
    },
  };
}

/** The buffers of an `iovec` array, as views, empty ones left out. */
export function ioVectors(memory: GuestMemory, pointer: number, count: number): Uint8Array[] {
  const table = memory.slice(pointer, (count >>> 0) * 8);
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const buffers: Uint8Array[] = [];
  for (let at = 0; at < table.length; at += 8) {
    const length = view.getUint32(at + 4, true);
    if (length > 0) buffers.push(memory.slice(view.getUint32(at, true), length));
  }
  return buffers;
}
