/**
 * The resources of `wasi:filesystem/types@0.2`.
 *
 * Permissions are those of Wasmtime: in a mount that is not writable, whatever would change
 * something is `not-permitted`.
 *
 * @module
 */

import { fs } from "../../lib/node_builtins.ts";
import {
  type DescriptorStat,
  directoryStat,
  type MetadataHash,
  metadataHash,
  newTimes,
  type NewTimestamp,
  toStat,
} from "./_file_stat.ts";
import { attempt, type FsErrorCode, toFsErrorCode } from "./_fs_errors.ts";
import { type Entry, type EntryType, entryType, type MountRoot } from "./_mount_root.ts";
import { type FileQuota, fileSink, fileSource, OpenFile } from "./_open_file.ts";
import { type Place, resolvePath } from "./_sandbox_path.ts";
import { InputStream, OutputStream } from "./wasi_io.ts";

/** Flags as the bindings pass them; a flag that is absent is false. */
export interface PathFlags {
  readonly symlinkFollow?: boolean;
}
/** The flags `open-flags`. */
export interface OpenFlags {
  readonly create?: boolean;
  readonly directory?: boolean;
  readonly exclusive?: boolean;
  readonly truncate?: boolean;
}
/** The flags `descriptor-flags`. */
export interface DescriptorFlags {
  readonly read?: boolean;
  readonly write?: boolean;
  readonly fileIntegritySync?: boolean;
  readonly dataIntegritySync?: boolean;
  readonly requestedWriteSync?: boolean;
  readonly mutateDirectory?: boolean;
}

/** A directory, as a place in a tree. */
interface DirectoryHandle {
  readonly root: MountRoot;
  readonly parts: readonly string[];
  readonly quota: FileQuota;
}

/** A file, and what it was opened for. */
interface FileHandle {
  readonly file: OpenFile;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  /** Whether its mount permits changes, independent of how it was opened. */
  readonly isWritable: boolean;
}

/** What a single `read` gives at most, in bytes. */
const MAX_READ_BYTES = 1n << 20n;

/** The resource `directory-entry-stream`: the directory as it was when it was opened. */
export class DirectoryEntryStream {
  readonly #entries: { name: string; type: EntryType }[];
  #next = 0;

  constructor(entries: { name: string; type: EntryType }[] = []) {
    this.#entries = entries;
  }

  readDirectoryEntry(): { name: string; type: EntryType } | undefined {
    return this.#entries[this.#next++];
  }
}

/** The resource `descriptor`. Errors are thrown as {@link FsErrorCode}. */
export class Descriptor {
  readonly #directory: DirectoryHandle | undefined;
  readonly #opened: FileHandle | undefined;
  #isClosed = false;

  /** Only {@link ofDirectory} and {@link openAt} make descriptors; a guest cannot. */
  constructor(handle: { directory?: DirectoryHandle; opened?: FileHandle }) {
    this.#directory = handle.directory;
    this.#opened = handle.opened;
  }

  /** A descriptor of a directory. It holds nothing that has to be closed. */
  static ofDirectory(directory: DirectoryHandle): Descriptor {
    return new Descriptor({ directory });
  }

  readViaStream(offset: bigint): InputStream {
    const { file, canRead } = this.#file();
    if (!canRead) throw "bad-descriptor" satisfies FsErrorCode;
    return new InputStream(fileSource(file, offset));
  }

