/**
 * Open files and the streams over them.
 *
 * @module
 */

import { fs } from "../../lib/node_builtins.ts";
import {
  type ByteSink,
  type ByteSource,
  CLOSED,
  operationFailed,
  WRITE_BUDGET,
} from "./wasi_io.ts";
import { attempt, type FsErrorCode, toFsErrorCode } from "./_fs_errors.ts";

/** What one read takes from a file at most, in bytes. */
const CHUNK_BYTES = 1 << 16;

/** Files that the instances of one component may have open at once. */
const MAX_OPEN_FILES = 1024;

/** Counts a component's open files, so that one component cannot use up the process's. */
export class FileQuota {
  #open = 0;

  /** Files open now. */
  get open(): number {
    return this.#open;
  }

  /** @throws {FsErrorCode} `insufficient-memory`. */
  take(): void {
    if (this.#open >= MAX_OPEN_FILES) throw "insufficient-memory" satisfies FsErrorCode;
    this.#open++;
  }

  giveBack(): void {
    this.#open--;
  }
}

/** A file that a descriptor and its streams share: closed when the last of them lets go. */
export class OpenFile {
  readonly fd: number;
  readonly #quota: FileQuota;
  #users = 1;

  /** @param fd Owned from now on. */
  constructor(fd: number, quota: FileQuota) {
    this.fd = fd;
    this.#quota = quota;
  }

  /** One more user. */
  share(): this {
    this.#users++;
    return this;
  }

  /** One user less. */
  release(): void {
    if (--this.#users !== 0) return;
    this.#quota.giveBack();
    fs().closeSync(this.fd);
  }

  /** At most `length` bytes; none at the end of the file. @throws {FsErrorCode} */
  readAt(offset: bigint, length: number): Uint8Array {
    // Beyond what a file can have, there is nothing.
    if (offset > BigInt(Number.MAX_SAFE_INTEGER)) return new Uint8Array(0);
    const buffer = new Uint8Array(length);
    const count = attempt(() => fs().readSync(this.fd, buffer, 0, length, Number(offset)));
    return count === length ? buffer : buffer.slice(0, count);
  }

  /** Writes all of `bytes`. @throws {FsErrorCode} */
  writeAt(offset: bigint, bytes: Uint8Array): void {
    if (offset + BigInt(bytes.length) > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw "file-too-large" satisfies FsErrorCode;
    }
    let position = Number(offset);
    for (let written = 0; written < bytes.length;) {
      const from = written;
      const count = attempt(() =>
        fs().writeSync(this.fd, bytes, from, bytes.length - from, position)
      );
      written += count;
      position += count;
    }
  }

  /** Bytes in the file. */
  size(): bigint {
    return attempt(() => fs().fstatSync(this.fd, { bigint: true }).size);
  }
}

function streamFailure(error: unknown) {
  const code = toFsErrorCode(error);
  return operationFailed(code, code);
}

/** The file from `offset` on. Never waits: files are always ready. */
export function fileSource(shared: OpenFile, offset: bigint): ByteSource {
  const file = shared.share();
  let position = offset;
  let isClosed = false;
  return {
    isReady: () => true,
    take(max) {
      if (isClosed) throw CLOSED;
      if (max === 0) return new Uint8Array(0);
      let bytes: Uint8Array;
      try {
        bytes = file.readAt(position, Math.min(max, CHUNK_BYTES));
      } catch (error) {
        throw streamFailure(error);
      }
      if (bytes.length === 0) throw CLOSED;
      position += BigInt(bytes.length);
      return bytes;
    },
    wait: () => Promise.resolve(),
    close() {
      if (isClosed) return;
      isClosed = true;
      file.release();
    },
  };
}

/** Writes into the file, from `offset` on or always at its end. */
export function fileSink(shared: OpenFile, offset: bigint | "end"): ByteSink {
  const file = shared.share();
  let position = offset;
  let isClosed = false;
  return {
    capacity() {
      if (isClosed) throw CLOSED;
      return WRITE_BUDGET;
    },
    push(bytes) {
      try {
        if (position === "end") return file.writeAt(file.size(), bytes);
        file.writeAt(position, bytes);
        position += BigInt(bytes.length);
      } catch (error) {
        throw streamFailure(error);
      }
    },
    wait: () => Promise.resolve(),
    close() {
      if (isClosed) return;
      isClosed = true;
      file.release();
    },
  };
}
