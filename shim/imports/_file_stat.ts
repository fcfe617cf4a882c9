/**
 * What a file's metadata looks like to a guest.
 *
 * @module
 */

import { nodeCrypto } from "../../lib/node_builtins.ts";
import type { BigIntStats } from "node:fs";
import { type EntryType, entryType } from "./_mount_root.ts";

/** The record `wasi:clocks/wall-clock#datetime`. */
export interface Datetime {
  readonly seconds: bigint;
  readonly nanoseconds: number;
}

/** The record `descriptor-stat`. */
export interface DescriptorStat {
  readonly type: EntryType;
  readonly linkCount: bigint;
  readonly size: bigint;
  readonly dataAccessTimestamp: Datetime | undefined;
  readonly dataModificationTimestamp: Datetime | undefined;
  readonly statusChangeTimestamp: Datetime | undefined;
}

/** The variant `new-timestamp`. */
export type NewTimestamp =
  | { readonly tag: "no-change" }
  | { readonly tag: "now" }
  | { readonly tag: "timestamp"; readonly val: Datetime };

/** The record `metadata-hash-value`. */
export interface MetadataHash {
  readonly lower: bigint;
  readonly upper: bigint;
}

const NANOS_PER_SECOND = 1_000_000_000n;

/** A time before 1970 cannot be told to a guest. */
function toDatetime(nanoseconds: bigint): Datetime | undefined {
  if (nanoseconds < 0n) return undefined;
  return {
    seconds: nanoseconds / NANOS_PER_SECOND,
    nanoseconds: Number(nanoseconds % NANOS_PER_SECOND),
  };
}

/** The record for a file of the host. */
export function toStat(stats: BigIntStats): DescriptorStat {
  return {
    type: entryType(stats),
    linkCount: stats.nlink,
    size: stats.size,
    dataAccessTimestamp: toDatetime(stats.atimeNs),
    dataModificationTimestamp: toDatetime(stats.mtimeNs),
    statusChangeTimestamp: toDatetime(stats.ctimeNs),
  };
}

/** The record for a directory that the host does not have. */
export function directoryStat(): DescriptorStat {
  return {
    type: "directory",
    linkCount: 1n,
    size: 0n,
    dataAccessTimestamp: undefined,
    dataModificationTimestamp: undefined,
    statusChangeTimestamp: undefined,
  };
}

/** Seconds since 1970, as `node:fs` wants them. */
export function newTimes(
  stats: BigIntStats,
  times: { accessed: NewTimestamp; modified: NewTimestamp },
): { accessed: number; modified: number } {
  return {
    accessed: newTime(times.accessed, stats.atimeNs),
    modified: newTime(times.modified, stats.mtimeNs),
  };
}

function newTime(time: NewTimestamp, currentNanos: bigint): number {
  switch (time.tag) {
    case "no-change":
      return Number(currentNanos) / 1e9;
    case "now":
      return Date.now() / 1000;
    case "timestamp":
      return Number(time.val.seconds) + time.val.nanoseconds / 1e9;
  }
}

/**
 * A hash that is the same for the same file, and only for it: guests use it as device and inode.
 * @param path Stands for a directory that the host does not have.
 */
export function metadataHash(stats: BigIntStats | undefined, path = ""): MetadataHash {
  const hash = nodeCrypto().createHash("sha256")
    .update(stats ? `${stats.dev}:${stats.ino}` : `path:${path}`)
    .digest();
  return { lower: hash.readBigUInt64LE(0), upper: hash.readBigUInt64LE(8) };
}