  writeViaStream(offset: bigint): OutputStream {
    return new OutputStream(fileSink(this.#writableFile("bad-descriptor"), offset));
  }

  appendViaStream(): OutputStream {
    return new OutputStream(fileSink(this.#writableFile("bad-descriptor"), "end"));
  }

  /** Advice is taken, and not acted on. */
  advise(_offset: bigint, _length: bigint, _advice: string): void {
    this.#file();
  }

  syncData(): void {
    if (this.#opened) attempt(() => fs().fdatasyncSync(this.#opened!.file.fd));
  }

  sync(): void {
    if (this.#opened) attempt(() => fs().fsyncSync(this.#opened!.file.fd));
  }

  getFlags(): DescriptorFlags {
    if (this.#directory) return { read: true, mutateDirectory: this.#directory.root.isWritable };
    const { canRead, canWrite } = this.#file();
    return { read: canRead, write: canWrite };
  }

  getType(): EntryType {
    if (this.#directory) return "directory";
    return attempt(() => entryType(fs().fstatSync(this.#file().file.fd, { bigint: true })));
  }

  setSize(size: bigint): void {
    const file = this.#writableFile("not-permitted");
    if (size > BigInt(Number.MAX_SAFE_INTEGER)) throw "file-too-large" satisfies FsErrorCode;
    attempt(() => fs().ftruncateSync(file.fd, Number(size)));
  }

  setTimes(accessed: NewTimestamp, modified: NewTimestamp): void {
    if (this.#directory) {
      this.#checkMutable();
      const place = { ...this.#directory, entry: this.#ownEntry(), mustBeDirectory: true };
      return setTimes(place, { accessed, modified });
    }
    const { file, isWritable } = this.#file();
    if (!isWritable) throw "not-permitted" satisfies FsErrorCode;
    attempt(() => {
      const times = newTimes(fs().fstatSync(file.fd, { bigint: true }), { accessed, modified });
      fs().futimesSync(file.fd, times.accessed, times.modified);
    });
  }

  read(length: bigint, offset: bigint): [Uint8Array, boolean] {
    const { file, canRead } = this.#file();
    if (!canRead) throw "bad-descriptor" satisfies FsErrorCode;
    const wanted = length > MAX_READ_BYTES ? MAX_READ_BYTES : length;
    const bytes = file.readAt(offset, Number(wanted));
    return [bytes, bytes.length === 0 && length > 0n];
  }

  write(bytes: Uint8Array, offset: bigint): bigint {
    this.#writableFile("not-permitted").writeAt(offset, bytes.slice());
    return BigInt(bytes.length);
  }

  readDirectory(): DirectoryEntryStream {
    const { root, parts } = this.#base();
    return new DirectoryEntryStream(attempt(() => root.list(parts)));
  }

  createDirectoryAt(path: string): void {
    this.#checkMutable();
    const place = this.#resolve(path, false);
    if (place.entry) throw "exist" satisfies FsErrorCode;
    attempt(() => fs().mkdirSync(mutablePath(place)));
  }

  stat(): DescriptorStat {
    if (!this.#directory) {
      return attempt(() => toStat(fs().fstatSync(this.#file().file.fd, { bigint: true })));
    }
    return statOf(this.#ownEntry());
  }

  statAt(flags: PathFlags, path: string): DescriptorStat {
    return statOf(this.#existing(path, flags).entry);
  }

  setTimesAt(
    flags: PathFlags,
    path: string,
    accessed: NewTimestamp,
    modified: NewTimestamp,
  ): void {
    this.#checkMutable();
    setTimes(this.#existing(path, flags), { accessed, modified });
  }

  linkAt(flags: PathFlags, oldPath: string, target: Descriptor, newPath: string): void {
    this.#checkMutable();
    target.#checkMutable();
    if (flags.symlinkFollow) throw "invalid" satisfies FsErrorCode;
    const from = this.#existing(oldPath, {});
    const to = target.#resolve(newPath, false);
    if (to.entry) throw "exist" satisfies FsErrorCode;
    if (to.mustBeDirectory) throw "no-entry" satisfies FsErrorCode;
    attempt(() => fs().linkSync(mutablePath(from), mutablePath(to)));
  }

  openAt(
    pathFlags: PathFlags,
    path: string,
    openFlags: OpenFlags,
    flags: DescriptorFlags,
  ): Descriptor {
    return new Descriptor(this.open(path, { pathFlags, openFlags, flags }));
  }

  /** What {@link openAt} opens, for the descriptors of other versions. @throws {FsErrorCode} */
  open(
    path: string,
    options: { pathFlags: PathFlags; openFlags: OpenFlags; flags: DescriptorFlags },
  ): { directory?: DirectoryHandle; opened?: FileHandle } {
    const { pathFlags, openFlags, flags } = options;
    const base = this.#base();
    const { create, truncate, exclusive, directory } = openFlags;
    const mutates = create || truncate || flags.write || flags.mutateDirectory;
    if (mutates && !base.root.isWritable) throw "not-permitted" satisfies FsErrorCode;
    if (directory && (create || exclusive || truncate)) throw "invalid" satisfies FsErrorCode;
    if (flags.fileIntegritySync || flags.dataIntegritySync || flags.requestedWriteSync) {
      throw "unsupported" satisfies FsErrorCode;
    }
    const isNew = Boolean(create && exclusive);
    const place = this.#resolve(path, Boolean(pathFlags.symlinkFollow) && !isNew);
    const { entry } = place;
    if (!entry && !create) throw "no-entry" satisfies FsErrorCode;
    if (!entry && place.mustBeDirectory) throw "is-directory" satisfies FsErrorCode;
    if (entry && isNew) throw "exist" satisfies FsErrorCode;
    if (entry?.type === "symbolic-link") throw directory ? "not-directory" : "loop";
    if (entry?.type === "directory") {
      if (create || truncate || flags.write) throw "is-directory" satisfies FsErrorCode;
      return { directory: { ...base, parts: place.parts } };
    }
    if (directory) throw "not-directory" satisfies FsErrorCode;
    return { opened: openFile(place, { openFlags, flags, quota: base.quota }) };
  }

  readlinkAt(path: string): string {
    const place = this.#existing(path, {});
    if (place.entry?.type !== "symbolic-link") throw "invalid" satisfies FsErrorCode;
    const target = attempt(() => fs().readlinkSync(place.root.hostPath(place.parts)!));
    // An absolute target would tell where on the host things are.
    if (target.startsWith("/")) throw "not-permitted" satisfies FsErrorCode;
    return target;
  }

  removeDirectoryAt(path: string): void {
    this.#checkMutable();
    const place = this.#existing(path, {});
    if (place.entry?.type !== "directory") throw "not-directory" satisfies FsErrorCode;
    attempt(() => fs().rmdirSync(mutablePath(place)));
  }

  renameAt(oldPath: string, target: Descriptor, newPath: string): void {
    this.#checkMutable();
    target.#checkMutable();
    const from = this.#existing(oldPath, {});
    const to = target.#resolve(newPath, false);
    if (to.mustBeDirectory && from.entry?.type !== "directory") {
      throw "not-directory" satisfies FsErrorCode;
    }
    attempt(() => fs().renameSync(mutablePath(from), mutablePath(to)));
  }

  symlinkAt(target: string, path: string): void {
    this.#checkMutable();
    if (target.startsWith("/")) throw "not-permitted" satisfies FsErrorCode;
    if (target === "" || target.includes("\0")) throw "invalid" satisfies FsErrorCode;
    const place = this.#resolve(path, false);
    if (place.entry) throw "exist" satisfies FsErrorCode;
    if (place.mustBeDirectory) throw "no-entry" satisfies FsErrorCode;
    attempt(() => fs().symlinkSync(target, mutablePath(place)));
  }

  unlinkFileAt(path: string): void {
    this.#checkMutable();
    const place = this.#existing(path, {});
    if (place.entry?.type === "directory") throw "is-directory" satisfies FsErrorCode;
    attempt(() => fs().unlinkSync(mutablePath(place)));
  }

  isSameObject(other: Descriptor): boolean {
    const own = this.metadataHash();
    const its = other.metadataHash();
    return own.lower === its.lower && own.upper === its.upper;
  }

  metadataHash(): MetadataHash {
    if (!this.#directory) {
      return attempt(() => metadataHash(fs().fstatSync(this.#file().file.fd, { bigint: true })));
    }
    const { root, parts } = this.#directory;
    return metadataHash(this.#ownEntry().stats, `${root.guestPath}/${parts.join("/")}`);
  }

  metadataHashAt(flags: PathFlags, path: string): MetadataHash {
    const { root, parts, entry } = this.#existing(path, flags);
    return metadataHash(entry?.stats, `${root.guestPath}/${parts.join("/")}`);
  }

  [Symbol.dispose](): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#opened?.file.release();
  }

  #file(): FileHandle {
    if (!this.#opened || this.#isClosed) throw "bad-descriptor" satisfies FsErrorCode;
    return this.#opened;
  }

  #writableFile(refusal: FsErrorCode): OpenFile {
    const { file, canWrite, isWritable } = this.#file();
    if (!isWritable) throw refusal;
    if (!canWrite) throw "bad-descriptor" satisfies FsErrorCode;
    return file;
  }

  #base(): DirectoryHandle {
    if (!this.#directory) throw "not-directory" satisfies FsErrorCode;
    return this.#directory;
  }

  #checkMutable(): void {
    if (!this.#base().root.isWritable) throw "not-permitted" satisfies FsErrorCode;
  }

  #ownEntry(): Entry {
    const { root, parts } = this.#base();
    const entry = attempt(() => root.entry(parts));
    if (!entry) throw "no-entry" satisfies FsErrorCode;
    return entry;
  }

  #resolve(path: string, follow: boolean): Place {
    const { root, parts } = this.#base();
    return attempt(() => resolvePath(path, { root, base: parts, follow }));
  }

  #existing(path: string, flags: PathFlags): Place {
    const place = this.#resolve(path, Boolean(flags.symlinkFollow));
    if (!place.entry) throw "no-entry" satisfies FsErrorCode;
    return place;
  }
}

function statOf(entry: Entry | undefined): DescriptorStat {
  return entry?.stats ? toStat(entry.stats) : directoryStat();
}

/**
 * The host path of a place that is to change.
 * @throws {FsErrorCode} `not-permitted` for a mounted file and the directories above it, and for
 * what exists only in the guest's view.
 */
function mutablePath(place: Place): string {
  const path = place.root.hostPath(place.parts);
  if (path === undefined || place.root.isPinned(place.parts) || place.parts.length === 0) {
    throw "not-permitted" satisfies FsErrorCode;
  }
  return path;
}

function setTimes(
  place: Place,
  times: { accessed: NewTimestamp; modified: NewTimestamp },
): void {
  const { stats } = place.entry ?? {};
  const path = place.root.hostPath(place.parts);
  if (!stats || path === undefined) throw "not-permitted" satisfies FsErrorCode;
  const { accessed, modified } = newTimes(stats, times);
  // The place has been resolved: a link that is still there is meant itself.
  attempt(() => fs().lutimesSync(path, accessed, modified));
}

/** Opens what a place says, and makes sure that it is what was opened. */
function openFile(
  place: Place,
  options: { openFlags: OpenFlags; flags: DescriptorFlags; quota: FileQuota },
): FileHandle {
  const { openFlags, flags, quota } = options;
  const path = place.root.hostPath(place.parts);
  if (path === undefined) throw "not-permitted" satisfies FsErrorCode;
  const canWrite = Boolean(flags.write);
  const isWritable = place.root.isWritableAt(place.parts);
  if ((canWrite || openFlags.truncate) && !isWritable) throw "not-permitted" satisfies FsErrorCode;
  const canRead = Boolean(flags.read) || !canWrite;
  quota.take();
  let fd: number | undefined;
  try {
    fd = fs().openSync(path, openMode({ canRead, canWrite, openFlags }), 0o666);
    if (isWritable && !place.root.isPinned(place.parts)) checkUnmoved(path, fd);
    // Only now, when it is sure which file it is.
    if (openFlags.truncate) fs().ftruncateSync(fd, 0);
    return { file: new OpenFile(fd, quota), canRead, canWrite, isWritable };
  } catch (error) {
    if (fd !== undefined) fs().closeSync(fd);
    quota.giveBack();
    throw toFsErrorCode(error);
  }
}

function openMode(options: {
  canRead: boolean;
  canWrite: boolean;
  openFlags: OpenFlags;
}): number {
  const { canRead, canWrite, openFlags } = options;
  let mode = canRead && canWrite
    ? fs().constants.O_RDWR
    : canWrite
    ? fs().constants.O_WRONLY
    : fs().constants.O_RDONLY;
  if (openFlags.create) mode |= fs().constants.O_CREAT;
  if (openFlags.exclusive) mode |= fs().constants.O_EXCL;
  // Opening a pipe must not block every guest of the isolate, and a link was never meant. Windows
  // has neither flag.
  return mode | (fs().constants.O_NONBLOCK ?? 0) | (fs().constants.O_NOFOLLOW ?? 0);
}

/**
 * Where guests can write, another instance may have put a link in the way since the path was walked.
 * @throws {FsErrorCode} `not-permitted` if the path leads through a link now, or to another file.
 */
function checkUnmoved(path: string, fd: number): void {
  const opened = fs().fstatSync(fd, { bigint: true });
  const real = fs().realpathSync(path);
  const found = fs().lstatSync(real, { bigint: true });
  if (real !== path || found.ino !== opened.ino || found.dev !== opened.dev) {
    throw "not-permitted" satisfies FsErrorCode;
  }
}
