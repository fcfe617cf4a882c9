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

/** Writes lines; what cannot be written is lost, and nobody waits for it. */
export class ShimLog {
  readonly #libc: Libc;
  readonly #isDebug: boolean;
  #descriptor: number | undefined;

  constructor(libc: Libc, options: { isDebug: boolean }) {
    this.#libc = libc;
    this.#isDebug = options.isDebug;
  }

  /** Writes to this bundle's FIFO from now on: bundles go when their containers do. */
  use(bundle: string): void {
    this.close();
    try {
      // Neither a reader that is gone nor one that is slow may hold us up.
      const flags = OPEN.readWrite | OPEN.nonBlocking;
      this.#descriptor = openFile(this.#libc, `${bundle}/log`, { flags });
    } catch {
      // Without a log there is nowhere to say so.
      this.#descriptor = undefined;
    }
  }

  write(level: LogLevel, message: string, fields: Readonly<Record<string, string>> = {}): void {
    if (this.#descriptor === undefined || (level === "debug" && !this.#isDebug)) return;
    const time = new Date().toISOString().replace(/\.\d+Z$/, "Z");
    const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
    const line = `time="${time}" level=${level} msg=${JSON.stringify(message)}${rest.join("")}`;
    const bytes = new TextEncoder().encode(`${line.slice(0, MAX_LINE / 4)}\n`);
    // If the FIFO is full, the line is lost.
    this.#libc.write(this.#descriptor, bytes, BigInt(bytes.length));
  }

  close(): void {
    if (this.#descriptor !== undefined) this.#libc.close(this.#descriptor);
    this.#descriptor = undefined;
  }
}
