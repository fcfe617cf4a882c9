/**
 * `wasi:filesystem@0.3`: the descriptors of 0.2 with streams, and with errors and types that are
 * variants.
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
import type { Datetime, MetadataHash, NewTimestamp } from "../_file_stat.ts";
import { toFsErrorCode } from "../_fs_errors.ts";
import { buildMountRoots, type EntryType } from "../_mount_root.ts";
import { FileQuota } from "../_open_file.ts";
import { fromInput, intoOutput } from "./_byte_streams.ts";
import { type GuestBytes, hostBytes, type HostStream, OK, type Result } from "./_streams.ts";

/** The variant `error-code`. */
type ErrorCode = { readonly tag: string; readonly val?: string | undefined };
/** The variant `descriptor-type`. */
type DescriptorType = { readonly tag: string; readonly val?: undefined };
type Ended = Promise<Result<undefined, ErrorCode>>;
/** The record `directory-entry`. */
type DirectoryEntry = { readonly name: string; readonly type: DescriptorType };

/** The record `descriptor-stat`. */
interface DescriptorStat {
  readonly type: DescriptorType;
  readonly linkCount: bigint;
  readonly size: bigint;
  readonly dataAccessTimestamp: Datetime | undefined;
  readonly dataModificationTimestamp: Datetime | undefined;
  readonly statusChangeTimestamp: Datetime | undefined;
}

/** 0.3 has no such case: nothing there says "try again". */
const NOT_IN_03 = new Set(["would-block"]);

function toErrorCode(error: unknown): ErrorCode {
  const code = toFsErrorCode(error);
  return NOT_IN_03.has(code) ? { tag: "other", val: code } : { tag: code };
}

function toType(type: EntryType): DescriptorType {
  return type === "unknown" ? { tag: "other", val: undefined } : { tag: type };
}

/** Runs `action`; whatever it throws is thrown as an {@link ErrorCode}. */
function attempt<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw toErrorCode(error);
  }
}

/** The resource `descriptor`. Its functions are asynchronous in name: files are always ready. */
export class Descriptor {
  readonly #inner: Descriptor02;

  /** Only the host and {@link openAt} make descriptors; a guest cannot. */
  constructor(inner: Descriptor02) {
    this.#inner = inner;
  }

  readViaStream(offset: bigint): [HostStream<Uint8Array>, Ended] {
    try {
      return fromInput(this.#inner.readViaStream(offset), toErrorCode);
    } catch (error) {
      return [hostBytes(null), Promise.resolve({ tag: "err", val: toErrorCode(error) })];
    }
  }

  writeViaStream(data: GuestBytes, offset: bigint): Ended {
    return this.#write(data, () => this.#inner.writeViaStream(offset));
  }

  appendViaStream(data: GuestBytes): Ended {
    return this.#write(data, () => this.#inner.appendViaStream());
  }

  async #write(
    data: GuestBytes,
    open: () => ReturnType<Descriptor02["writeViaStream"]>,
  ): Promise<Result<undefined, ErrorCode>> {
    try {
      return await intoOutput(data, open(), toErrorCode);
    } catch (error) {
      data[Symbol.dispose]();
      return { tag: "err", val: toErrorCode(error) };
    }
  }

  advise(offset: bigint, length: bigint, advice: string): void {
    attempt(() => this.#inner.advise(offset, length, advice));
  }

  syncData(): void {
    attempt(() => this.#inner.syncData());
  }

  sync(): void {
    attempt(() => this.#inner.sync());
  }

  getFlags(): DescriptorFlags {
    return attempt(() => this.#inner.getFlags());
  }

  getType(): DescriptorType {
    return toType(attempt(() => this.#inner.getType()));
  }

  setSize(size: bigint): void {
    attempt(() => this.#inner.setSize(size));
  }

  setTimes(accessed: NewTimestamp, modified: NewTimestamp): void {
    attempt(() => this.#inner.setTimes(accessed, modified));
  }

  /** The directory as it is now. */
  readDirectory(): [DirectoryEntry[], Ended] {
    try {
      const entries: DirectoryEntry[] = [];
      const stream = this.#inner.readDirectory();
      for (
        let entry = stream.readDirectoryEntry();
        entry;
        entry = stream.readDirectoryEntry()
      ) entries.push({ name: entry.name, type: toType(entry.type) });
      return [entries, Promise.resolve(OK)];
    } catch (error) {
      return [[], Promise.resolve({ tag: "err", val: toErrorCode(error) })];
    }
  }

  createDirectoryAt(path: string): void {
    attempt(() => this.#inner.createDirectoryAt(path));
  }

  stat(): DescriptorStat {
    const stat = attempt(() => this.#inner.stat());
    return { ...stat, type: toType(stat.type) };
  }

  statAt(flags: PathFlags, path: string): DescriptorStat {
    const stat = attempt(() => this.#inner.statAt(flags, path));
    return { ...stat, type: toType(stat.type) };
  }

  setTimesAt(
    flags: PathFlags,
    path: string,
    accessed: NewTimestamp,
    modified: NewTimestamp,
  ): void {
    attempt(() => this.#inner.setTimesAt(flags, path, accessed, modified));
  }

  linkAt(flags: PathFlags, oldPath: string, target: Descriptor, newPath: string): void {
    attempt(() => this.#inner.linkAt(flags, oldPath, target.#inner, newPath));
  }

  openAt(
    pathFlags: PathFlags,
    path: string,
    openFlags: OpenFlags,
    flags: DescriptorFlags,
  ): Descriptor {
    return new Descriptor(attempt(() => this.#inner.openAt(pathFlags, path, openFlags, flags)));
  }

  readlinkAt(path: string): string {
    return attempt(() => this.#inner.readlinkAt(path));
  }

  removeDirectoryAt(path: string): void {
    attempt(() => this.#inner.removeDirectoryAt(path));
  }

  renameAt(oldPath: string, target: Descriptor, newPath: string): void {
    attempt(() => this.#inner.renameAt(oldPath, target.#inner, newPath));
  }

  symlinkAt(oldPath: string, newPath: string): void {
    attempt(() => this.#inner.symlinkAt(oldPath, newPath));
  }

  unlinkFileAt(path: string): void {
    attempt(() => this.#inner.unlinkFileAt(path));
  }

  isSameObject(other: Descriptor): boolean {
    return this.#inner.isSameObject(other.#inner);
  }

  metadataHash(): MetadataHash {
    return attempt(() => this.#inner.metadataHash());
  }

  metadataHashAt(flags: PathFlags, path: string): MetadataHash {
    return attempt(() => this.#inner.metadataHashAt(flags, path));
  }

  [Symbol.dispose](): void {
    this.#inner[Symbol.dispose]();
  }
}

/**
 * The interfaces of `wasi:filesystem@0.3` for one component. A component without mounts has no
 * preopened directory.
 * @throws {Error} of `node:fs` if a mount's host path does not exist.
 */
export function createFilesystem(component: ComponentContext): ImportObject {
  const roots = buildMountRoots(component.mounts);
  const quota = new FileQuota();
  return {
    "wasi:filesystem/preopens@0.3": {
      getDirectories: () =>
        roots.map((root) => [
          new Descriptor(Descriptor02.ofDirectory({ root, parts: [], quota })),
          root.guestPath,
        ]),
    },
    "wasi:filesystem/types@0.3": { Descriptor },
  };
}
