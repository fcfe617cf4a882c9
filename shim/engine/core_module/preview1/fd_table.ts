/**
 * The file descriptors of one instance.
 *
 * @module
 */

import type { Descriptor, EntryType } from "../../../imports/wasi_filesystem.ts";
import type { InputStream, OutputStream } from "../../../imports/wasi_io.ts";
import { Errno } from "./errno.ts";
import type { WasiHost } from "./wasi_host.ts";

/** An open file or directory. */
export interface OpenDescriptor {
  readonly kind: "descriptor";
  readonly descriptor: Descriptor;
  readonly type: EntryType;
  /** The path that it was mounted at; undefined for what the guest has opened itself. */
  readonly preopen: string | undefined;
  /** Where the next read or write goes, in bytes from the beginning. */
  position: bigint;
  /** Whether writes go to the end. */
  isAppending: boolean;
  /** The entries as they were when reading the directory began. */
  listing: readonly { readonly name: string; readonly type: EntryType }[] | undefined;
}

/** What a number stands for. */
export type OpenFd =
  | { readonly kind: "input"; readonly stream: InputStream }
  | { readonly kind: "output"; readonly stream: OutputStream }
  | OpenDescriptor;

/** Files that one instance may have open. The limit of a component is lower; this bounds numbers. */
const MAX_FDS = 4096;

/**
 * Numbers and what they stand for. It is filled when it is first asked, so that an instance that is
 * rewound gets its streams and directories anew.
 */
export class FdTable {
  readonly #host: WasiHost;
  #entries: (OpenFd | undefined)[] | undefined;

  constructor(host: WasiHost) {
    this.#host = host;
  }

  /** @throws {Errno} `badf`. */
  get(fd: number): OpenFd {
    const entry = this.#all()[fd >>> 0];
    if (!entry) throw new Errno("badf");
    return entry;
  }

  /** @throws {Errno} `badf`, or `wrong` for a stream. */
  descriptor(fd: number, wrong: "badf" | "spipe" | "notdir" = "badf"): OpenDescriptor {
    const entry = this.get(fd);
    if (entry.kind !== "descriptor") throw new Errno(wrong);
    return entry;
  }

  /** Takes what the guest opened. @returns its number, the lowest that is free. */
  add(entry: OpenFd): number {
    const entries = this.#all();
    const free = entries.findIndex((other) => other === undefined);
    const fd = free < 0 ? entries.length : free;
    if (fd >= MAX_FDS) throw new Errno("nomem");
    entries[fd] = entry;
    return fd;
  }

  /** @throws {Errno} `badf`. */
  close(fd: number): void {
    const entry = this.get(fd);
    this.#entries![fd >>> 0] = undefined;
    dispose(entry);
  }

  /** Closes `to`, which then stands for what `from` stood for. @throws {Errno} `badf`. */
  renumber(from: number, to: number): void {
    const entry = this.get(from);
    const replaced = this.get(to);
    if (entry === replaced) return;
    this.#entries![to >>> 0] = entry;
    this.#entries![from >>> 0] = undefined;
    dispose(replaced);
  }

  /** Empties the table. @returns what the guest left open. */
  clear(): Disposable[] {
    const entries = this.#entries ?? [];
    this.#entries = undefined;
    return entries.flatMap((entry) => entry ? [resourceOf(entry)] : []);
  }

  /**
   * Whether the numbers stand for what they do at first, as far as the guest can tell: after a
   * start that opened or closed something, the table cannot be made again.
   */
  isInitial(): boolean {
    if (!this.#entries) return true;
    return this.#entries.every((entry, fd) =>
      fd < 3 ? entry && entry.kind !== "descriptor" : entry && "preopen" in entry && entry.preopen
    );
  }

  #all(): (OpenFd | undefined)[] {
    return this.#entries ??= initialEntries(this.#host);
  }
}

function initialEntries(host: WasiHost): OpenFd[] {
  return [
    { kind: "input", stream: host["wasi:cli/stdin"].getStdin() },
    { kind: "output", stream: host["wasi:cli/stdout"].getStdout() },
    { kind: "output", stream: host["wasi:cli/stderr"].getStderr() },
    ...host["wasi:filesystem/preopens"].getDirectories().map(([descriptor, path]) =>
      openDescriptor(descriptor, { type: "directory", preopen: path })
    ),
  ];
}

/** An entry for a descriptor that was just opened. */
export function openDescriptor(
  descriptor: Descriptor,
  options: { type: EntryType; preopen?: string; isAppending?: boolean },
): OpenDescriptor {
  return {
    kind: "descriptor",
    descriptor,
    type: options.type,
    preopen: options.preopen,
    position: 0n,
    isAppending: options.isAppending ?? false,
    listing: undefined,
  };
}

function resourceOf(entry: OpenFd): Disposable {
  return entry.kind === "descriptor" ? entry.descriptor : entry.stream;
}

function dispose(entry: OpenFd): void {
  resourceOf(entry)[Symbol.dispose]();
}
