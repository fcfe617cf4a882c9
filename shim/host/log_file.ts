/**
 * A log file that several isolates append to, and that anybody may remove or rotate.
 *
 * @module
 */

import { dirname } from "../../lib/path.ts";
import type { LogTarget } from "./log_writer.ts";

/** How long an open file is trusted to be the one at its path, in milliseconds. */
const TRUST_MS = 1_000;

/** Appends to the file at a path, which is opened again when it has been removed or replaced. */
export class LogFile implements LogTarget {
  readonly #path: string;
  #file: Deno.FsFile | undefined;
  #checkedAtMs = 0;

  /** Nothing is opened before the first write. */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Appends `bytes` in one piece, unless the system takes only a part of them.
   * @throws by rejection, if the directory cannot be made or the file not be written.
   */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#file && !await this.#isCurrent(this.#file)) this.close();
    this.#file ??= await openForAppend(this.#path);
    try {
      for (let at = 0; at < bytes.length;) at += await this.#file.write(bytes.subarray(at));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Closes the file; a later write opens it again. */
  close(): void {
    this.#file?.close();
    this.#file = undefined;
    this.#checkedAtMs = 0;
  }

  async #isCurrent(file: Deno.FsFile): Promise<boolean> {
    const nowMs = performance.now();
    if (nowMs - this.#checkedAtMs < TRUST_MS) return true;
    this.#checkedAtMs = nowMs;
    try {
      const [open, named] = await Promise.all([file.stat(), Deno.stat(this.#path)]);
      return open.ino === named.ino && open.dev === named.dev;
    } catch {
      // The path is gone, or cannot be reached; opening it tells what the matter is.
      return false;
    }
  }
}

async function openForAppend(path: string): Promise<Deno.FsFile> {
  await Deno.mkdir(dirname(path), { recursive: true });
  return await Deno.open(path, { append: true, create: true });
}
