/**
 * Lines for containerd's log, through the FIFO that every bundle has.
 *
 * @module
 */

import { type Libc, OPEN, openFile } from "./libc.ts";

/** Longer writes to a FIFO may be mixed with those of others. */
const MAX_LINE = 4096;

/** How bad it is. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/**
 * Writes lines; what cannot be written is lost, and nobody waits for it. What is about a container goes
 * to its own bundle, everything else to the one that came last.
 */
export class ShimLog {
  readonly #libc: Libc;
  readonly #isDebug: boolean;
  /** Bundle → descriptor of its FIFO. Kept open: it holds the lines while containerd is away. */
  readonly #descriptors = new Map<string, number>();

  constructor(libc: Libc, options: { isDebug: boolean }) {
    this.#libc = libc;
    this.#isDebug = options.isDebug;
  }

  /** There is a bundle, until {@link forget}. */
  use(bundle: string): void {
    if (this.#descriptors.has(bundle)) return;
    try {
      // Neither a reader that is gone nor one that is slow may hold us up.
      const flags = OPEN.readWrite | OPEN.nonBlocking;
      this.#descriptors.set(bundle, openFile(this.#libc, `${bundle}/log`, { flags }));
    } catch {
      // Without a log there is nowhere to say so.
    }
  }

  /** The bundle goes with its container. */
  forget(bundle: string): void {
    const descriptor = this.#descriptors.get(bundle);
    if (descriptor !== undefined) this.#libc.close(descriptor);
    this.#descriptors.delete(bundle);
  }

  /** @param options.bundle Whose container it is about. */
  write(level: LogLevel, message: string, { bundle }: { bundle?: string } = {}): void {
    const descriptor = (bundle === undefined ? undefined : this.#descriptors.get(bundle)) ??
      [...this.#descriptors.values()].at(-1);
    if (descriptor === undefined || (level === "debug" && !this.#isDebug)) return;
    const time = new Date().toISOString().replace(/\.\d+Z$/, "Z");
    const id = bundle === undefined ? "" : ` id=${bundle.slice(bundle.lastIndexOf("/") + 1)}`;
    const line = `time="${time}" level=${level}${id} msg=${JSON.stringify(message)}`;
    const bytes = new TextEncoder().encode(`${line.slice(0, MAX_LINE / 4)}\n`);
    // If the FIFO is full, the line is lost.
    this.#libc.write(descriptor, bytes, BigInt(bytes.length));
  }

  close(): void {
    for (const bundle of [...this.#descriptors.keys()]) this.forget(bundle);
  }
}
